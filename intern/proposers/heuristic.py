"""A policy that needs no key and no chance: each suitable recipe cheaply; remedies of what was diagnosed; then idea by
idea, the best first: the recipe in full, longer while that pays, a sweep of the keys that matter, the winner with one
override left out at a time, the winner with other seeds. Where nothing has been learnt yet it looks far: recipes that
learn from worked answers come first, and a sweep goes up to the contract's highest learning rate and most steps. It
ends before the budget only if nothing can be better. Where time is short it ranks fewer recipes, and trains no longer
than the time allows, so that each training ends with its schedule.

    python -m intern proposer=heuristic proposer.sweep_trials=8 budget.trials=40
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from math import hypot, prod
from typing import Annotated, Any

from pydantic import Field

from intern.config import stages
from intern.config.changes import times
from intern.config.contract import Choices, Domain
from intern.config.schema import Recipe
from intern.overrides import Overrides
from intern.proposers import Proposals
from intern.records import UNADVISED, Proposal, Trial
from intern.research import steer
from intern.search import nearby, pace, recovery
from intern.search.sampler import Space
from intern.search.view import View
from intern.stats import paired

CHEAP = 0.3  # of a recipe's steps: enough to rank recipes, a third of the price
RANKING = 1 / 3  # of the budget's hours, after which no further recipe is ranked
WIDE = 3  # keys of one sweep: Optuna has few trials for them
PAYS = 1.0  # standard errors that more steps must gain for more still: a trial is no claim
CITED = 20  # sources that a proposal may name


@dataclass
class Settings:
    """Fields under `proposer`."""

    sweep_trials: Annotated[int, Field(ge=0, le=10**4)] = 4
    """Trials of a sweep."""
    repeats: Annotated[int, Field(ge=0, le=1000)] = 1
    """Other seeds of a winner."""


def propose(view: View) -> Proposals:
    """Propose the first thing of the plan that was not tried yet and that the budget still allows."""
    first = None
    for proposal in plan(view):
        if proposal.sweep or not view.tried(proposal):
            fitted = pace.fitted(view, proposal)
            if fitted and fitted.fidelity <= view.left.trials and (fitted.sweep or not view.tried(fitted)):
                return (fitted,)
            first = first or proposal
    return (first,) if first else ()


def plan(view: View) -> Iterator[Proposal]:
    """Propose all that could be tried, in order; it starts anew with each trial, since each changes what is best."""
    if not paired.beatable(view.incumbent):  # whether it was luck is left to ask
        yield from repeats(view) if winner(view).recipe in view.recipes else ()
        return
    yield from cheap(view)
    yield from recovery.remedies(view)
    for name in ideas(view):
        yield from full(view, name)
        yield from longer(view, name)
        yield from sweep(view, name)
        if winner(view).recipe == name:  # at its own turn: a better one may come of the sweep under way
            yield from ablation(view)
            yield from repeats(view)
    yield from onward(view)


def cheap(view: View) -> Iterator[Proposal]:
    """Propose each suitable recipe as its author left it, on a share of its steps, those first that most papers speak
    for; a single one needs no ranking.
    Rewards teach nothing if no answer is right: a recipe that begins with them waits for its turn in full."""
    rewarded = view.trials[0].mean("dev")
    ranked = sorted(steer.order(view.evidence, view.recipes), key=lambda name: not imitates(view.recipes[name]))
    names = [name for name in ranked if rewarded or imitates(view.recipes[name])]
    short = [Proposal(n, seed=view.seed, hypothesis=view.recipes[n].summary, fidelity=CHEAP) for n in names]
    fresh = [proposal for proposal in short if not view.tried(proposal)]
    if len(names) > 1 and fresh and pace.spent(view) <= RANKING:
        yield from fresh


def ideas(view: View) -> list[str]:
    """Return the recipes: those begun in full as they were begun, then the others by what their cheap trials scored,
    those that were stopped or failed last. Scores of trials that learnt nothing are chance: there recipes whose first
    training learns from targets come first."""
    first = {name: trial.number for name in view.recipes if (trial := begun_in_full(view, name))}
    scored = {name: view.history.best(name) for name in view.recipes if name not in first}

    def rank(name: str) -> tuple[float, bool, str]:
        best = scored[name]
        if best is None:
            return (1.0, False, name)
        told = learnt(view, best) or (best.verdict is not None and best.verdict.call == "discard")
        score = best.mean("dev") if told else view.trials[0].mean("dev")
        return (-(score or 0.0), not imitates(view.recipes[name]), name)

    return [*sorted(first, key=lambda name: first[name]), *sorted(scored, key=rank)]


def learnt(view: View, trial: Trial) -> bool:
    """Return whether a trial is ahead of the base model by two standard errors."""
    return ahead(trial, view.trials[0])


def ahead(trial: Trial, other: Trial, errors: float = 2.0) -> bool:
    """Return whether a trial scored more than another one on dev, by so many standard errors of the difference."""
    gain = (trial.mean("dev") or 0.0) - (other.mean("dev") or 0.0)
    return gain > 0 and gain >= errors * hypot(trial.stderr("dev"), other.stderr("dev"))


def imitates(recipe: Recipe) -> bool:
    """Return whether the first training of a recipe learns from targets, and not from rewards, which a model that is
    never right does not get."""
    trained = (stage for _, stage in stages.entries(recipe) if stage.trains)
    return next(trained).targets


def begun_in_full(view: View, name: str) -> Trial | None:
    """Return the trial of this plan that first ran a recipe with all of its steps."""
    full = (t for t in planned(view, name) if t.kind == "propose" and t.fidelity == 1.0)
    return next(full, None)


def planned(view: View, name: str) -> list[Trial]:
    """Return a recipe's trials that are of this plan: what a language model tried takes nothing away from it."""
    return [trial for trial in view.history.of_recipe(name) if trial.by in UNADVISED]


