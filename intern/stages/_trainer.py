"""What the training stages share: TRL's arguments, the watch on the metrics, loading and saving.

Imported inside a stage's run only: this module loads torch."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from transformers import AutoTokenizer, TrainerCallback

from intern import diagnosis
from intern.config.schema import Config, Grpo, Sft, answer_length, given, shortened
from intern.data.items import Row
from intern.records import Diagnosis
from intern.rewards import Outcome
from intern.stages import Inputs, _probe

METRICS = "metrics.jsonl"
PARTIAL = "partial"  # the trainer's own checkpoints, from which a killed stage goes on
SPEED = ("eval_runtime", "eval_samples_per_second", "eval_steps_per_second", "eval_num_tokens")


def arguments(section: Sft | Grpo, config: Config, inputs: Inputs, out: Path, fidelity: float) -> dict[str, Any]:
    """Keyword arguments of SFTConfig or GRPOConfig: the recipe's fields and what the machine decides.

    The model is loaded in float32: optimiser steps of 1e-6 vanish in bfloat16 weights. `fidelity` shortens the
    training and with it the schedule, so that a cheap trial is a whole short run and not the start of a long one."""
    gpu = torch.cuda.is_available()
    return {
        **given(section),
        **shortened(section, fidelity),
        "output_dir": str(out / PARTIAL),
        "seed": inputs.seed,
        "bf16": gpu and torch.cuda.is_bf16_supported(),
        "use_cpu": not gpu,
        "report_to": "none",
        "disable_tqdm": True,
        "logging_first_step": True,
        "logging_nan_inf_filter": False,  # a loss that is no number must be seen
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


def fit(trainer: Any, config: Config, out: Path, watch: "Watch") -> None:
    """Train, watched; write the checkpoint into `out`, or diagnosis.json where a rule stopped the stage."""
    trainer.add_callback(watch)
    trainer.train(resume_from_checkpoint=whole(out / PARTIAL))
    if watch.diagnosis:
        (out / "diagnosis.json").write_text(json.dumps(asdict(watch.diagnosis)))
        return
    save(trainer, config, out)


def whole(partial: Path) -> str | None:
    """The last of the trainer's checkpoints that no kill cut short: its state is written last."""
    done = [path.parent for path in partial.glob("checkpoint-*/trainer_state.json") if path.stat().st_size]
    return str(max(done, key=lambda path: int(path.name.rpartition("-")[2]))) if done else None


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


def canaries(trainer: Any, rows: Sequence[Row], outcome: Outcome, config: Config) -> dict[str, Any]:
    """What the model writes for held-out rows, greedy: how many there are, which are right, the rates of `canary`."""
    model = trainer.accelerator.unwrap_model(trainer.model)
    size, training = trainer.args.per_device_train_batch_size, model.training
    model.eval()  # in training mode with activation checkpointing there is no KV cache
    written = [answer for i in range(0, len(rows), size) for answer in answers(trainer, rows[i : i + size], config)]
    model.train(training)
    texts, ended = zip(*written, strict=True)
    right = _probe.marks(texts, rows, outcome)
    share = {"right_rate": right.count("1") / len(rows), "truncation": ended.count(False) / len(rows)}
    return {"canaries": len(rows), "right": right, **share, **_probe.rates(texts, rows, outcome)}


def answers(trainer: Any, rows: Sequence[Row], config: Config) -> list[tuple[str, bool]]:
    """(text, whether it came to an end) for each row, in one batch."""
    tok, model = trainer.processing_class, trainer.accelerator.unwrap_model(trainer.model)
    chats = [[{"role": "user", "content": row["question"]}] for row in rows]
    prompts = [tok.apply_chat_template(chat, add_generation_prompt=True, tokenize=False) for chat in chats]
    batch = tok(prompts, return_tensors="pt", padding=True, padding_side="left", add_special_tokens=False)
    with torch.no_grad():
        made = model.generate(
            **batch.to(model.device),
            max_new_tokens=answer_length(config.goal),
            do_sample=False,
            eos_token_id=tok.eos_token_id,
            pad_token_id=tok.pad_token_id,
        )[:, batch["input_ids"].shape[1] :]
    ended = (made == tok.eos_token_id).any(dim=1).tolist()
    return list(zip(tok.batch_decode(made, skip_special_tokens=True), ended, strict=True))


class Watch(TrainerCallback):
    """Appends every logged row to metrics.jsonl and lets the diagnosis rules end the stage."""

    def __init__(self, stage: str, config: Config, out: Path, **first: float) -> None:
        """`first` is known before the first step. `look`, where there is one, is called then and `looks` times on the
        way; its metrics make a row of their own."""
        self.stage, self.config, self.path, self.first = stage, config, out / METRICS, first
        self.rows: list[dict[str, Any]] = []
        self.look: Callable[[], dict[str, Any]] | None = None
        self.looks = 0
        self.diagnosis: Diagnosis | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Keep the rows of an earlier attempt up to the step that training goes on from."""
        if self.path.exists():
            rows = [json.loads(line) for line in self.path.read_text().splitlines() if line.endswith("}")]
            self.rows = [row for row in rows if row["step"] <= state.global_step > 0]
        self.path.write_text("".join(json.dumps(row) + "\n" for row in self.rows))
        begins = not self.rows
        if self.first and begins:
            self.add(state, control, self.first)
        if self.look and begins:
            self.add(state, control, self.look())

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Look at the canaries where it is time. No trainer checkpoint at the last step: the stage's own output
        follows at once."""
        if self.look and state.global_step * self.looks % state.max_steps < self.looks:
            self.add(state, control, self.look())
        if state.global_step >= state.max_steps:
            control.should_save = False

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **_: Any) -> None:
        """One row per logging step and per evaluation; the summary at the end of training is neither."""
        if logs and "loss" in logs:
            self.add(state, control, logs)
        elif logs and "eval_loss" in logs and not self.evaluated(state.global_step):
            kept = {key: value for key, value in logs.items() if key.startswith("eval_") and key not in SPEED}
            self.add(state, control, kept)

    def evaluated(self, step: int) -> bool:
        """Whether an earlier attempt has evaluated at this step: going on begins with an evaluation."""
        return any(row["step"] == step and "eval_loss" in row for row in self.rows)

    def add(self, state: Any, control: Any, metrics: Mapping[str, Any]) -> None:
        """Append a row, and stop the training where a rule fires on the rows so far."""
        row = {"stage": self.stage, "step": state.global_step, "steps": state.max_steps, **metrics}
        self.rows.append(row)
        with self.path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        if self.config.diagnose and not self.diagnosis:
            self.diagnosis = diagnosis.check(self.stage, self.rows, self.config.recipe)
        if self.diagnosis:
            control.should_training_stop = True
            control.should_save = False
