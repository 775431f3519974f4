"""What the training stages share: TRL's arguments, the watch on the metrics, loading and saving.

Imported inside a stage's run only: this module loads torch."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, TrainerCallback
from transformers.trainer_utils import get_last_checkpoint

from intern import diagnosis
from intern.config import Config, Grpo, Sft, given
from intern.records import Diagnosis
from intern.stages import Inputs

METRICS = "metrics.jsonl"
PARTIAL = "partial"  # the trainer's own checkpoints, from which a killed stage goes on


def arguments(section: Sft | Grpo, config: Config, inputs: Inputs, out: Path) -> dict[str, Any]:
    """Keyword arguments of SFTConfig or GRPOConfig: the recipe's fields and what the machine decides.

    The model is loaded in float32: optimiser steps of 1e-6 vanish in bfloat16 weights."""
    gpu = torch.cuda.is_available()
    return {
        **given(section),
        "output_dir": str(out / PARTIAL),
        "seed": inputs.seed,
        "bf16": gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not gpu,
        "report_to": "none",
        "disable_tqdm": True,
        "save_strategy": "steps",
        "save_steps": config.compute.checkpoint_steps,
        "save_total_limit": 1,
        "model_init_kwargs": {"dtype": "float32", "revision": revision(inputs, config)},
    }


def tokenizer(inputs: Inputs, config: Config) -> Any:
    """The model's tokenizer, ending its turns as its chat template does."""
    loaded = AutoTokenizer.from_pretrained(inputs.model, revision=revision(inputs, config))
    if config.model.eos_token:
        loaded.eos_token = config.model.eos_token
    if loaded.pad_token is None:
        loaded.pad_token = loaded.eos_token
    return loaded


def revision(inputs: Inputs, config: Config) -> str | None:
    """The pinned revision where the model still comes from the Hub."""
    return None if Path(inputs.model).is_dir() else config.model.revision


def lora(config: Config) -> Any:
    """PEFT's config where the recipe asks for LoRA; alpha = 32 on all linear layers as in "LoRA without regret"."""
    if config.recipe.lora is None:
        return None
    from peft import LoraConfig

    return LoraConfig(r=config.recipe.lora, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")


def fit(trainer: Any, config: Config, out: Path, stage: str) -> None:
    """Train, watched; write the checkpoint into `out`, or diagnosis.json where a rule stopped the stage."""
    watch = Watch(stage, config, out)
    trainer.add_callback(watch)
    partial = get_last_checkpoint(out / PARTIAL) if (out / PARTIAL).is_dir() else None
    trainer.train(resume_from_checkpoint=partial)
    if watch.diagnosis:
        (out / "diagnosis.json").write_text(json.dumps(asdict(watch.diagnosis)))
        return
    save(trainer, config, out)


def save(trainer: Any, config: Config, out: Path) -> None:
    """Weights (LoRA merged) in the model's dtype, tokenizer, chat template and a greedy generation config."""
    trained = trainer.accelerator.unwrap_model(trainer.model)
    if config.recipe.lora is not None:
        trained = trained.merge_and_unload()
    tok = trainer.processing_class
    trained.generation_config.update(
        eos_token_id=tok.eos_token_id,
        pad_token_id=tok.pad_token_id,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
    )
    trained.to(getattr(torch, config.model.dtype)).save_pretrained(out)
    tok.save_pretrained(out)


class Watch(TrainerCallback):
    """Appends every logged row to metrics.jsonl and lets the diagnosis rules end the stage."""

    def __init__(self, stage: str, config: Config, out: Path) -> None:
        self.stage, self.config, self.path = stage, config, out / METRICS
        self.rows: list[dict[str, Any]] = []
        self.diagnosis: Diagnosis | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the rows of an earlier attempt up to the step that training goes on from."""
        if self.path.exists():
            rows = [json.loads(line) for line in self.path.read_text().splitlines() if line.endswith("}")]
            self.rows = [row for row in rows if row["step"] <= state.global_step]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """No trainer checkpoint at the last step: the stage's own output follows at once."""
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        """One row per logging step; the summary at the end of training has no loss and is left out."""
        if not logs or "loss" not in logs:
            return
        row = {"stage": self.stage, "step": state.global_step, "steps": state.max_steps, **logs}
        self.rows.append(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        self.diagnosis = diagnosis.check(self.stage, self.rows, self.config.recipe)
        if self.diagnosis:
            control.should_training_stop = True
            control.should_save = False
