"""Garbled output: what the model writes repeats itself without end (canary generations, rollouts)."""

from intern.config import Recipe
from intern.diagnosis import Rows, found, halfway, mean, series
from intern.records import Diagnosis
from intern.remedy import remedies, times, to

STAGES = ("sft", "grpo")
RANK = 30
LAST = 2
ENOUGH = 8  # canaries
RISEN = 0.3  # share of texts that loop, above that at entry


def check(rows: Rows, recipe: Recipe) -> Diagnosis | None:
    """Fires when the last rows all loop RISEN more often than at entry; from half-way on, RISEN at all."""
    rates = series(rows, "repetition")
    if len(rates) <= LAST or "repetition" not in rows[-1] or rows[-1].get("canaries", ENOUGH) < ENOUGH:
        return None
    entry = 0.0 if halfway(rows) and rates[-1] >= rates[-2] else rates[0]
    if min(rates[-LAST:]) < entry + RISEN:
        return None
    stage = rows[-1]["stage"]
    cures = remedies(
        recipe,
        (f"{stage}.learning_rate", times(0.1)),
        *((("data.verified", to(True)),) if stage == "sft" else ()),
        (f"{stage}.learning_rate", times(0.3)),
        (f"{stage}.max_steps", times(0.5)),
    )
    return found("garbled", rows, f"{mean(rates[-LAST:]):.0%} of the outputs repeat themselves", cures)
