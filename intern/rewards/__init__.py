"""Rewards, one per file: `outcome(text, row)` judges one completion.

It returns a number in [0, 1], None if it found no answer, or UNJUDGED if it could not judge. The score and the reward
called "goal" call the same function, so that what is trained is what is judged. With a `Settings` dataclass it is
`outcome(text, row, settings)`. A module may also have `outcomes(texts, rows, settings)`, which judges a batch faster,
`lack(settings)`, which says what the reward needs and this machine has not, `metrics()`, which are logged while it is
used, COLUMNS, the alternatives of columns that it reads, and PAID, which is true if each judgement costs money.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from math import isnan, nan  # not `math`: that name is a reward's here, once it is imported
from types import ModuleType
from typing import Any

from intern import plugins, records
from intern.config import typed
from intern.config.schema import Goal
from intern.errors import UserError

Row = Mapping[str, Any]
Outcome = Callable[[str, Row], float | None]
FEW = 200  # rows: a share is then known to 3.5 points, at ten a second in 20 seconds
UNJUDGED = nan  # a judge that is away, a sandbox that will not start: neither right nor wrong


@dataclass(frozen=True)
class Reward:
    """A reward with its settings filled in; it is an `Outcome`."""

    name: str
    """Its name."""
    module: ModuleType
    """The plug-in."""
    settings: tuple[Any, ...]
    """Its settings; none if it has none."""

    def __call__(self, text: str, row: Row) -> float | None:
        """Judge one completion."""
        value: float | None = self.module.outcome(text, row, *self.settings)
        return value

    def many(self, texts: Sequence[str], rows: Sequence[Row]) -> list[float | None]:
        """Judge a batch."""
        batch: Callable[..., list[float | None]] | None = getattr(self.module, "outcomes", None)
        if batch is None:
            return [self(text, row) for text, row in zip(texts, rows, strict=True)]
        return batch(texts, rows, *self.settings)

    def lacking(self, columns: Iterable[str]) -> str:
        """Return which columns the reward reads and rows do not have; "" if they have what it needs."""
        alternatives: Sequence[Sequence[str]] = getattr(self.module, "COLUMNS", ())
        if not alternatives or any(set(wanted) <= set(columns) for wanted in alternatives):
            return ""
        return " or ".join(" and ".join(wanted) for wanted in alternatives)


def outcome(name: str, given: Mapping[str, Any]) -> Reward:
    """Return a reward with its settings filled in.

    Raises:
        UserError: if there is no such reward, it does not take the settings, or it cannot judge on this machine.
    """
    settings = typed.settings("rewards", name, given)
    if why := typed.lack("rewards", name, given):
        raise UserError(f"The reward {name} cannot judge here: {why}.")
    return Reward(name, plugins.load("rewards", name), () if settings is None else (settings,))


@dataclass(frozen=True)
class Scorer(Reward):
    """The reward that scores a goal's answers; a training row that names a verifier is judged by that."""

    def __call__(self, text: str, row: Row) -> float | None:
        """Judge one completion."""
        name = row.get("verifier") or self.name
        return super().__call__(text, row) if name == self.name else plain(str(name))(text, row)

    def many(self, texts: Sequence[str], rows: Sequence[Row]) -> list[float | None]:
        """Judge a batch."""
        if all((row.get("verifier") or self.name) == self.name for row in rows):
            return super().many(texts, rows)
        return [self(text, row) for text, row in zip(texts, rows, strict=True)]


@cache
def plain(name: str) -> Reward:
    """Return a reward with its own settings."""
    return outcome(name, {})


def many(outcome: Outcome, texts: Sequence[str], rows: Sequence[Row]) -> list[float | None]:
    """Return what any outcome makes of a batch."""
    if isinstance(outcome, Reward):
        return outcome.many(texts, rows)
    return [outcome(text, row) for text, row in zip(texts, rows, strict=True)]


def looked_at(outcome: Outcome, rows: Sequence[Any]) -> Sequence[Any]:
    """Return the rows that an outcome may judge only so that something is known of them: all; FEW if it judges in
    batches, and so takes its time; none if each judgement costs money."""
    module = getattr(outcome, "module", None)
    if getattr(module, "PAID", False):
        return []
    return records.spread(rows, FEW) if hasattr(module, "outcomes") else rows


def metrics(outcome: Outcome) -> dict[str, float]:
    """Return what a reward's module has to say of its own work, such as what it cost."""
    said: Callable[[], dict[str, float]] | None = getattr(getattr(outcome, "module", None), "metrics", None)
    return said() if said else {}


def scorer(goal: Goal) -> Scorer:
    """Return the reward that scores an answer of a goal."""
    own = outcome(goal.scorer, goal.scorer_settings)
    return Scorer(own.name, own.module, own.settings)


def process_results(outcome: Outcome) -> Callable[[Mapping[str, Any], Sequence[str]], dict[str, float]]:
    """Return an outcome as lm-eval's `process_results`: metrics exact_match and parsed of one item."""

    def processed(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
        value = outcome(results[0], doc)
        if value is not None and isnan(value):
            raise UserError("An answer could not be judged, and a score without it would say nothing.")
        return {"exact_match": value or 0.0, "parsed": float(value is not None)}

    return processed
