"""What the training stages share: TRL's arguments, loading and saving.

Imported inside a stage's `run` only: this module loads torch.
"""

from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer

from intern import digests, files, records
from intern.config.schema import Config, given
from intern.stages import CUT, PARTIAL, Task
from intern.stages._probe import end_ids
from intern.stages._watch import Watch

DIAGNOSIS = "diagnosis.json"


def arguments(task: Task) -> dict[str, Any]:
    """Return keyword arguments of TRL's config: the stage's settings and what the machine decides.

    The model is loaded in float32: optimiser steps of 1e-6 vanish in bfloat16 weights."""
    gpu = torch.cuda.is_available()
    return {
        **given(task.settings),
        "output_dir": str(task.out / PARTIAL),
        "seed": task.seed,
        "bf16": gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not gpu,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # a loss that is no number must be seen
        "eval_strategy": "no",  # the watch looks at the rows held back, and says when to save
        "save_strategy": "no",
        "model_init_kwargs": {"dtype": "float32", "revision": task.revision, "use_safetensors": True},
    }


def tokenizer(task: Task) -> Any:
    """Return the model's tokenizer, ending its turns as its chat template does."""
    loaded = AutoTokenizer.from_pretrained(task.model, revision=task.revision)
    if task.config.model.eos_token:
        loaded.eos_token = task.config.model.eos_token
    if loaded.pad_token is None:
        loaded.pad_token = loaded.eos_token
    return loaded


def lora(config: Config) -> Any:
    """Return PEFT's config if the recipe asks for LoRA: alpha 32 on all linear layers as in "LoRA without regret"."""
    if config.recipe.lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(r=config.recipe.lora, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")


def fit(trainer: Any, task: Task, watch: Watch) -> None:
    """Train, watched; write the checkpoint, and cut.json if the time was up; or diagnosis.json if a rule stopped it."""
    for stale in (CUT, DIAGNOSIS):  # of an attempt that was killed before its output was kept
        (task.out / stale).unlink(missing_ok=True)
    trainer.add_callback(watch)
    trainer.train(resume_from_checkpoint=whole(task.out / PARTIAL))
    if watch.diagnosis:
        files.write_whole(task.out / DIAGNOSIS, records.dump(watch.diagnosis))
        return
    save(trainer, task.config, task.out)
    if watch.cut:
        files.write_whole(task.out / CUT, watch.cut)


def whole(partial: Path) -> str | None:
    """Return the last of the trainer's checkpoints that no kill cut short and that is not damaged; None: start anew."""
    for path in sorted(partial.glob("checkpoint-*"), key=lambda path: -int(path.name.rpartition("-")[2])):
        fault = digests.broken(path)
        if fault is None:
            return str(path)
        print(f"the trainer's {path.name} is not used: {fault}")
    return None


def save(trainer: Any, config: Config, out: Path) -> None:
    """Write weights (LoRA merged) in the model's dtype, tokenizer, chat template and a greedy generation config."""
    trained = trainer.accelerator.unwrap_model(trainer.model)
    if config.recipe.lora is not None:
        trained = trained.merge_and_unload()
    tok = trainer.processing_class
    ends = end_ids(trained, tok)
    trained.generation_config.update(
        eos_token_id=ends if len(ends) > 1 else ends[0],
        pad_token_id=tok.pad_token_id,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
    )
    trained.to(getattr(torch, str(config.model.dtype))).save_pretrained(out)
    tok.save_pretrained(out)
