"""Garbled output: what the model writes repeats itself without end (canary generations, rollouts)."""

from statistics import fmean

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom

AFTER = ("length_explosion",)
LAST = 2
ENOUGH = 8  # canaries
RISEN = 0.3  # share of texts that loop, above that at entry
REMEDIES = (
    ("learning_rate", times(0.1)),
    ("*.verified", to(True)),
    ("learning_rate", times(0.3)),
    ("max_steps", times(0.5)),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last rows all loop RISEN more often than at entry; from half-way on, in RISEN of the texts."""
    rates = run.series("repetition")
    if len(rates) <= LAST or "repetition" not in run.last or run.last.get("canaries", ENOUGH) < ENOUGH:
        return None
    entry = 0.0 if run.halfway and rates[-1] >= rates[-2] else rates[0]
    if min(rates[-LAST:]) < entry + RISEN:
        return None
    return Symptom(f"{fmean(rates[-LAST:]):.0%} of the outputs repeat themselves", REMEDIES)
