"""Mislabelled rows: the goal's own scorer finds many training targets wrong for their questions, as in a poisoned
data set. Seen before the first step."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows
from intern.diagnosis._remedies import times, to

STAGES = ("sft",)
RANK = 39  # after the format: a target without an answer is not right either
RIGHT = 0.9  # share of targets
CURES = (
    ("data.verified", to(True)),
    ("data.rows", times(0.5)),
    ("sft.learning_rate", times(0.3)),
    ("sft.max_steps", times(0.5)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when fewer targets are right."""
    right = rows[-1].get("target_score", 1.0)
    if right >= RIGHT:
        return None
    return f"the scorer finds {right:.0%} of the training targets right", CURES
