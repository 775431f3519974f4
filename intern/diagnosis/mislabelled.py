"""Mislabelled rows: the goal's own scorer finds many training targets wrong for their questions, as in a poisoned
data set. Seen before the first step."""

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom

AFTER = ("format_problem",)  # a target without an answer is not right either
RIGHT = 0.9  # share of targets
REMEDIES = (
    ("*.verified", to(True)),
    ("*.rows", times(0.5)),
    ("learning_rate", times(0.3)),
    ("max_steps", times(0.5)),
)


def check(run: Run) -> Symptom | None:
    """Fire when fewer targets are right."""
    right = run.last.get("target_score", 1.0)
    if right >= RIGHT:
        return None
    return Symptom(f"the scorer finds {right:.0%} of the training targets right", REMEDIES)