def full(view: View, name: str) -> Iterator[Proposal]:
    """Propose the recipe with all of its steps: as it did best so far, a remedy that helped included."""
    if begun_in_full(view, name):
        return
    start = view.history.best(name)
    own = view.own(start) if start else Overrides()
    parent = start.number if start else None
    yield Proposal(name, own, parent=parent, seed=view.seed, hypothesis=f"{view.recipes[name].summary}, in full")


def longer(view: View, name: str) -> Iterator[Proposal]:
    """Propose twice the steps of the best trial in full, if the last lengthening alone gained a standard error. The
    first evidence is the cheap trial, or the base model, which had no steps. One that time cut short had not all of its
    own."""
    recipe = view.recipes[name]
    start = view.history.best(name, 1.0)
    if start is None or start.reason:
        return
    before = view.trials[0 if start.parent is None else start.parent]
    if before.number and (
        before.recipe != name or before.state != "COMPLETE" or not pace.lengthened(start, before, recipe)
    ):
        return
    now = {k: v for k, v in pace.lengths(recipe, start.overrides, 1.0).items() if k in recipe.contract}
    doubled = {key: times(2)(recipe.contract[key], steps) for key, steps in now.items()}
    more = {key: value for key, value in doubled.items() if value is not None and float(value) > now[key]}
    if not more or more.keys() & view.pinned(name).keys():
        return
    if ahead(start, before, PAYS):
        gain = (start.mean("dev") or 0.0) - (before.mean("dev") or 0.0)
        why = f"twice the steps: trial {start.number} gained {100 * gain:.0f} points on {before.number} by more of them"
        yield Proposal(name, view.own(start) | more, parent=start.number, seed=start.seed, hypothesis=why)


def sweep(view: View, name: str, least: int = 0, wide: int = WIDE) -> Iterator[Proposal]:
    """Propose Optuna over the keys that matter most, around the recipe's best trial in full, or what papers used; over
    all of the contract if that was done before."""
    tried = view.history.of_recipe(name)
    begun = sum(t.kind == "sweep" for t in planned(view, name))
    if begun >= max(least, getattr(view.settings, "sweep_trials", 0)):
        return
    stopped = (t for t in tried if t.fidelity == 1.0 and t.state in ("PRUNED", "FAIL"))
    start = view.history.best(name, 1.0) or next(stopped, None)  # if no remedy ran to its end the search goes on
    keys = matters(view, name)[:wide]
    if start is None or exhausted(view, name, keys):
        return
    near = () if least else tuple(nearby.bounds(view, start, keys, learnt(view, start)))
    why = f"a better value of {', '.join(keys)}"
    kept = view.own(start).without(keys)
    proposal = Proposal(name, kept, "sweep", start.number, view.seed, sweep=keys, hypothesis=why)
    sources = dict.fromkeys(source for each in near for source in each.sources)
    within = tuple((each.key, each.low, each.high) for each in near)
    yield replace(proposal, within=within, evidence=tuple(sources)[:CITED])


