"""Stage sft: supervised fine-tuning with TRL, the loss on completions only.

A few rows are held back and never trained on: the loss on them, and what the model writes for them, is what the
diagnosis rules watch.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from intern import rewards
from intern.config.cost import Cost
from intern.config.ranges import Count
from intern.config.schema import Config, tunable
from intern.data import items, sources
from intern.data.items import Row
from intern.rewards import Outcome
from intern.stages import Task, _probe, _schedule

VERSION = 5
READS = (
    *("recipe.lora", "model.dtype", "model.eos_token", "goal.scorer", "goal.scorer_settings"),
    *("goal.dev", "goal.max_new_tokens", "diagnose", "diagnosis"),
)
USES = ("model", "rows", "seed")
NEEDS = ("rows",)
MAKES = "model"
LENGTHS = _schedule.LENGTHS
shortened = _schedule.shortened
halved = _schedule.halved
KEEPS = ("metrics.jsonl", "diagnosis.json")
TARGETS = True
PRELOADS = ("trl.trainer.sft_trainer",)
DEFAULTS = {"learning_rate": 2e-5, "warmup_steps": 0.0, "weight_decay": 0.0, "max_grad_norm": 1.0}  # TRL's
CURVES = {
    "loss": "loss",
    "mean_token_accuracy": "accuracy",
    "right_rate": "held out",
    "eval_loss": "held-out loss",
    "parse_rate": "parsed",
    "truncation": "cut",
    "repetition": "repeated",
}
LOOKS = 8  # at the rows held back, at most
MAX_LENGTH = 1024  # TRL's default


@dataclass
class Settings(_schedule.Schedule):
    """Fields of trl.SFTConfig; None means TRL's default."""

    lr_scheduler_kwargs: dict[str, Any] | None = None
    loss_type: Literal["nll", "dft"] | None = tunable()
    packing: bool | None = tunable()
    max_length: Count | None = tunable()
    max_grad_norm: _schedule.Norm | None = tunable()
    activation_checkpointing: bool | None = None
    logging_steps: _schedule.Interval | None = None


def fitted(settings: Settings, config: Config, rows: int | None) -> Settings:
    """Return the settings with a learning rate and a number of steps."""
    return replace(
        settings,
        learning_rate=settings.learning_rate or _schedule.rate(config),
        max_steps=settings.max_steps or _schedule.steps(settings, rows),
    )


def faults(settings: Settings, config: Config) -> list[str]:
    """Return the length, if one is given that exceeds the model's context."""
    if config.model.context is None or length(settings, config) <= config.model.context:
        return []
    return [f"max_length={settings.max_length} exceeds model.context={config.model.context}"]


def length(settings: Settings, config: Config) -> int:
    """Return the longest row in tokens: as given, or TRL's own, or as much as the model takes."""
    return settings.max_length or min(MAX_LENGTH, config.model.context or MAX_LENGTH)


def cost(settings: Settings, config: Config, rows: int | None) -> Cost:
    """Return a training on targets."""
    return Cost(_schedule.training(settings, rows, longest=length(settings, config)))


def plugins(settings: Settings, config: Config) -> Iterator[tuple[str, str]]:
    """Yield the goal's scorer."""
    yield "rewards", config.goal.scorer
    yield from sources.verifiers(config.recipe)


def run(task: Task) -> None:
    """Train on question → target in the model's chat template; write the checkpoint."""
    from datasets import Dataset
    from trl import SFTConfig, SFTTrainer

    from intern.stages import _trainer, _watch

    assert task.rows
    rows = sorted(items.read(task.rows), key=lambda row: not row["question"])  # texts last: they are not looked at
    held_out, trained = _probe.parted(rows)
    batch = _schedule.at_once(task.settings)
    arguments = {**_trainer.arguments(task), "max_length": length(task.settings, task.config)}
    trainer = SFTTrainer(
        model=task.model,
        args=SFTConfig(
            **arguments,
            per_device_eval_batch_size=min(len(held_out) or batch, batch),  # what fits in training
            eval_packing=False,
        ),
        train_dataset=Dataset.from_list([chat(row) for row in trained]),
        eval_dataset=Dataset.from_list([chat(row) for row in held_out]) if held_out else None,
        processing_class=_trainer.tokenizer(task),
        peft_config=_trainer.lora(task.config),
    )
    outcome = rewards.scorer(task.config.goal)
    judged = judge(rows, outcome, task.config)
    judges = outcome if judged and task.config.diagnose else None
    looked_at = _probe.HeldOut(trainer, held_out, judges, task.config) if held_out else None
    _trainer.fit(trainer, task, _watch.Watch(task, looked_at, LOOKS, counts_anew=True, **judged))


def judge(rows: list[Row], outcome: Outcome, config: Config) -> dict[str, float]:
    """Return the shares of targets in which the scorer finds an answer and the right one; {} if it is not the scorer of
    the goal: lm-eval's own tasks may find an answer in another way; or if no row has a question."""
    asked = list(rewards.looked_at(outcome, [row for row in rows if row["question"]]))
    outcomes = rewards.many(outcome, [row["target"] for row in asked], asked)
    if not outcomes or (config.goal.dev and None in outcomes):
        return {}
    size = len(outcomes)
    return {"target_parse_rate": 1 - outcomes.count(None) / size, "target_score": outcomes.count(1.0) / size}


def chat(row: Row) -> dict[str, Any]:
    """Return a row in TRL's prompt and completion columns."""
    return {
        "prompt": [{"role": "user", "content": row["question"]}],
        "completion": [{"role": "assistant", "content": row["target"]}],
    }
