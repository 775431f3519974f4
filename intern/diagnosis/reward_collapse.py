"""Reward collapse: the reward has fallen to half of what it was, by more than the draw of prompts explains. Too high
a learning rate is the usual cause; the policy has left the region in which its rewards mean anything."""

from math import log, sqrt

from intern.config.changes import more, times
from intern.diagnosis import Run, Symptom
from intern.diagnosis._trend import fall

AFTER = ("mislabelled",)
FALLEN = 0.5  # of the best stretch of rows
SPANS = (16, 32), (48, 48), (80, 48)  # prompts behind the two stretches: a sudden fall, and slow ones
MORE = 0.8  # standard errors
REMEDIES = (
    ("learning_rate", times(0.1)),
    ("learning_rate", times(0.3)),
    ("beta", more),
    ("num_generations", more),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last stretch of rows has at most FALLEN of the best earlier one's reward, beyond chance."""
    weighed = run.weighed("reward")
    if len(weighed) < 4 or "reward" not in run.last:
        return None
    for before, after in SPANS:
        levels = fall(weighed, before, after, FALLEN, sigmas(len(weighed)), run.top_reward or 1.0)
        if levels:
            peak, low = levels
            return Symptom(f"reward fell from {peak:.2f} to {low:.2f}", REMEDIES)
    return None


def sigmas(rows: int) -> float:
    """Return the standard errors of the difference that are no chance: MORE than what the most extreme of n looks
    reaches, and what the most extreme of n² pairs of two stretches does.

    Of policies that do not change, with 10 to 500 rows, at most 1 in 100 goes beyond it if the completions of a prompt
    correlate by a half, and up to 1 in 8 if they were all alike."""
    return max(MORE + sqrt(2 * log(rows)), sqrt(2 * log(rows**2)))
