"""What evidence is for: which recipes are tried first, and where a sweep starts.

Pure functions; a contract's bounds and a proposer's own measurements come before anything that a paper says.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from intern.config import stages
from intern.config.contract import Range
from intern.config.schema import Recipe
from intern.research.evidence import Evidence

NEAR = 4.0  # a sweep looks so many times above and below a value, or this part of a linear range
ALIKE = 10.0  # a model so many times smaller or larger says nothing about learning rates


@dataclass(frozen=True)
class Near:
    """Where a sweep looks for a key's value."""

    key: str
    """Of the contract."""
    low: float
    """The lowest value."""
    high: float
    """The highest value."""
    sources: tuple[str, ...] = ()
    """The evidence that says so; () for a trial of the study's own."""


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


def used(evidence: Iterable[Evidence], recipe: Recipe, key: str, size: float | None = None) -> list[tuple[float, str]]:
    """Return (value, source) of what papers used for a key of a recipe's contract, where it lies in the key's range.

    Args:
        evidence: what is known.
        recipe: the recipe.
        key: of its contract.
        size: billions of parameters of the model; papers on models ten times smaller or larger are left out.
    """
    domain = recipe.contract[key]
    section, dot, field = key.partition(".")
    named = f"{recipe.kinds.get(section, section)}.{field}" if dot else key
    values = []
    for each in evidence:
        value = each.hyperparameters.get(named)
        if size and each.size and not size / ALIKE <= each.size <= size * ALIKE:
            continue
        if not isinstance(value, int | float) or isinstance(value, bool):
            continue
        if isinstance(domain, Range) and domain.low <= value <= domain.high:
            values.append((float(value), each.source))
    return values


def narrowed(evidence: Iterable[Evidence], recipe: Recipe, key: str, size: float | None = None) -> Near | None:
    """Return where papers had a key's values, and some way around, inside its range; None if they do not speak of it.

    The arguments are those of `used`."""
    known, domain = used(evidence, recipe, key, size), recipe.contract[key]
    if not known or not isinstance(domain, Range):
        return None
    values = [value for value, _ in known]
    low, high = around(domain, min(values))[0], around(domain, max(values))[1]
    return Near(key, max(low, domain.low), min(high, domain.high), tuple(dict.fromkeys(source for _, source in known)))


def around(domain: Range, value: float) -> tuple[float, float]:
    """Return the bounds of what counts as near a value; they may lie outside the range."""
    part = (domain.high - domain.low) / NEAR
    return (value / NEAR, value * NEAR) if domain.log else (value - part, value + part)
