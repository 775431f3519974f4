"""A small policy that needs no key and no chance: each suitable recipe as it is, the remedies of what was
diagnosed, one sweep of the best recipe, seed repeats of the winner."""

from collections.abc import Iterator

from intern import contract
from intern.proposers import Proposals, View
from intern.records import Proposal, Trial


def propose(view: View) -> Proposals:
    """The first thing in this order that the ledger has not seen."""
    for phase in (remedies, defaults, sweep, repeats):
        for proposal in phase(view):
            return (proposal,)
    return ()


def remedies(view: View) -> Iterator[Proposal]:
    """For each stopped trial the first remedy of its diagnosis; a sweep goes on by itself instead."""
    for trial in view.trials:
        if trial.diagnosis and trial.diagnosis.remedies and trial.kind != "sweep":
            remedy = trial.diagnosis.remedies[0]
            proposal = Proposal(
                trial.recipe,
                replaced(trial, view.pins, remedy),
                parent=trial.number,
                seed=trial.seed,
                hypothesis=f"{trial.diagnosis.rule} at step {trial.diagnosis.step}: {', '.join(remedy)}",
            )
            if not view.tried(proposal):
                yield proposal


def replaced(trial: Trial, pins: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    """The trial's own overrides with some of them replaced."""
    own = {word.partition("=")[0]: word for word in trial.overrides if word not in pins}
    return tuple(sorted({**own, **{word.partition("=")[0]: word for word in words}}.values()))


def defaults(view: View) -> Iterator[Proposal]:
    """Each suitable recipe as its author left it."""
    for name, recipe in sorted(view.recipes.items()):
        proposal = Proposal(name, seed=view.seed, hypothesis=recipe.summary)
        if not view.tried(proposal):
            yield proposal


def sweep(view: View) -> Iterator[Proposal]:
    """Optuna over the whole contract of the recipe that scored best on dev; once chosen, it stays."""
    known = [t for t in view.trials if t.recipe in view.recipes]  # an earlier run may have used others
    begun = [t for t in known if t.kind == "sweep"]
    scored = [t for t in known if t.kind == "propose" and t.state == "COMPLETE"]
    if len(begun) >= view.settings.sweep_trials or not scored:
        return
    best = max(scored, key=lambda t: t.mean("dev") or 0.0)
    name = begun[0].recipe if begun else best.recipe
    pinned = {pin.partition("=")[0] for pin in view.pins}
    keys = tuple(key for key in sorted(contract.read(view.recipes[name].tunable)[0]) if f"recipe.{key}" not in pinned)
    if keys:
        yield Proposal(
            name,
            kind="sweep",
            parent=begun[0].parent if begun else best.number,
            seed=view.seed,
            sweep=keys,
            hypothesis=f"a better value of {', '.join(keys)}",
        )


def repeats(view: View) -> Iterator[Proposal]:
    """The winner with other seeds: whether its recipe is better, or its checkpoint lucky."""
    begun = [t for t in view.trials if t.kind == "repeat"]
    winner = next((t for t in view.trials if begun and t.number == begun[0].parent), view.incumbent)
    if winner.kind == "baseline" or len(begun) >= view.settings.repeats:
        return
    own = tuple(word for word in winner.overrides if word not in view.pins)
    yield Proposal(
        winner.recipe,
        own,
        "repeat",
        winner.number,
        seed=winner.seed + len(begun) + 1,
        hypothesis=f"trial {winner.number} with another seed",
    )
