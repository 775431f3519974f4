"""Recipes and contract values drawn at random: the baseline that every other proposer has to beat."""

import math
from random import Random

from intern.config import contract
from intern.config.contract import Choices, Range, Value
from intern.proposers import Proposals, View
from intern.records import Proposal


def propose(view: View) -> Proposals:
    """One random trial; the draw depends on the seed and the ledger's length alone."""
    rng = Random(f"{view.seed}/{len(view.trials)}")
    recipe = rng.choice(sorted(view.recipes))
    bounds = contract.read(view.recipes[recipe].tunable)[0]
    overrides = [
        f"recipe.{key}={contract.show(draw(rng, domain))}"
        for key, domain in sorted(bounds.items())
        if key not in view.pinned
    ]
    return (Proposal(recipe, tuple(overrides), seed=view.seed, hypothesis="drawn at random"),)


def draw(rng: Random, domain: Range | Choices) -> Value:
    """A uniform value of a domain, log-uniform where it says so."""
    if isinstance(domain, Choices):
        return rng.choice(domain.options)
    if domain.log:
        value = math.exp(rng.uniform(math.log(domain.low), math.log(domain.high)))
    else:
        value = rng.uniform(domain.low, domain.high)
    value = round(value) if domain.kind is int else float(f"{value:.4g}")
    return domain.kind(min(max(value, domain.low), domain.high))
