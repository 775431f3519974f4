"""A loss, gradient or reward that is no finite number: nothing that follows can be trusted. An overflow after
too large a step is the usual cause; a reward that never finds anything to judge is the other."""

import math

from intern.config.changes import times
from intern.diagnosis import Run, Symptom

WATCHED = ("loss", "eval_loss", "grad_norm", "reward", "entropy", "kl")
REMEDIES = (
    ("learning_rate", times(0.1)),
    ("max_grad_norm", times(0.3)),
    ("learning_rate", times(0.3)),
)


def check(run: Run) -> Symptom | None:
    """Fire at the first row with such a value."""
    row = run.last
    bad = [key for key in WATCHED if key in row and (row[key] is None or not math.isfinite(row[key]))]
    if not bad:
        return None
    return Symptom(f"{', '.join(bad)} is not a finite number", REMEDIES)
