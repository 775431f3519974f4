"""How long and how fast a training stage of TRL's trains; without torch, since a coordinator asks too."""

from dataclasses import dataclass, replace
from typing import Any

from intern.config.schema import tunable

LENGTHS = ("max_steps", "num_train_epochs")
EPOCHS = 3.0  # that TRL trains if nothing is said


@dataclass
class Schedule:
    """What every trainer of TRL's is told of its steps; None means TRL's default."""

    learning_rate: float | None = tunable()
    max_steps: int | None = tunable()
    num_train_epochs: float | None = tunable()
    per_device_train_batch_size: int | None = tunable()
    gradient_accumulation_steps: int | None = tunable()
    warmup_steps: float | None = tunable()
    weight_decay: float | None = tunable()
    lr_scheduler_type: str | None = tunable()


def shortened(settings: Any, share: float) -> Any:
    """Return a training's settings at a share of its steps, and with them of its schedule: a cheap trial is a whole
    short run and not the start of a long one."""
    if settings.max_steps is not None:
        return replace(settings, max_steps=max(1, round(settings.max_steps * share)))
    return replace(settings, num_train_epochs=(settings.num_train_epochs or EPOCHS) * share)
