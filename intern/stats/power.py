"""How large a gain must be before the paired test can prove it, and how many items a gain of some size takes."""

from itertools import count
from math import ceil, inf

from intern.stats import paired


def provable(losses: int) -> int:
    """Return the least number of items to win that proves a gain if so many are lost."""
    return next(wins for wins in count(losses + 1) if paired.sign_test(wins, losses) < paired.LEVEL)


def proving(wins: int, losses: int, items: int, most: int) -> float:
    """Return about how many items prove a gain if more are won than lost, and both go on in the ratio of so many items.

    Args:
        most: times as many items are tried; infinity is returned if they do not prove it.

    Raises:
        ValueError: if no more are won than lost.
    """
    if wins <= losses:
        raise ValueError(f"+{wins} -{losses} is no gain")
    for factor in (1 + quarters / 4 for quarters in range(4 * most - 3)):
        if paired.sign_test(int(wins * factor), ceil(losses * factor)) < paired.LEVEL:
            return ceil(factor * items)
    return inf
