"""Where a sweep begins to look: near the values of a trial that learnt, else near what papers used, else far."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from intern.config import stages
from intern.config.contract import Range
from intern.config.schema import Recipe
from intern.records import Trial
from intern.research import steer
from intern.research.steer import Near
from intern.search import pace
from intern.search.sampler import Space
from intern.search.view import View

RATE = "learning_rate"  # of whichever stage


def bounds(view: View, start: Trial, keys: Sequence[str], learnt: bool) -> Iterator[Near]:
    """Yield where to look for the keys that are ranges; anywhere for those that are not named.

    If the trial learnt something its own values come first: they were measured here. If not, what papers used does;
    where they say nothing, from the trial's values upward for a key of which more means more training.

    Args:
        view: what a proposer sees.
        start: the trial that is varied.
        keys: of the contract of its recipe.
        learnt: whether that trial is ahead of the base model.
    """
    recipe = view.recipes[start.recipe or ""]
    own: Mapping[str, Any] = Space.of(recipe).values(start.overrides)
    for key in keys:
        domain, value = recipe.contract[key], own[key] if own[key] is not None else meant(recipe, key)
        if not isinstance(domain, Range):
            continue
        known = value is not None and domain.low <= float(value) <= domain.high
        told = steer.narrowed(view.evidence, recipe, key, view.size)
        if known and learnt:
            yield Near(key, *steer.around(domain, float(value)))
        elif told:
            yield told
        elif known and start.state == "COMPLETE" and stronger(recipe, key) and float(value) < domain.high:
            yield Near(key, float(value), domain.high)


def stronger(recipe: Recipe, key: str) -> bool:
    """Return whether more of a key means more training."""
    return key in pace.length_keys(recipe) or key.endswith(f".{RATE}")


def meant(recipe: Recipe, key: str) -> Any:
    """Return what an unset key means to the stage's library, if that is known."""
    section, _, field = key.partition(".")
    return stages.stage(recipe.kinds[section]).defaults.get(field) if section in recipe.kinds else None
