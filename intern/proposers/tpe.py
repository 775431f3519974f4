"""Optuna's TPE over whole contracts, recipe by recipe: what an optimiser does without a plan. Each recipe has its turn
twice; then the best so far and the next one in turn alternate.

    python -m intern proposer=tpe budget.trials=12
"""

from intern.proposers import Proposals
from intern.records import Proposal
from intern.search.view import View

TURNS = 2  # trials of each recipe before one is preferred


def propose(view: View) -> Proposals:
    """Propose a sweep over all open keys of one recipe, or the recipe as it is if it opens none."""
    names = sorted(view.recipes)
    fewest = min(names, key=lambda name: len(view.history.of_recipe(name)))
    scored = [name for name in names if view.history.best(name)]
    best = max(scored, key=lambda name: view.history.best(name).mean("dev") or 0.0, default=fewest)  # type: ignore[union-attr]
    settled = len(view.history.of_recipe(fewest)) >= TURNS
    name = best if settled and len(view.trials) % 2 else fewest
    keys = tuple(key for key in view.recipes[name].contract if key not in view.pinned(name))
    proposal = Proposal(name, seed=view.seed, hypothesis="drawn by TPE")
    if keys:
        return (Proposal(name, kind="sweep", seed=view.seed, sweep=keys, hypothesis="drawn by TPE"),)
    return () if view.tried(proposal) else (proposal,)
