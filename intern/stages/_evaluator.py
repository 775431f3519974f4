"""The evaluator's own model: what scores a checkpoint also draws samples from it, so that both read a prompt alike.

Imported inside a stage's `run` only: this module loads torch.
"""

from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from intern.stages import Task, _trainer


def language_model(task: Task) -> Any:
    """Return lm-eval's Hugging Face model of the checkpoint, on a GPU if there is one."""
    config = task.config
    return HFLM(
        pretrained=task.model,
        revision=task.revision or "main",
        use_safetensors=True,  # or a pickle, which can run code, would do
        tokenizer=_trainer.tokenizer(task),
        dtype=config.model.dtype,
        device="cuda" if torch.cuda.is_available() else "cpu",
        batch_size=config.compute.eval_batch_size,
        max_length=config.model.context,
    )


def named_model(task: Task, name: str) -> Any:
    """Return lm-eval's model of a folder or repository that is not the trial's: its own tokenizer, type and context."""
    return HFLM(
        pretrained=name,
        use_safetensors=True,
        dtype="auto",
        device="cuda" if torch.cuda.is_available() else "cpu",
        batch_size=task.config.compute.eval_batch_size,
    )
