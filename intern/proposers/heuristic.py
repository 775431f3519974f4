"""A policy that needs no key and no chance: each suitable recipe cheaply; remedies of what was diagnosed; then idea by
idea, the best first: the recipe in full, longer while that pays, a sweep of the keys that matter, the winner with one
override left out at a time, the winner with other seeds. It ends before the budget only where nothing can be better.

    python -m intern proposer=heuristic proposer.sweep_trials=8 budget.trials=40"""

from collections.abc import Iterator
from math import hypot, prod

from intern.config import contract
from intern.config.contract import Choices, Domain, Range
from intern.diagnosis import _remedies
from intern.proposers import Proposals, View
from intern.records import Proposal, Trial
from intern.search import recovery, sampler
from intern.stats import paired

CHEAP = 0.3  # of a recipe's steps: enough to rank recipes, a third of the price
WIDE = 3  # keys of one sweep: Optuna has few trials for them
NEAR = 4.0  # a sweep looks so many times above and below where it starts, or this part of a linear range
LENGTH = tuple(f"{stage}.{key}" for stage in recovery.TRAINING for key in ("max_steps", "num_train_epochs"))


def propose(view: View) -> Proposals:
    """The first thing of the plan that the ledger has not seen and the budget still allows."""
    found = [proposal for proposal in plan(view) if proposal.sweep or not view.tried(proposal)]
    return tuple([p for p in found if p.fidelity <= view.left.trials][:1] or found[:1])


def plan(view: View) -> Iterator[Proposal]:
    """All that could be tried, in order; it starts anew with each trial, since each changes what is best."""
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
    """Each suitable recipe as its author left it, on a share of its steps; a single one needs no ranking."""
    for name, recipe in sorted(view.recipes.items()):
        if len(view.recipes) > 1:
            yield Proposal(name, seed=view.seed, hypothesis=recipe.summary, fidelity=CHEAP)


def ideas(view: View) -> list[str]:
    """The recipes: those begun in full as they were begun, then the others by what their cheap trials scored,
    those that were stopped or failed last."""
    begun = [t.recipe for t in view.trials if t.kind == "propose" and t.fidelity == 1.0 and t.recipe in view.recipes]
    scored = {name: best(view, name) for name in view.recipes}
    rest = sorted(scored, key=lambda name: (-(scored[name].mean("dev") or 0.0) if scored[name] else 1.0, name))
    return list(dict.fromkeys([*begun, *rest]))


def best(view: View, name: str, fidelity: float | None = None) -> Trial | None:
    """The recipe's best trial on dev, of that fidelity or of any."""
    done = [
        t
        for t in view.trials
        if t.recipe == name and t.state == "COMPLETE" and t.kind not in ("rollback", "confirm", "repeat")
        if fidelity is None or t.fidelity == fidelity
    ]
    return max(done, key=lambda t: t.mean("dev") or 0.0, default=None)


def full(view: View, name: str) -> Iterator[Proposal]:
    """The recipe with all of its steps: as it did best so far, a remedy that held included."""
    start = best(view, name)
    own = view.own(start) if start else ()
    number = start.number if start else None
    if not any(t.recipe == name and t.kind == "propose" and t.fidelity == 1.0 for t in view.trials):
        yield Proposal(name, own, parent=number, seed=view.seed, hypothesis=f"{view.recipes[name].summary}, in full")


def longer(view: View, name: str) -> Iterator[Proposal]:
    """Twice the steps of the best trial in full, if the last lengthening alone brought more than chance. The first
    evidence is the cheap trial: a recipe without one is lengthened by its sweep."""
    start, space = best(view, name, 1.0), sampler.Space.of(view.recipes[name])
    before = next((t for t in view.trials if start and t.number == start.parent and t.recipe == name), None)
    if start is None or before is None or before.state != "COMPLETE" or not lengthened(start, before, space):
        return
    gain = start.mean("dev") - before.mean("dev")
    doubled = {key: _remedies.times(2)(space.bounds[key], steps) for key, steps in lengths(start, space).items()}
    more = {key: value for key, value in doubled.items() if value is not None and value > lengths(start, space)[key]}
    words = tuple(f"recipe.{key}={contract.show(value)}" for key, value in more.items())
    if words and view.pinned.isdisjoint(more) and gain >= 2 * hypot(start.stderr("dev"), before.stderr("dev")):
        why = f"twice the steps: trial {start.number} gained {100 * gain:.0f} points on {before.number} by more of them"
        overrides = recovery.replaced(view, start, words)
        yield Proposal(name, overrides, parent=start.number, seed=start.seed, hypothesis=why)


def lengthened(trial: Trial, before: Trial, space: sampler.Space) -> bool:
    """Whether a trial is an earlier one with more steps and no other change."""
    changed = {named(word) for word in set(trial.overrides) ^ set(before.overrides)}
    now, then = lengths(trial, space), lengths(before, space)
    return changed <= set(LENGTH) and now != then and all(steps >= then.get(key, 0) for key, steps in now.items())


def lengths(trial: Trial, space: sampler.Space) -> dict[str, float]:
    """The steps or epochs that a trial was given, for each contract key that sets them."""
    own = sampler.values(trial, space)
    return {key: value * trial.fidelity for key, value in own.items() if key in LENGTH and value is not None}


