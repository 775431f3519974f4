"""The goal's own train items: drawn by its generator, or from its files.

    data: {mix: [{goal: true, limit: 500}]}
"""

from collections.abc import Iterable
from dataclasses import dataclass

from intern.data import items
from intern.data.items import Row
from intern.data.sources import GENERATED, Request
from intern.errors import UserError

OURS = True


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
    goal = request.goal
    if goal.generator:
        return items.take(items.generated(goal, "train", request.seed), request.columns.limit or GENERATED)
    train = request.items / "train.jsonl"
    if not train.exists():
        raise UserError(f"Goal {goal.name} has no train items of its own: name a Hub data set in recipe.data.mix.")
    return items.read(train)
