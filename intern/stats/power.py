"""How large a gain must be before the paired test can prove it, and how many items a gain of some size takes."""

from itertools import count
from math import ceil

from intern.stats import paired


def provable(losses: int) -> int:
    """Return the least number of items to win that proves a gain if so many are lost."""
    return next(wins for wins in count(losses + 1) if paired.sign_test(wins, losses) < paired.LEVEL)


def proving(wins: int, losses: int, items: int) -> int:
    """Return about how many items prove a gain if more are won than lost, and both go on in the ratio of so many items.

    Raises:
        ValueError: if no more are won than lost.
    """
    if wins <= losses:
        raise ValueError(f"+{wins} -{losses} is no gain")
    factors = (1 + quarters / 4 for quarters in count())
    enough = next(f for f in factors if paired.sign_test(int(wins * f), ceil(losses * f)) < paired.LEVEL)
    return ceil(enough * items)
