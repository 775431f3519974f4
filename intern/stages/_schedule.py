"""How long and how fast a training stage of TRL's trains; without torch, since a coordinator asks too.

A learning rate that is not given follows the model's width: 5e-5 x (2000 / width)^0.781, ten times that with LoRA. It
is the rule that tinker-cookbook fitted to its sweeps for Llama (https://tinker-docs.thinkingmachines.ai, "Supervised
learning hyperparameters"); its exponent for Qwen, 0.0775, is nearly flat and says little of models this small. Steps
that are not given are three epochs, but at least 100, which the same page asks for, and at most 1,000.
"""

import math
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

from pydantic import Field

from intern.config.cost import Training
from intern.config.ranges import Count, Size
from intern.config.schema import Config, tunable

LENGTHS = ("max_steps", "num_train_epochs")
EPOCHS = 3.0  # that TRL trains if nothing is said
RATE, WIDTH, EXPONENT, LORA = 5e-5, 2000, 0.781, 10.0
FEWEST, MOST = 100, 1000  # steps
BATCH = 8  # rows at once, TRL's default
Scheduler = Literal[  # of transformers; greedy and reduce_lr_on_plateau need a loss that nobody gives them
    "linear",
    "cosine",
    "cosine_with_restarts",
    "polynomial",
    "constant",
    "constant_with_warmup",
    "inverse_sqrt",
    "cosine_with_min_lr",
    "cosine_warmup_with_min_lr",
    "warmup_stable_decay",
]
Norm = Annotated[float, Field(ge=0, le=1e6)]  # of a gradient; 0: not clipped
Interval = Annotated[float, Field(gt=0, le=1e7)]  # in steps; below 1: as a share of them


@dataclass
class Schedule:
    """What every trainer of TRL's is told of its steps; None means TRL's default."""

    learning_rate: Annotated[float, Field(gt=0, le=1)] | None = tunable()
    max_steps: Count | None = tunable()
    num_train_epochs: Annotated[float, Field(gt=0, le=1e4)] | None = tunable()
    per_device_train_batch_size: Size | None = tunable()
    gradient_accumulation_steps: Size | None = tunable()
    warmup_steps: Annotated[float, Field(ge=0, le=1e7)] | None = tunable()
    weight_decay: Annotated[float, Field(ge=0, le=10)] | None = tunable()
    lr_scheduler_type: Scheduler | None = tunable()


def rate(config: Config, share: float = 1.0) -> float:
    """Return the learning rate of supervised training for a model's width, or a share of it, with two digits."""
    width = config.model.width or WIDTH
    lora = 1.0 if config.recipe.lora is None else LORA
    return float(f"{share * RATE * lora * (WIDTH / width) ** EXPONENT:.1e}")


def steps(settings: Schedule, rows: int | None) -> int | None:
    """Return how many steps to train on so many rows; None if the epochs are given, or the rows are not known."""
    if rows is None or settings.num_train_epochs is not None:
        return None
    return min(max(round(EPOCHS * rows / batch(settings)), FEWEST), MOST)


def at_once(settings: Schedule) -> int:
    """Return the rows of a forward and a backward pass."""
    return settings.per_device_train_batch_size or BATCH


def batch(settings: Schedule) -> int:
    """Return the rows of an optimiser step."""
    return at_once(settings) * (settings.gradient_accumulation_steps or 1)


def training(settings: Any, rows: int | None, **more: Any) -> Training:
    """Return the work of a training on so many rows; None if they are not known."""
    steps = settings.max_steps
    if steps is None and rows is not None:
        steps = math.ceil((settings.num_train_epochs or EPOCHS) * rows / batch(settings))
    checkpointing = settings.activation_checkpointing is not False  # which is TRL's default
    return Training(steps, batch(settings), at_once(settings), checkpointing=checkpointing, **more)


def halved(settings: Any) -> Any | None:
    """Return the settings with half the rows at once and twice the passes of a step; None if that cannot be.

    TRL divides the sum of a step's losses by its tokens, however many passes it takes, and the rows of a step are the
    same: what is learnt differs by rounding alone."""
    rows = at_once(settings)
    if rows % 2:
        return None
    passes = 2 * (settings.gradient_accumulation_steps or 1)
    return replace(settings, per_device_train_batch_size=rows // 2, gradient_accumulation_steps=passes)


def shortened(settings: Any, share: float) -> Any:
    """Return a training's settings at a share of its steps, and with them of its schedule: a cheap trial is a whole
    short run and not the start of a long one."""
    if settings.max_steps is not None:
        return replace(settings, max_steps=max(1, round(settings.max_steps * share)))
    return replace(settings, num_train_epochs=(settings.num_train_epochs or EPOCHS) * share)
