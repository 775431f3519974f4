"""Reward collapse: the reward has fallen to half of what it was, by more than the draw of prompts explains. Too high
a learning rate is the usual cause; the policy has left the region in which its rewards mean anything."""

from collections.abc import Sequence
from math import log, sqrt

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, prompts
from intern.diagnosis._remedies import more, times

STAGES = ("grpo",)
RANK = 40
FALLEN = 0.5  # of the best stretch of rows
SPANS = (16, 32), (48, 48), (80, 48)  # prompts behind the two stretches: a sudden fall, and slow ones
SIGMAS = 0.8  # standard errors of the difference beyond sqrt(2 ln n), what the best of n rows reaches by chance

Stretch = tuple[float, float]  # mean reward, prompts behind it
CURES = (
    ("grpo.learning_rate", times(0.1)),
    ("grpo.learning_rate", times(0.3)),
    ("grpo.beta", more),
    ("grpo.num_generations", more),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last stretch of rows stands at FALLEN of the best one before it, and that is no accident."""
    steps = [row for row in rows if isinstance(row.get("reward"), int | float)]
    if len(steps) < 4 or "reward" not in rows[-1]:
        return None
    weighed = [(row["reward"], prompts(steps[: i + 1], recipe)) for i, row in enumerate(steps)]
    fallen = [pair for before, after in SPANS if (pair := fall(weighed, before, after, recipe))]
    if not fallen:
        return None
    peak, low = fallen[0]
    return f"reward fell from {peak:.2f} to {low:.2f}", CURES


def fall(weighed: Sequence[Stretch], before: int, after: int, recipe: Recipe) -> tuple[float, float] | None:
    """(best, last) mean reward over stretches of so many prompts, where the last has fallen beyond chance."""
    low, cut = stretch(weighed, len(weighed), after)
    earlier = [stretch(weighed, end, before)[0] for end in range(2, cut + 1)]
    if low[1] < after or not (whole := [part for part in earlier if part[1] >= before]):
        return None
    peak, bound = max(whole), SIGMAS + sqrt(2 * log(len(weighed)))
    gap = peak[0] - low[0]
    beyond = peak[0] > 0 and low[0] <= FALLEN * peak[0] and gap >= bound * error(peak, low, recipe)
    return (peak[0], low[0]) if beyond else None


def stretch(weighed: Sequence[Stretch], end: int, least: float) -> tuple[Stretch, int]:
    """(mean, prompts) of the shortest run of two rows or more before `end` with so many prompts, and its start."""
    start, behind = end, 0.0
    while start and (behind < least or end - start < 2):
        start -= 1
        behind += weighed[start][1]
    return (sum(value * n for value, n in weighed[start:end]) / behind, behind), start


def error(one: Stretch, other: Stretch, recipe: Recipe) -> float:
    """Standard error of the difference: a reward in [0, top] varies between prompts at most as right and wrong do."""
    top = sum(recipe.rewards.values()) or 1.0
    middle = min(max((one[0] * one[1] + other[0] * other[1]) / (one[1] + other[1]), 0.0), top)
    return (middle * (top - middle) * (1 / one[1] + 1 / other[1])) ** 0.5
