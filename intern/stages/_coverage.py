"""What rows are to be about, before any is made: every combination of topic, skill, difficulty and style is a cell, and
rows are spread evenly over the cells."""

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from itertools import product


@dataclass(frozen=True)
class Cell:
    """One combination."""

    topic: str
    """What the question is about."""
    skill: str
    """What has to be done to answer it."""
    difficulty: str
    """How hard it is."""
    style: str
    """How it is put."""

    def __str__(self) -> str:
        return " / ".join(astuple(self))


def cells(seed: int, *axes: Sequence[str]) -> list[Cell]:
    """Return every cell once, in an order that the seed decides: the first ones are of all kinds.

    Args:
        seed: of the order.
        axes: the topics, the skills, the difficulties and the styles.
    """
    every = [Cell(*values) for values in product(*map(dict.fromkeys, axes))]
    random.Random(seed).shuffle(every)
    return every


def quotas(cells: Sequence[Cell], rows: int) -> Counter[Cell]:
    """Return how many rows each cell is to have: no two differ by more than one, the first cells have more."""
    share, more = divmod(rows, len(cells))
    wanted = Counter({cell: share + (place < more) for place, cell in enumerate(cells)})
    return +wanted


def calls(quota: Counter[Cell], most: int) -> list[tuple[Cell, int, int]]:
    """Return (cell, its how-manieth call, rows of the call) for every call: at most so many rows each."""
    asked = []
    for cell, rows in quota.items():
        for place in range(0, rows, most):
            asked.append((cell, place // most, min(most, rows - place)))
    return asked
