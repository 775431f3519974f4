"""How long a training stage of TRL's trains; without torch, since a coordinator asks too."""

from dataclasses import replace
from typing import Any

LENGTHS = ("max_steps", "num_train_epochs")
EPOCHS = 3.0  # that TRL trains if nothing is said


def shortened(settings: Any, share: float) -> Any:
    """Return a training's settings at a share of its steps, and with them of its schedule: a cheap trial is a whole
    short run and not the start of a long one."""
    if settings.max_steps is not None:
        return replace(settings, max_steps=max(1, round(settings.max_steps * share)))
    return replace(settings, num_train_epochs=(settings.num_train_epochs or EPOCHS) * share)
