"""No learning: half of the steps are done, and the loss on rows held back is where it was at the start."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, halfway, series
from intern.diagnosis._remedies import more, times, to

STAGES = ("sft",)
RANK = 70
GAIN = 0.02  # of the loss at entry
LEFT = 0.05  # nats at entry: under that there is little to learn
CURES = (
    ("sft.learning_rate", times(0.1)),
    ("sft.learning_rate", times(3)),
    ("data.verified", to(True)),
    ("sft.max_steps", more),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires from half-way on when the loss on held-out rows has not fallen by GAIN."""
    held = series(rows, "eval_loss")
    if (
        len(held) < 3
        or held[0] < LEFT
        or "eval_loss" not in rows[-1]
        or not halfway(rows)
        or held[-1] < (1 - GAIN) * held[-2]  # a rough warm-up is being made good
        or min(held[1:]) < (1 - GAIN) * held[0]
    ):
        return None
    return f"loss on held-out rows is {held[-1]:.3f} and was {held[0]:.3f}", CURES
