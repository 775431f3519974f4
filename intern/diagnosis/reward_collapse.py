"""Reward collapse: the reward has fallen to half of what it was, by more than the draw of prompts explains. Too high
a learning rate is the usual cause; the policy has left the region in which its rewards mean anything."""

from collections.abc import Sequence
from math import log, sqrt

from intern.config.changes import more, times
from intern.diagnosis import Run, Symptom

AFTER = ("mislabelled",)
FALLEN = 0.5  # of the best stretch of rows
SPANS = (16, 32), (48, 48), (80, 48)  # prompts behind the two stretches: a sudden fall, and slow ones
SIGMAS = 0.8  # standard errors of the difference beyond sqrt(2 ln n), what the best of n rows reaches by chance

Stretch = tuple[float, float]  # mean reward, prompts behind it
REMEDIES = (
    ("learning_rate", times(0.1)),
    ("learning_rate", times(0.3)),
    ("beta", more),
    ("num_generations", more),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last stretch of rows has at most FALLEN of the best earlier one's reward, beyond chance."""
    steps = [row for row in run.rows if isinstance(row.get("reward"), int | float)]
    if len(steps) < 4 or "reward" not in run.last:
        return None
    weighed = [(row["reward"], run.prompts(steps[: i + 1])) for i, row in enumerate(steps)]
    for before, after in SPANS:
        levels = fall(weighed, before, after, run.top_reward or 1.0)
        if levels:
            peak, low = levels
            return Symptom(f"reward fell from {peak:.2f} to {low:.2f}", REMEDIES)
    return None


def fall(weighed: Sequence[Stretch], before: int, after: int, top: float) -> tuple[float, float] | None:
    """Return (best, last) mean reward over stretches of so many prompts, if the last has fallen beyond chance."""
    low, cut = stretch(weighed, len(weighed), after)
    earlier = [stretch(weighed, end, before)[0] for end in range(2, cut + 1)]
    whole = [part for part in earlier if part[1] >= before]
    if low[1] < after or not whole:
        return None
    peak = max(whole)
    if peak[0] <= 0 or low[0] > FALLEN * peak[0]:
        return None
    bound = SIGMAS + sqrt(2 * log(len(weighed)))
    return (peak[0], low[0]) if peak[0] - low[0] >= bound * error(peak, low, top) else None


def stretch(weighed: Sequence[Stretch], end: int, least: float) -> tuple[Stretch, int]:
    """Return (mean, prompts) of the shortest stretch before `end` with `least` prompts and two rows; its start."""
    start, behind = end, 0.0
    while start and (behind < least or end - start < 2):
        start -= 1
        behind += weighed[start][1]
    return (sum(value * n for value, n in weighed[start:end]) / behind, behind), start


def error(one: Stretch, other: Stretch, top: float) -> float:
    """Return the standard error of the difference: a reward in [0, top] varies at most as right and wrong do."""
    middle = (one[0] * one[1] + other[0] * other[1]) / (one[1] + other[1])
    middle = min(max(middle, 0.0), top)
    return float((middle * (top - middle) * (1 / one[1] + 1 / other[1])) ** 0.5)
