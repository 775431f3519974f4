"""A loss, gradient or reward that is no finite number: nothing that follows can be trusted. An overflow after
too large a step is the usual cause; a reward that never finds anything to judge is the other."""

import math

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows
from intern.diagnosis._remedies import times

STAGES = ("sft", "grpo")
RANK = 0
WATCHED = ("loss", "eval_loss", "grad_norm", "reward", "entropy", "kl")
CURES = (
    (".learning_rate", times(0.1)),
    (".max_grad_norm", times(0.3)),
    (".learning_rate", times(0.3)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires at the first row with such a value."""
    row = rows[-1]
    bad = [key for key in WATCHED if key in row and (row[key] is None or not math.isfinite(row[key]))]
    if not bad:
        return None
    return f"{', '.join(bad)} is not a finite number", CURES
