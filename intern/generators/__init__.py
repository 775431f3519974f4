"""Generators, one per file: each draws the questions of a goal and knows which of them are the same.

A module states

draw      (rng) → {"question", "answer"} and perhaps "solution", the worked target; with a `Settings`, (rng, settings)
key       question → its canonical name: equal for questions that are the same problem
GOAL      values of conf/goal that it wants, such as max_new_tokens: the goal of its name needs no YAML then
Settings  a dataclass of fields that a person sets under `goal`
faults    (goal) → what is wrong with these fields together, a line each, `FIELD: what`
"""

import random
from collections.abc import Callable, Iterator
from dataclasses import fields
from typing import Any

from intern import plugins
from intern.config.schema import Goal

Item = dict[str, Any]
DRY = 20_000  # draws in a row without a new item after which a generator counts as exhausted


def distinct(goal: Goal, seed: str, admits: Callable[[str], bool]) -> Iterator[tuple[str, Item]]:
    """Yield (key, item) of the goal's generator, each key once, if `admits` says yes to it, until it runs dry."""
    module = plugins.load("generators", goal.generator or "")
    given = settings(module, goal)
    rng = random.Random(seed)
    seen: set[str] = set()
    dry = 0
    while dry < DRY:
        item = module.draw(rng, *given)
        key = module.key(item["question"])
        dry += 1
        if key not in seen and admits(key):
            seen.add(key)
            dry = 0
            yield key, item


def settings(module: Any, goal: Goal) -> tuple[Any, ...]:
    """Return a generator's settings, which are fields of its goal, as the rest of its arguments; their defaults under
    another goal."""
    kind = getattr(module, "Settings", None)
    if kind is None:
        return ()
    return (kind(**{f.name: getattr(goal, f.name) for f in fields(kind) if hasattr(goal, f.name)}),)
