"""The evaluator's own model: what scores a checkpoint also draws samples from it, so that both read a prompt alike.

Imported inside a stage's `run` only: this module loads torch.
"""

from collections.abc import Sequence
from typing import Any

import torch
from lm_eval.api.instance import Instance
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


def sampled(model: Any, turns: Sequence[str], stop: str, limit: int, **how: float) -> list[str]:
    """Return an answer of a model's to each of a user's turns, drawn at random.

    Args:
        model: lm-eval's.
        turns: what the user says.
        stop: the text that ends an answer.
        limit: tokens of the longest answer.
        how: temperature, and perhaps top_p.
    """
    given = {"until": [stop], "max_gen_toks": limit, "do_sample": True, **how}
    prompts = [model.apply_chat_template([{"role": "user", "content": turn}]) for turn in turns]
    requests = [Instance("generate_until", {}, (text, dict(given)), place) for place, text in enumerate(prompts)]
    said: list[str] = model.generate_until(requests, disable_tqdm=True)
    return said
