"""The goal's own train items: drawn by its generator, or from its files.

    data: {mix: [{goal: true, limit: 500}]}
"""

from collections.abc import Iterable
from dataclasses import dataclass

from intern.data import items
from intern.data.items import Row
from intern.data.sources import Request
from intern.errors import UserError

GENERATED = 2000  # rows drawn of a generated goal if the entry sets no limit


@dataclass
class Settings:
    """Fields of an entry."""

    goal: bool = True
    """Always true."""


def rows(request: Request) -> Iterable[Row]:
    """Return train items of the goal.

    Raises:
        UserError: if it has none.
    """
    goal, limit = request.goal, request.columns.limit
    if goal.generator:
        return items.take(items.generated(goal, "train", request.seed), limit or GENERATED)
    train = request.items / "train.jsonl"
    if not train.exists():
        raise UserError(f"Goal {goal.name} has no train items of its own: name a Hub data set in recipe.data.mix.")
    return items.take(items.read(train), limit)
