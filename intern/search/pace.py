"""How long trials train, in steps and in seconds, and how much of a proposal the time that is left allows."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from intern.config import stages
from intern.config.contract import Range
from intern.config.schema import Recipe
from intern.overrides import Overrides
from intern.records import Proposal, Trial
from intern.search.view import View

ROOM = 0.9  # of the time left, less the base model's score on dev: an estimate is no promise
RECENT = 200  # trials of a recipe that tell of its speed: a step of a long study takes no longer
LEAST = 0.2  # of a proposal's steps: fewer would be another experiment


def length_keys(recipe: Recipe) -> set[str]:
    """Return the dotted keys that say how long the recipe's stages train."""
    return {f"{name}.{field}" for name, stage in stages.entries(recipe) for field in stage.lengths}


def lengths(recipe: Recipe, overrides: Overrides, fidelity: float) -> dict[str, float]:
    """Return the steps or epochs of each key that sets them, where one is given."""
    given = {key: overrides.get(key, recipe.value(key)) for key in sorted(length_keys(recipe))}
    return {key: float(value) * fidelity for key, value in given.items() if isinstance(value, int | float)}


def lengthened(trial: Trial, before: Trial, recipe: Recipe) -> bool:
    """Return whether a trial is an earlier one with more steps and no other change."""
    changed = trial.overrides.changed(before.overrides)
    now, then = (lengths(recipe, t.overrides, t.fidelity) for t in (trial, before))
    longer = now != then and all(steps >= then.get(key, 0) for key, steps in now.items())
    return changed <= length_keys(recipe) and longer


def spent(view: View) -> float:
    """Return the share of the budget's hours that trials have used, the baseline aside."""
    used = view.history.seconds
    return used / (used + 3600 * max(view.left.hours, 0.0) or 1.0)


def fitted(view: View, proposal: Proposal) -> Proposal | None:
    """Return a proposal that ends in time: as it is, with fewer of its steps or narrower ranges of them, or None if too
    few would be left. One of whose speed nothing is known stays as it is."""
    recipe = view.recipes[proposal.recipe]
    room = ROOM * (3600 * view.left.hours - scoring(view.trials))
    overrides = view.pinned(proposal.recipe) | proposal.overrides
    own = lengths(recipe, overrides.without(proposal.sweep), proposal.fidelity)
    fixed = {key: steps * rate for key, steps in own.items() if (rate := pace(view, key, recipe))}
    swept = [key for key in proposal.sweep if pace(view, key, recipe) and isinstance(recipe.contract[key], Range)]
    if not swept:
        needed = sum(fixed.values())
        if not needed or needed <= room:
            return proposal
        share = math.floor(100 * room / needed) / 100
        return replace(proposal, fidelity=proposal.fidelity * share) if share >= LEAST else None
    each = (room - sum(seconds for key, seconds in fixed.items() if key not in swept)) / len(swept)
    within = dict(narrowed(view, proposal, recipe, swept, each))
    if any(low >= high for low, high in within.values()):
        return None
    kept = tuple(entry for entry in proposal.within if entry[0] not in within)
    return replace(proposal, within=(*kept, *((key, *bounds) for key, bounds in within.items())))


def narrowed(
    view: View, proposal: Proposal, recipe: Recipe, keys: list[str], seconds: float
) -> Iterator[tuple[str, tuple[float, float]]]:
    """Yield (key, (low, high)) for each of the lengths of a sweep that could take more than so many seconds."""
    near = {key: (low, high) for key, low, high in proposal.within}
    for key in keys:
        domain, most = recipe.contract[key], seconds / (pace(view, key, recipe) or 1.0) / proposal.fidelity
        assert isinstance(domain, Range)
        low, high = near.get(key, (domain.low, domain.high))
        if high > most:
            yield key, (max(min(low, most / 2), domain.low), most)


def scoring(trials: Sequence[Trial]) -> float:
    """Return the seconds that the base model's score on dev took, zero-shot; 0 if that is not known."""
    return took(trials[0], "dev") if trials else 0.0


def took(trial: Trial, split: str) -> float:
    """Return the seconds that a trial's score on a split took, zero-shot; 0 if that is not known."""
    runs = [run for run in trial.stages if (run.stage, run.split, run.shots) == ("score", split, 0)]
    return max((run.seconds for run in runs if not run.reused), default=0.0)


def pace(view: View, key: str, recipe: Recipe) -> float | None:
    """Return the seconds of a step or epoch: of the longest run that the recipe's stage had lately, or a stage of that
    name in any recipe; None if none ran to its end."""
    section = key.partition(".")[0]
    runs = []
    for name, other in view.recipes.items():
        if other.kinds.get(section) != recipe.kinds.get(section) or key not in length_keys(other):
            continue
        for trial in view.history.of_recipe(name)[-RECENT:]:
            steps = trial.overrides.get(key, other.value(key))
            took = [run.seconds for run in trial.stages if run.name == section and not run.reused]
            if trial.state == "COMPLETE" and not trial.reason and took and isinstance(steps, int | float) and steps:
                runs.append((name == recipe.name, steps * trial.fidelity, took[0] / (steps * trial.fidelity)))
    return max(runs)[2] if runs else None
