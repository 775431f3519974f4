"""Truncation: most of what the model writes is cut at its limit, so that the answer is never reached and the end
of a turn never learnt."""

from statistics import fmean

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom, dead_gradient
from intern.diagnosis._trend import beyond, earning, ends, sigmas

AFTER = ("garbled",)
LAST = 3
CUT = 0.5  # share of outputs
OF_TARGETS = (
    ("*.style", to("answer")),
    ("max_length", times(2)),
    ("max_steps", times(2)),
    ("*.verified", to(True)),
)
OF_ROLLOUTS = (
    ("max_completion_length", times(4)),
    ("max_completion_length", times(2)),
    ("mask_truncated_completions", to(True)),
    ("learning_rate", times(0.3)),
    ("learning_rate", times(0.1)),
)


def check(run: Run) -> Symptom | None:
    """Fire when most outputs are cut and nothing that is being learnt will change it."""
    share = of_rollouts(run) if run.samples else of_canaries(run)
    if share is None:
        return None
    remedies = OF_ROLLOUTS if run.samples else OF_TARGETS
    return Symptom(f"{share:.0%} of the outputs are cut at their limit", remedies)


def of_canaries(run: Run) -> float | None:
    """Return the share of the last probes, from half-way on, if it does not fall and the held-out loss does not either:
    a base may not know yet how to stop."""
    last = run.series("truncation")[-LAST:]
    if len(last) < LAST or "truncation" not in run.last or not run.halfway or run.learning:
        return None
    return fmean(last) if min(last) >= CUT and last[-1] >= last[0] else None


def of_rollouts(run: Run) -> float | None:
    """Return the share of the last rollouts, if they earn no more than the first and are cut more often than those, or
    leave nothing to learn from: where groups have a spread, what ends in time is preferred to what is cut."""
    key = "completions/clipped_ratio"
    last = run.series(key)[-LAST:]
    if len(last) < LAST or key not in run.last or min(last) < CUT or earning(run):
        return None
    pair = ends(run, key)
    more = pair is not None and pair[1].mean >= CUT and beyond(*pair, sigmas(run, run.weighed(key)))
    return fmean(last) if more or dead_gradient.check(run) else None
