"""KL explosion: the policy has left its reference so far that the penalty no longer holds it (seen with β > 0
only: TRL computes no KL without a reference)."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, mean, series
from intern.diagnosis._remedies import more, times

STAGES = ("grpo",)
RANK = 20
LAST = 2
LIMIT = 1.0  # nats per token; healthy runs stay under 0.1
CURES = (
    ("grpo.learning_rate", times(0.1)),
    ("grpo.beta", more),
    ("grpo.max_grad_norm", times(0.3)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last rows all exceed LIMIT."""
    last = series(rows, "kl")[-LAST:]
    if len(last) < LAST or min(last) <= LIMIT:
        return None
    return f"KL to the reference is {mean(last):.2f} nats a token", CURES
