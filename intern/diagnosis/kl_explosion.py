"""KL explosion: the policy has left its reference so far that the penalty no longer holds it (seen with β > 0
only: TRL computes no KL without a reference)."""

from intern.config.changes import more, times
from intern.diagnosis import Run, Symptom
from intern.diagnosis._trend import LAST as PROMPTS
from intern.diagnosis._trend import before, earning

AFTER = ("divergence",)
LAST = 2
LIMIT = 1.0  # nats per token; healthy runs stay under 0.1
REMEDIES = (
    ("learning_rate", times(0.1)),
    ("beta", more),
    ("max_grad_norm", times(0.3)),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last rows, and the mean over enough prompts, exceed LIMIT and the rollouts earn no more for it."""
    weighed = run.weighed("kl")
    level = before(weighed, len(weighed), PROMPTS)
    if level is None or "kl" not in run.last or earning(run):
        return None
    if min(level.mean, *(value for value, _ in weighed[-LAST:])) <= LIMIT:
        return None
    return Symptom(f"KL to the reference is {level.mean:.2f} nats a token", REMEDIES)