def sweep(view: View, name: str, least: int = 0, wide: int = WIDE) -> Iterator[Proposal]:
    """Optuna over the keys that matter most, around the recipe's best trial in full; over all of the contract where
    that was done before, or no trial in full ran to its end."""
    stopped = (t for t in view.trials if t.recipe == name and t.fidelity == 1.0 and t.state in ("PRUNED", "FAIL"))
    start = best(view, name, 1.0) or next(stopped, None)  # where no remedy ran to its end the search goes on
    begun = [t for t in view.trials if t.kind == "sweep" and t.recipe == name]
    keys = matters(view, name)[:wide]
    if start is None or len(begun) >= max(least, view.settings.sweep_trials) or exhausted(view, name, keys):
        return
    kept = tuple(word for word in view.own(start) if named(word) not in keys)
    within = () if least or start.state != "COMPLETE" else around(view, start, keys)
    why = f"a better value of {', '.join(keys)}"
    yield Proposal(name, kept, "sweep", start.number, view.seed, sweep=keys, within=within, hypothesis=why)


def around(view: View, start: Trial, keys: tuple[str, ...]) -> tuple[tuple[str, float, float], ...]:
    """(key, low, high) near the values of a trial, for the keys that are ranges."""
    space, found = sampler.Space.of(view.recipes[start.recipe]), []
    own = sampler.values(start, space)
    for key in keys:
        domain, value = space.bounds[key], own[key] if own[key] is not None else _remedies.TRL_DEFAULTS.get(key)
        if isinstance(domain, Range) and value is not None and domain.low <= value <= domain.high:
            part = (domain.high - domain.low) / NEAR
            found.append((key, value / NEAR, value * NEAR) if domain.log else (key, value - part, value + part))
    return tuple(found)


def matters(view: View, name: str) -> tuple[str, ...]:
    """The open keys of a contract: those first whose change moved dev most so far, then in the author's order."""
    keys = [key for key in contract.read(view.recipes[name].tunable)[0] if key not in view.pinned]
    moved: dict[str, list[float]] = {key: [] for key in keys}
    trials = {t.number: t for t in view.trials}
    for trial in trials.values():
        parent = trials.get(trial.parent if trial.parent is not None else -1)
        if parent is None or parent.recipe != name or trial.recipe != name:
            continue
        changed = {named(word) for word in set(trial.overrides) ^ set(parent.overrides)}
        changed = (changed | set(LENGTH if parent.fidelity != trial.fidelity else ())) & set(keys)
        before, now = parent.mean("dev"), trial.mean("dev")
        if before is not None and now is not None:
            for key in changed:
                moved[key].append(abs(now - before) / len(changed))
    effect = {key: sum(found) / len(found) if found else 0.0 for key, found in moved.items()}
    return tuple(sorted(keys, key=lambda key: -effect[key]))


def winner(view: View) -> Trial:
    """The incumbent; the trial that it repeats or the baseline, where it is a repeat or what entered a stage."""
    best = view.incumbent
    while best.kind in ("repeat", "rollback"):
        best = view.trials[best.parent if best.kind == "repeat" else 0]
    return best


def ablation(view: View) -> Iterator[Proposal]:
    """The winner with one of its overrides left out, for each: which of them carry the gain."""
    best = winner(view)
    own = view.own(best)
    if len(own) < 2:
        return
    order = matters(view, best.recipe)
    ranked = sorted(own, key=lambda word: order.index(key) if (key := named(word)) in order else len(order))
    for word in ranked[:WIDE]:
        yield Proposal(
            best.recipe,
            tuple(other for other in own if other != word),
            "ablate",
            best.number,
            best.seed,
            fidelity=best.fidelity,
            hypothesis=f"trial {best.number} without {named(word)}",
        )


def named(word: str) -> str:
    """The contract key of an override."""
    return contract.split(word)[0]


def repeats(view: View) -> Iterator[Proposal]:
    """The winner with other seeds: whether its recipe is better, or its checkpoint lucky."""
    best = winner(view)
    for more in range(1, view.settings.repeats + 1):
        yield Proposal(
            best.recipe,
            view.own(best),
            "repeat",
            best.number,
            best.seed + more,
            fidelity=best.fidelity,
            hypothesis=f"trial {best.number} with another seed",
        )


def onward(view: View) -> Iterator[Proposal]:
    """When every idea has had its turn: the winner's recipe is searched on, over its whole contract."""
    for name in sorted(view.recipes, key=lambda name: name != view.incumbent.recipe):
        yield from sweep(view, name, len(view.trials) + 1, len(view.recipes[name].tunable))


def exhausted(view: View, name: str, keys: tuple[str, ...]) -> bool:
    """Whether every combination of the keys' values was tried in full; of none there is nothing to try."""
    space = sampler.Space.of(view.recipes[name])
    run = [sampler.values(t, space) for t in view.trials if t.recipe == name and t.fidelity == 1.0]
    seen = {combined for own in run if None not in (combined := tuple(own[key] for key in keys))}
    return not keys or prod(size(space.bounds[key]) for key in keys) <= len(seen)


def size(domain: Domain) -> float:
    """How many values a domain has."""
    if isinstance(domain, Choices):
        return len(domain.options)
    return domain.high - domain.low + 1 if domain.kind is int else float("inf")
