"""What evidence is for: which recipes are tried first, and where a sweep starts.

Pure functions; a contract's bounds and a proposer's own measurements come before anything that a paper says.
"""

from collections.abc import Mapping, Sequence

from intern.config import stages
from intern.config.contract import Range
from intern.config.schema import Recipe
from intern.overrides import Overrides
from intern.research.evidence import Evidence

NEAR = 4.0  # a range is searched so many times below and above what papers used, as around a trial's own values
ALIKE = 10.0  # a model so many times smaller or larger says nothing about learning rates


def speaks_for(evidence: Evidence, recipe: Recipe) -> bool:
    """Return whether evidence bears on a recipe: it names it, or is its source, or is about its last training."""
    trained = [stage.name for _, stage in stages.entries(recipe) if stage.trains]
    opened = any(key in recipe.contract for key in evidence.bears_on)
    named = recipe.name in evidence.bears_on or evidence.source in recipe.sources
    return named or opened or trained[-1:] == [evidence.technique]


def support(evidence: Sequence[Evidence], recipe: Recipe) -> int:
    """Return how many papers speak for a recipe, less those that report a loss with it."""
    spoken = [each for each in evidence if speaks_for(each, recipe)]
    losses = {each.source for each in spoken if each.gain is not None and each.gain < 0}
    return len({each.source for each in spoken} - losses) - len(losses)


def order(evidence: Sequence[Evidence], recipes: Mapping[str, Recipe]) -> list[str]:
    """Return the names of recipes, those that most papers speak for first; of equals by name."""
    return sorted(recipes, key=lambda name: (-support(evidence, recipes[name]), name))


def used(evidence: Sequence[Evidence], recipe: Recipe, size: float | None = None) -> dict[str, list[float]]:
    """Return the values that papers used for the ranges of a recipe's contract, and that lie in them.

    Args:
        evidence: what is known.
        recipe: the recipe.
        size: billions of parameters of the model; papers on models ten times smaller or larger are left out.
    """
    by_key: dict[str, list[float]] = {}
    for each in evidence:
        if size and each.size and not size / ALIKE <= each.size <= size * ALIKE:
            continue
        for key, domain in recipe.contract.items():
            section, dot, field = key.partition(".")
            value = each.hyperparameters.get(f"{recipe.kinds.get(section, section)}.{field}" if dot else key)
            if not isinstance(value, int | float) or isinstance(value, bool):
                continue
            if isinstance(domain, Range) and domain.low <= value <= domain.high:
                by_key.setdefault(key, []).append(float(value))
    return by_key


def narrowed(
    evidence: Sequence[Evidence], recipe: Recipe, size: float | None = None
) -> tuple[tuple[str, float, float], ...]:
    """Return (key, low, high) near what papers used, as `Proposal.within` takes it, for the keys that they speak of."""
    bounds = []
    for key, values in used(evidence, recipe, size).items():
        domain = recipe.contract[key]
        assert isinstance(domain, Range)
        part = (domain.high - domain.low) / NEAR
        low = min(values) / NEAR if domain.log else min(values) - part
        high = max(values) * NEAR if domain.log else max(values) + part
        bounds.append((key, max(low, domain.low), min(high, domain.high)))
    return tuple(bounds)


def start(evidence: Sequence[Evidence], recipe: Recipe, size: float | None = None) -> Overrides:
    """Return the middle one of the values that papers used, for the keys that they speak of."""
    middle = {key: sorted(values)[len(values) // 2] for key, values in used(evidence, recipe, size).items()}
    return Overrides({key: recipe.contract[key].check(cast(recipe, key, value)) for key, value in middle.items()})


def cast(recipe: Recipe, key: str, value: float) -> float | int:
    """Return a number as a key's type."""
    domain = recipe.contract[key]
    return round(value) if domain.kind is int else value
