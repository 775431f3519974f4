"""Garbled output: what the model writes repeats itself without end (canary generations, rollouts)."""

from statistics import fmean

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom, dead_gradient
from intern.diagnosis._trend import beyond, earning, ends, sigmas

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
    """Fire when RISEN more of the last texts loop than at entry, or RISEN of them do and nothing will change it."""
    if "repetition" not in run.last:
        return None
    share = of_rollouts(run) if run.samples else of_canaries(run)
    return None if share is None else Symptom(f"{share:.0%} of the outputs repeat themselves", REMEDIES)


def of_canaries(run: Run) -> float | None:
    """Return the share of the last probes, if it is so high; what a base wrote before it began to learn is no measure
    from half-way on, unless it is learning still."""
    rates = run.series("repetition")
    if len(rates) <= LAST or run.last.get("canaries", ENOUGH) < ENOUGH:
        return None
    late = run.halfway and rates[-1] >= rates[-2] and not run.learning
    entry = 0.0 if late else rates[0]
    return fmean(rates[-LAST:]) if min(rates[-LAST:]) >= entry + RISEN else None


def of_rollouts(run: Run) -> float | None:
    """Return the share of the last rollouts, if they earn no more than the first and loop more often than those, or
    leave nothing to learn from."""
    pair = ends(run, "repetition")
    if pair is None or earning(run):
        return None
    first, last = pair
    risen = last.mean - first.mean >= RISEN and beyond(first, last, sigmas(run, run.weighed("repetition")))
    stuck = last.mean >= RISEN and dead_gradient.check(run)
    return last.mean if risen or stuck else None
