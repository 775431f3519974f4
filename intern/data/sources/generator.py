"""Train items of a generator, drawn anew; those that it would draw for dev and test of its own goal are none of them.

    data: {mix: [{goal: true, weight: 3}, {generator: arithmetic, limit: 500, weight: 1}]}
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from intern import plugins
from intern.config.ranges import Text
from intern.data import items
from intern.data.items import Row
from intern.data.sources import GENERATED, Request
from intern.errors import unknown

OURS = True


@dataclass
class Settings:
    """Fields of an entry."""

    generator: Text
    """The plug-in under intern/generators."""


def malformed(settings: Settings) -> list[str]:
    """Return that there is no such generator."""
    names = plugins.names("generators")
    return [] if settings.generator in names else [unknown("generator", settings.generator, names)]


def called(settings: Settings) -> list[tuple[str, str]]:
    """Return the generator."""
    return [("generators", settings.generator)]


def rows(request: Request) -> Iterable[Row]:
    """Return items, shown under the goal's prompt."""
    goal = replace(request.goal, generator=request.settings.generator)
    return items.take(items.generated(goal, "train", request.seed), request.columns.limit or GENERATED)
