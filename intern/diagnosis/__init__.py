"""Diagnosis rules, one per file: pure functions of a stage's metrics so far, so that they act at the same
step on every machine. Each module states STAGES and `check(rows, recipe) -> Diagnosis | None`."""

from collections.abc import Mapping, Sequence
from typing import Any

from intern import plugins
from intern.config import Recipe
from intern.records import Diagnosis


def check(stage: str, rows: Sequence[Mapping[str, Any]], recipe: Recipe) -> Diagnosis | None:
    """The first rule, by name, that fires on the rows logged so far."""
    for name in plugins.names("diagnosis"):
        rule = plugins.load("diagnosis", name)
        if stage in rule.STAGES and (found := rule.check(rows, recipe)):
            return found
    return None
