"""A loss, gradient or reward that is no finite number: nothing that follows can be trusted. An overflow after
too large a step is the usual cause; a reward that never finds anything to judge is the other."""

import math

from intern.config import Recipe
from intern.diagnosis import Rows, found
from intern.records import Diagnosis
from intern.remedy import remedies, times

STAGES = ("sft", "grpo")
RANK = 0
WATCHED = ("loss", "eval_loss", "grad_norm", "reward", "entropy", "kl")


def check(rows: Rows, recipe: Recipe) -> Diagnosis | None:
    """Fires at the first row with such a value."""
    row = rows[-1]
    bad = [key for key in WATCHED if key in row and (row[key] is None or not math.isfinite(row[key]))]
    if not bad:
        return None
    stage = row["stage"]
    cures = remedies(
        recipe,
        (f"{stage}.learning_rate", times(0.1)),
        (f"{stage}.max_grad_norm", times(0.3)),
        (f"{stage}.learning_rate", times(0.3)),
    )
    return found("nan", rows, f"{', '.join(bad)} is not a finite number", cures)
