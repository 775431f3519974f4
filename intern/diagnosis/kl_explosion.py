"""KL explosion: the policy has left its reference so far that the penalty no longer holds it (seen with β > 0
only: TRL computes no KL without a reference)."""

from statistics import fmean

from intern.config.changes import more, times
from intern.diagnosis import Run, Symptom

AFTER = ("divergence",)
LAST = 2
LIMIT = 1.0  # nats per token; healthy runs stay under 0.1
REMEDIES = (
    ("learning_rate", times(0.1)),
    ("beta", more),
    ("max_grad_norm", times(0.3)),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last rows all exceed LIMIT."""
    last = run.series("kl")[-LAST:]
    if len(last) < LAST or min(last) <= LIMIT:
        return None
    return Symptom(f"KL to the reference is {fmean(last):.2f} nats a token", REMEDIES)
