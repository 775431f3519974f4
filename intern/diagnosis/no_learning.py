"""No learning: half of the steps are done, and the loss on rows held back is where it was at the start."""

from intern.config.changes import more, times, to
from intern.diagnosis import GAIN, Run, Symptom

AFTER = ("overfitting",)
LEFT = 0.05  # nats at entry: under that there is little to learn
TOO_HIGH = (
    ("learning_rate", times(0.1)),
    ("learning_rate", times(3)),
    ("*.verified", to(True)),
    ("max_steps", more),
)
TOO_LOW = (
    ("learning_rate", times(3)),
    ("learning_rate", times(10)),
    ("max_steps", more),
    ("*.verified", to(True)),
)


def check(run: Run) -> Symptom | None:
    """Fire from half-way on when the loss on held-out rows has not fallen by GAIN."""
    losses = run.series("eval_loss")
    if (
        len(losses) < 3
        or losses[0] < LEFT
        or "eval_loss" not in run.last
        or not run.halfway
        or run.learning  # a rough warm-up is being made good
        or min(losses[1:]) < (1 - GAIN) * losses[0]
    ):
        return None
    remedies = TOO_HIGH if max(losses) > (1 + GAIN) * losses[0] else TOO_LOW
    return Symptom(f"loss on held-out rows is {losses[-1]:.3f} and was {losses[0]:.3f}", remedies)
