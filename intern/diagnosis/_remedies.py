"""What may help a stopped stage: changes of one contract key each, relative to the trial's own value.

Remedies compete: each becomes a trial, and the paired comparison says which one helps. What the contract does not open,
or already stands at its bound, is left out; what it does not open, the report names.

A field that says how long a stage trains stands for whichever such field the recipe counts by: steps or epochs.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from intern.config import contract, stages
from intern.config.changes import Change
from intern.config.schema import Recipe
from intern.overrides import Overrides

MOST = 4  # competing remedies of one diagnosis
Changes = Sequence[tuple[str, Change]]


def remedies(recipe: Recipe, name: str, changes: Changes) -> tuple[Overrides, ...]:
    """Return the changes as remedies of one override each: at most MOST, none twice, none without effect.

    Args:
        recipe: the trial's recipe, whose contract bounds them.
        name: the stopped stage's name in it.
        changes: (field, change): a field of the stage's own settings, or `*.field` of those stages that made its rows.
    """
    distinct: dict[Overrides, None] = {}
    for section, key, change in keyed(recipe, name, changes):
        value = current(recipe, section, key)
        if value is None:
            continue
        changed = change(recipe.contract[key], value)
        if changed is not None and changed != value:
            distinct[Overrides({key: changed})] = None
    return tuple(distinct)[:MOST]


def unopened(recipe: Recipe, name: str, changes: Changes) -> tuple[str, ...]:
    """Return the keys of the changes that the contract could open and does not, in their order."""
    leaves = contract.leaves(type(recipe))
    keys = dict.fromkeys(key for _, key, _ in keyed(recipe, name, changes))
    return tuple(key for key in keys if key not in recipe.contract and leaves.get(key, (None, False))[1])


def keyed(recipe: Recipe, name: str, changes: Changes) -> Iterator[tuple[str, str, Change]]:
    """Yield (section, contract key, change) of each change."""
    for field, change in changes:
        for section in sections(recipe, name, field.startswith("*.")):
            yield section, f"{section}.{counted(recipe, section, field.removeprefix('*.'))}", change


def counted(recipe: Recipe, section: str, field: str) -> str:
    """Return the field, or, if it says how long the stage trains, the first such field that the recipe sets."""
    lengths = stages.stage(recipe.kinds[section]).lengths if section in recipe.kinds else ()
    if field not in lengths:
        return field
    own = getattr(recipe, section)
    return next((other for other in lengths if getattr(own, other) is not None), field)


def sections(recipe: Recipe, name: str, of_rows: bool) -> Iterator[str]:
    """Yield the stage itself, or, if it learns targets, the stages before it that made its rows."""
    if not of_rows:
        yield name
    elif stages.stage(recipe.kinds[name]).targets:
        before = recipe.stages[: recipe.stages.index(name)] if name in recipe.stages else []
        yield from (other for other in before if stages.stage(recipe.kinds[other]).makes == "rows")


def current(recipe: Recipe, section: str, key: str) -> Any:
    """Return a contract key's value, or what it means if it is unset; None if the contract does not open it."""
    if key not in recipe.contract:
        return None
    value = recipe.value(key)
    if value is None:
        return stages.stage(recipe.kinds[section]).defaults.get(key.partition(".")[2])
    return value