def matters(view: View, name: str) -> tuple[str, ...]:
    """Return the open keys of a contract: those whose change moved dev most so far, then in the author's order."""
    recipe = view.recipes[name]
    keys = [key for key in recipe.contract if key not in view.pinned(name)]
    moved: dict[str, float] = dict.fromkeys(keys, 0.0)
    trials: dict[str, int] = dict.fromkeys(keys, 0)
    by_length = pace.length_keys(recipe)
    for effect in view.history.effects(name):
        changed = (effect.keys | by_length if effect.cheaper else effect.keys) & moved.keys()
        for key in changed:
            moved[key] += sum(map(abs, effect.gains)) / len(changed)
            trials[key] += len(effect.gains)
    return tuple(sorted(keys, key=lambda key: -moved[key] / max(trials[key], 1)))


def winner(view: View) -> Trial:
    """Return the incumbent; if it is a repeat, the trial that it repeats; if it is a rollback, the baseline."""
    best = view.incumbent
    while best.kind in ("repeat", "rollback"):
        best = view.trials[best.parent or 0] if best.kind == "repeat" else view.trials[0]
    return best


def ablation(view: View) -> Iterator[Proposal]:
    """Propose the winner with one of its overrides left out, for each: which of them carry the gain."""
    best = winner(view)
    own = view.own(best)
    if len(own) < 2 or best.recipe is None:
        return
    order = matters(view, best.recipe)
    ranked = sorted(own, key=lambda key: order.index(key) if key in order else len(order))
    for key in ranked[:WIDE]:
        yield varied(best, own.without([key]), "ablate", best.seed, f"trial {best.number} without {key}")


def repeats(view: View) -> Iterator[Proposal]:
    """Propose the winner with other seeds: whether its recipe is better, or its checkpoint lucky."""
    best = winner(view)
    for more in range(1, getattr(view.settings, "repeats", 0) + 1):
        why = f"trial {best.number} with another seed"
        yield varied(best, view.own(best), "repeat", best.seed + more, why)


def varied(best: Trial, overrides: Overrides, kind: Any, seed: int, why: str) -> Proposal:
    """Return a proposal that varies the winner at the same fidelity."""
    assert best.recipe
    return Proposal(best.recipe, overrides, kind, best.number, seed, fidelity=best.fidelity, hypothesis=why)


def onward(view: View) -> Iterator[Proposal]:
    """Propose further sweeps over the whole contract after every idea was tried, the incumbent's recipe first."""
    for name in sorted(view.recipes, key=lambda name: name != view.incumbent.recipe):
        yield from sweep(view, name, len(view.trials) + 1, len(view.recipes[name].contract))


def exhausted(view: View, name: str, keys: tuple[str, ...]) -> bool:
    """Return whether every combination of the keys' values was tried in full; True if there are no keys."""
    contract = view.recipes[name].contract
    combinations = prod(size(contract[key]) for key in keys)
    tried = view.history.of_recipe(name)
    if not keys or combinations > len(tried):
        return not keys
    space = Space.of(view.recipes[name])
    return combinations <= len(combined(space, keys, tried))


def combined(space: Space, keys: Iterable[str], trials: Iterable[Trial]) -> set[tuple[Any, ...]]:
    """Return the combinations of values of some keys that were tried in full."""
    run: list[Mapping[str, Any]] = [space.values(t.overrides) for t in trials if t.fidelity == 1.0]
    values = {tuple(own[key] for key in keys) for own in run}
    return {value for value in values if None not in value}


def size(domain: Domain) -> float:
    """Return how many values a domain has."""
    if isinstance(domain, Choices):
        return len(domain.options)
    return domain.high - domain.low + 1 if domain.kind is int else float("inf")
