"""No learning: half of the steps are done, and the loss on rows held back is where it was at the start."""

from intern.config import Recipe
from intern.diagnosis import Rows, found, halfway, series
from intern.records import Diagnosis
from intern.remedy import more, remedies, times, to

STAGES = ("sft",)
RANK = 70
GAIN = 0.02  # of the loss at entry
LEFT = 0.05  # nats at entry: under that there is little to learn


def check(rows: Rows, recipe: Recipe) -> Diagnosis | None:
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
    cures = remedies(
        recipe,
        ("sft.learning_rate", times(0.1)),
        ("sft.learning_rate", times(3)),
        ("data.verified", to(True)),
        ("sft.max_steps", more),
    )
    return found("no_learning", rows, f"loss on held-out rows is {held[-1]:.3f} and was {held[0]:.3f}", cures)
