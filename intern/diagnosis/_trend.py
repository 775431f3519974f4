"""Where a metric of rollouts stood at first, where it stands now, and whether chance explains the difference.

Rollouts of one prompt resemble each other, so that only prompts count as draws; one logged row may have a single prompt
behind it. Every rule of rollouts therefore compares levels, which are means over rows with enough prompts behind them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import NormalDist

from intern.diagnosis import Run

FIRST, LAST = 16, 32  # prompts behind a level: the difference of shares of so many has a standard error of 0.15 at most
CHANCE = 0.01  # of a false alarm in a whole run
Weighed = Sequence[tuple[float, float]]  # (value, prompts behind it) of each row


@dataclass(frozen=True)
class Level:
    """A mean over consecutive rows."""

    mean: float
    """Mean of the metric, each row weighing as many prompts as are behind it."""
    prompts: float
    """Prompts behind it."""
    begin: int
    """Place of its first row."""
    end: int
    """Place after its last row."""


def before(weighed: Weighed, end: int, least: float) -> Level | None:
    """Return the level of the shortest stretch before `end` with `least` prompts and two rows, if there is one."""
    start, prompts = end, 0.0
    while start and (prompts < least or end - start < 2):
        start -= 1
        prompts += weighed[start][1]
    return level(weighed, start, end) if prompts >= least and end - start >= 2 else None


def after(weighed: Weighed, least: float) -> Level | None:
    """Return the level of the shortest stretch at the start with `least` prompts, if there is one."""
    end, prompts = 0, 0.0
    while end < len(weighed) and prompts < least:
        prompts += weighed[end][1]
        end += 1
    return level(weighed, 0, end) if prompts >= least else None


def level(weighed: Weighed, begin: int, end: int) -> Level:
    """Return the level of some rows."""
    prompts = sum(n for _, n in weighed[begin:end])
    mean = sum(value * n for value, n in weighed[begin:end]) / prompts
    return Level(mean, prompts, begin, end)


def ends(run: Run, key: str) -> tuple[Level, Level] | None:
    """Return the first and the last level of a metric of rollouts; None if the newest row lacks it, or while they
    would share rows."""
    weighed = run.weighed(key)
    if key not in run.last or not weighed:
        return None
    first, last = after(weighed, FIRST), before(weighed, len(weighed), LAST)
    return (first, last) if first and last and first.end <= last.begin else None


def error(one: Level, other: Level, top: float = 1.0) -> float:
    """Return the standard error of the difference: what lies in [0, top] varies at most as 0 and top do."""
    middle = (one.mean * one.prompts + other.mean * other.prompts) / (one.prompts + other.prompts)
    middle = min(max(middle, 0.0), top)
    return sqrt(middle * (top - middle) * (1 / one.prompts + 1 / other.prompts))


def sigmas(run: Run, weighed: Weighed, pairs: bool = False) -> float:
    """Return the standard errors that chance exceeds in CHANCE of whole runs.

    It is shared among the looks (Bonferroni): as many as the run will log rows, or, if both levels are picked from
    all, the pairs of them. That holds even if all completions of a prompt are alike, as if its length decides."""
    rows = len(weighed) * run.last["steps"] / max(1, run.last["step"])
    looks = rows * rows / 2 if pairs else rows
    return NormalDist().inv_cdf(1 - CHANCE / max(1.0, looks))


def beyond(one: Level, other: Level, sigmas: float, top: float = 1.0) -> bool:
    """Return whether `other` is above `one` by so many standard errors."""
    return bool(other.mean - one.mean >= sigmas * error(one, other, top))


def fall(
    weighed: Weighed, first: float, last: float, share: float, sigmas: float, top: float = 1.0
) -> tuple[float, float] | None:
    """Return (best, last) level, if the last `last` prompts have at most a share of the best `first` prompts before
    them, by so many standard errors."""
    low = before(weighed, len(weighed), last)
    if low is None:
        return None
    earlier = [before(weighed, end, first) for end in range(2, low.begin + 1)]
    peak = max((one for one in earlier if one), key=lambda one: one.mean, default=None)
    if peak is None or peak.mean <= 0 or low.mean > share * peak.mean:
        return None
    return (peak.mean, low.mean) if beyond(low, peak, sigmas, top) else None


def earning(run: Run) -> bool:
    """Return whether the rollouts earn more than they did at first: what they learn pays."""
    weighed = run.weighed("reward")
    first, last = after(weighed, FIRST), before(weighed, len(weighed), LAST)
    return bool(first and last and last.mean > first.mean)
