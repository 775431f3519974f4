"""Garbled output: what the model writes repeats itself without end (canary generations, rollouts)."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, halfway, mean, series
from intern.diagnosis._remedies import times, to

STAGES = ("sft", "grpo")
RANK = 30
LAST = 2
ENOUGH = 8  # canaries
RISEN = 0.3  # share of texts that loop, above that at entry
CURES = (
    (".learning_rate", times(0.1)),
    ("data.verified", to(True)),
    (".learning_rate", times(0.3)),
    (".max_steps", times(0.5)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last rows all loop RISEN more often than at entry; from half-way on, RISEN at all."""
    rates = series(rows, "repetition")
    if len(rates) <= LAST or "repetition" not in rows[-1] or rows[-1].get("canaries", ENOUGH) < ENOUGH:
        return None
    entry = 0.0 if halfway(rows) and rates[-1] >= rates[-2] else rates[0]
    if min(rates[-LAST:]) < entry + RISEN:
        return None
    return f"{mean(rates[-LAST:]):.0%} of the outputs repeat themselves", CURES
