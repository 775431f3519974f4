"""Truncation: most of what the model writes is cut at its limit, so that the answer is never reached and the end
of a turn never learnt."""

from statistics import fmean

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom

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
    """Fire when the last rows are all cut so often, and no less often than before."""
    key = "completions/clipped_ratio" if run.samples else "truncation"
    last = run.series(key)[-LAST:]
    if len(last) < LAST or key not in run.last:
        return None
    if not run.samples and not run.halfway:  # a base may not know yet how to stop
        return None
    rewards = run.series("reward")
    if rewards and not run.halfway and fmean(rewards[-LAST:]) > rewards[0]:
        return None
    if min(last) < CUT or last[-1] < last[0]:
        return None
    remedies = OF_ROLLOUTS if run.samples else OF_TARGETS
    return Symptom(f"{fmean(last):.0%} of the outputs are cut at their limit", remedies)
