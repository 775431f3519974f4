"""Which keys of a recipe's contract matter: the share of the differences on dev that each explains (PED-ANOVA)."""

from dataclasses import dataclass

from intern.records import spread
from intern.report import charts
from intern.study.reader import Reader

ENOUGH = 20  # finished trials of a recipe under which importances are noise
MOST = 500  # trials that are used: more change little


@dataclass(frozen=True)
class Importance:
    """How much each key of one recipe matters."""

    recipe: str
    """The recipe."""
    finished: int
    """Its trials that were scored on dev."""
    used: int
    """Those of them, and of its stopped ones, that are used here."""
    missing: int
    """Scored trials that are lacking before anything can be said."""
    chart: charts.Spec | None
    """A bar for each key that was varied; None if none was."""


def importances(study: Reader) -> list[Importance]:
    """Return how much the keys matter, recipe by recipe."""
    names = sorted({t.recipe for t in study.trials if t.recipe})
    return [importance(study, name) for name in names]


def importance(study: Reader, name: str) -> Importance:
    """Return how much the keys of one recipe matter, once enough of its trials have finished."""
    mine = [t for t in study.history.of_recipe(name) if t.kind not in ("confirm", "rollback")]
    scored = [t for t in mine if t.mean("dev") is not None]
    if len(scored) < ENOUGH:
        return Importance(name, len(scored), 0, ENOUGH - len(scored), None)
    used = spread([t for t in mine if t.mean("dev") is not None or t.state == "PRUNED"], MOST)
    shares = study.importances(used)
    chart = charts.importances([{"key": key, "share": share} for key, share in shares.items()]) if shares else None
    return Importance(name, len(scored), len(used), 0, chart)
