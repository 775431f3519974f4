"""What the training stages share: TRL's arguments, the watch on the metrics, loading and saving.

Imported inside a stage's `run` only: this module loads torch.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, TrainerCallback

from intern import diagnosis, files, records
from intern.config.schema import Config, given
from intern.records import Diagnosis
from intern.stages import Task

METRICS = "metrics.jsonl"
DIAGNOSIS = "diagnosis.json"
PARTIAL = "partial"  # the trainer's own checkpoints, from which a killed stage goes on
SPEED = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "eval_num_tokens")


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
        "save_strategy": "steps",
        "save_steps": task.config.compute.checkpoint_steps,
        "save_total_limit": 1,
        "model_init_kwargs": {"dtype": "float32", "revision": task.revision},
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


def fit(trainer: Any, task: Task, watch: "Watch") -> None:
    """Train, watched; write the checkpoint, or diagnosis.json if a rule stopped the stage."""
    trainer.add_callback(watch)
    trainer.train(resume_from_checkpoint=whole(task.out / PARTIAL))
    if watch.diagnosis:
        files.write_whole(task.out / DIAGNOSIS, records.dump(watch.diagnosis))
        return
    save(trainer, task.config, task.out)


def whole(partial: Path) -> str | None:
    """Return the last of the trainer's checkpoints that no kill cut short: its state is written last."""
    done = [path.parent for path in partial.glob("checkpoint-*/trainer_state.json") if path.stat().st_size]
    return str(max(done, key=lambda path: int(path.name.rpartition("-")[2]))) if done else None


def save(trainer: Any, config: Config, out: Path) -> None:
    """Write weights (LoRA merged) in the model's dtype, tokenizer, chat template and a greedy generation config."""
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

    def __init__(self, task: Task, probe: Callable[[], dict[str, Any]] | None, probes: int, **first: float) -> None:
        """Watch a stage.

        Args:
            task: the stage.
            probe: called before the first step and `probes` times on the way; its metrics make a row of their own.
            probes: how often.
            first: metrics that are known before the first step.
        """
        self.task, self.path, self.first = task, task.out / METRICS, first
        self.probe, self.probes = probe, probes
        self.rows: list[dict[str, Any]] = []
        self.diagnosis: Diagnosis | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the rows of an earlier attempt up to the step that training goes on from."""
        rows = files.rows(self.path)
        self.rows = [row for row in rows if row["step"] <= state.global_step > 0]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        begins = not self.rows
        if self.first and begins:
            self.add(state, control, self.first)
        if self.probe and begins:
            self.add(state, control, self.probe())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Probe if it is time. No trainer checkpoint at the last step: the stage's own output follows at once."""
        if self.probe and state.global_step * self.probes % state.max_steps < self.probes:
            self.add(state, control, self.probe())
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        """Add one row per logging step and per evaluation; the summary at the end of training is neither."""
        if logs and "loss" in logs:
            self.add(state, control, logs)
        elif logs and "eval_loss" in logs and not self.evaluated(state.global_step):
            kept = {key: value for key, value in logs.items() if key.startswith("eval_") and key not in SPEED}
            self.add(state, control, kept)

    def evaluated(self, step: int) -> bool:
        """Return whether an earlier attempt has evaluated at this step: going on begins with an evaluation."""
        return any(row["step"] == step and "eval_loss" in row for row in self.rows)

    def add(self, state: Any, control: Any, metrics: Mapping[str, Any]) -> None:
        """Append a row, and stop the training if a rule fires on the rows so far."""
        row = {"stage": self.task.name, "step": state.global_step, "steps": state.max_steps, **metrics}
        self.rows.append(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.task.config.diagnose and not self.diagnosis:
            self.diagnosis = diagnosis.check(self.task.name, self.rows, self.task.config)
        if self.diagnosis:
            control.should_training_stop = True
            control.should_save = False
