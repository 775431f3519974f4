"""Which keys of a recipe's contract matter: the share of the differences on dev that each explains (PED-ANOVA)."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from intern.config.schema import Recipe
from intern.overrides import Value
from intern.records import Trial
from intern.search import sampler
from intern.search.sampler import Space


def explained(recipe_of: Callable[[int], Recipe], trials: Sequence[Trial]) -> dict[str, float]:
    """Return Optuna's importance of each contract key over some trials of one recipe, the greatest first.

    Args:
        recipe_of: a trial's number → the recipe as it ran it.
        trials: the recipe's trials that were scored or stopped.
    """
    space = varied(space_of(recipe_of, trials), trials)
    if not space.bounds:
        return {}
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize")
    sampler.feed(study, sampler.ended(space, trials).values())
    with without_sklearn():
        shares: dict[str, float] = optuna.importance.get_param_importances(study)
    return shares


@contextmanager
def without_sklearn() -> Iterator[None]:
    """Let Optuna do without scikit-learn, as where it is not installed: another measure alone needs it, and half of the
    time of a report is its import."""
    absent = "sklearn" not in sys.modules
    if absent:
        sys.modules["sklearn"] = None  # type: ignore[assignment]  # an import of it fails
    try:
        yield
    finally:
        if absent:
            del sys.modules["sklearn"]


def space_of(recipe_of: Callable[[int], Recipe], trials: Sequence[Trial]) -> Space:
    """Return a recipe's search space, from its trials' own configs: its file may have gone."""
    bounds = recipe_of(trials[0].number).contract
    defaults: dict[str, Value | None] = {}
    for key in bounds:
        plain = next((t for t in trials if key not in t.overrides), None)
        defaults[key] = recipe_of(plain.number).value(key) if plain else None
    return Space(bounds, defaults)


def varied(space: Space, trials: Sequence[Trial]) -> Space:
    """Return a search space with only those keys of which the trials had several values: PED-ANOVA takes the place of
    a single value in its range for a finding."""
    values: dict[str, set[Value | None]] = {key: set() for key in space.bounds}
    for trial in trials:
        for key, value in space.values(trial.overrides).items():
            values[key].add(value)
    bounds = {key: domain for key, domain in space.bounds.items() if len(values[key]) > 1}
    return Space(bounds, {key: space.defaults[key] for key in bounds})
