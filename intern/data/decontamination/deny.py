"""Data sets that a goal must not be trained on: those that it denies, and what holds the items that it is scored on.

benchmarks.yaml says which data sets those are. A copy that it does not know is told by its rows: see `refuse_copy`.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from intern.config.schema import Goal
from intern.errors import UserError

FILE = Path(__file__).with_name("benchmarks.yaml")
COPY, LEAST = 0.1, 10  # share and number of a source's rows that are items word for word, from which it is a copy


@dataclass(frozen=True)
class Benchmark:
    """The data sets of one benchmark, their names without case."""

    tasks: frozenset[str]
    """Folders of lm-eval that score it."""
    same: frozenset[str]
    """The data set and its copies, split as it is."""
    held: frozenset[str]
    """Those of its splits that are held out."""
    only: frozenset[str]
    """Data sets of held-out items alone."""


@cache
def benchmarks() -> tuple[Benchmark, ...]:
    """Return all benchmarks that are known."""
    tree = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    lists = {name: {key: folded(values) for key, values in entry.items()} for name, entry in tree.items()}
    none: frozenset[str] = frozenset()
    return tuple(
        Benchmark(entry.get("tasks", none) | {name}, *(entry.get(key, none) for key in ("same", "held", "only")))
        for name, entry in lists.items()
    )


def folded(names: list[str]) -> frozenset[str]:
    """Return names without case: the Hub does not tell cases apart."""
    return frozenset(name.casefold() for name in names)


def fault(goal: Goal, name: str, split: str) -> str | None:
    """Say why a split of a data set of the Hub must not be trained on; None if it may be."""
    asked, denied = name.casefold(), folded(goal.deny)
    if asked in denied:
        return f"{name} is denied as training data for goal {goal.name}."
    scored = {(goal.hub or "").casefold()}
    folders = {task.folder.partition("/")[0] for task in [*goal.dev, *goal.test]}
    for known in benchmarks():
        family = known.same | known.only
        if asked in family and family & denied:
            like = ", ".join(sorted(family & denied))
            return f"{name} is denied as training data for goal {goal.name}: it holds items of {like}."
        if not (family & scored or known.tasks & folders):
            continue
        if asked in known.only:
            return f"{name} is made of items that goal {goal.name} is scored on. Train on something else."
        if asked in known.same and holds(split, known.held):
            return f"{name}, split {split}, has the items that goal {goal.name} is scored on. Take another split."
    return None


def holds(split: str, held: frozenset[str]) -> bool:
    """Return whether a split, or a sum of some such as train+test[:10%], has rows of those that are held out."""
    return not {part.partition("[")[0].strip().casefold() for part in split.split("+")}.isdisjoint({*held, "all"})


def refuse_copy(source: str, whole: int, rows: int) -> None:
    """Raise UserError if so many of a source's rows are items word for word that it must be a copy of them."""
    if whole >= max(LEAST, COPY * rows):
        raise UserError(
            f"{whole} of the {rows} rows of {source} are items of dev or test, word for word: it is a copy of what the "
            "goal is scored on. Leave it out of recipe.data.mix, or take a split without them."
        )
