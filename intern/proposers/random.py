"""Recipes and contract values drawn at random: the baseline that every other proposer has to beat."""

import math
from random import Random

from intern.config.contract import Choices, Domain
from intern.overrides import Overrides, Value
from intern.proposers import Proposals
from intern.records import Proposal
from intern.search.view import View


def propose(view: View) -> Proposals:
    """Propose one random trial; the draw depends on the seed and the number of trials alone."""
    rng = Random(f"{view.seed}/{len(view.trials)}")
    name = rng.choice(sorted(view.recipes))
    pinned = view.pinned(name)
    values = {
        key: draw(rng, domain)
        for key, domain in sorted(view.recipes[name].contract.items())
        if key not in pinned
    }
    return (Proposal(name, Overrides(values), seed=view.seed, hypothesis="drawn at random"),)


def draw(rng: Random, domain: Domain) -> Value:
    """Return a uniform value of a domain, log-uniform if it says so."""
    if isinstance(domain, Choices):
        return rng.choice(domain.options)
    if domain.log:
        value = math.exp(rng.uniform(math.log(domain.low), math.log(domain.high)))
    else:
        value = rng.uniform(domain.low, domain.high)
    rounded = round(value) if domain.kind is int else float(f"{value:.4g}")
    bounded: Value = domain.kind(min(max(rounded, domain.low), domain.high))
    return bounded
