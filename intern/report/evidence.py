"""Which evidence bears on which trials, and what came of them on this goal and this model.

That the best of them beats the base is no proof of the claim: nothing like it may have been left out for comparison.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from intern.config.schema import Recipe
from intern.errors import UserError
from intern.records import UNCOUNTED, Trial, Verdict
from intern.report import fmt
from intern.research import steer
from intern.research.evidence import Evidence
from intern.study.reader import Reader

CAME = {"keep": "better than the base", "discard": "worse than the base", "undecided": "not known to be better"}


@dataclass(frozen=True)
class Followed:
    """One claim and what was made of it."""

    evidence: Evidence
    """The claim."""
    trials: tuple[int, ...]
    """Trials of recipes that it bears on."""
    best: int | None = None
    """The best of them on dev; None: none was scored."""
    verdict: Verdict | None = None
    """Its paired comparison with the base model."""
    cited: tuple[int, ...] = ()
    """Trials whose proposals cite the paper."""

    @property
    def came(self) -> str:
        """What came of it: the best of its trials against the base model, item by item."""
        return CAME[self.verdict.call] if self.verdict else "not tried" if not self.trials else "not scored"


def followed(study: Reader, evidence: Sequence[Evidence]) -> list[Followed]:
    """Return what was made of each claim, in their order; one that bears on no trial is "not tried"."""
    if not evidence:
        return []
    tried = [trial for trial in study.trials if trial.recipe and trial.kind not in UNCOUNTED]
    recipes: dict[str, Recipe] = {}
    for trial in tried:
        if trial.recipe not in recipes and trial.state != "REJECTED":
            with suppress(UserError):  # a damaged config; whoever needs it says so
                recipes[str(trial.recipe)] = study.recipe(trial.number)
    rows = []
    for each in evidence:
        names = {name for name, recipe in recipes.items() if steer.speaks_for(each, recipe)}
        rows.append(one(study, each, [trial for trial in tried if trial.recipe in names]))
    return rows


def one(study: Reader, evidence: Evidence, trials: list[Trial]) -> Followed:
    """Return what was made of one claim."""
    numbers = tuple(trial.number for trial in trials)
    cited = tuple(trial.number for trial in study.trials if evidence.source in trial.evidence)
    scored = [trial for trial in trials if trial.mean("dev") is not None]
    best = max(scored, key=lambda trial: (trial.mean("dev") or 0.0, trial.fidelity), default=None)
    if best is None or study.baseline is None:
        return Followed(evidence, numbers, cited=cited)
    return Followed(evidence, numbers, best.number, study.compared(best, study.baseline), cited)


def lines(study: Reader, evidence: Sequence[Evidence]) -> Iterator[str]:
    """Yield a line for each claim."""
    yield from (line(study, row) for row in followed(study, evidence))


def line(study: Reader, row: Followed) -> str:
    """Return what came of a claim, the best trial that it bears on, and what it says."""
    where = "" if row.best is None else f": trial {row.best}, dev {fmt.rate(study.trials[row.best])}"
    cited = f"; cited by trial {', '.join(map(str, row.cited))}" if row.cited else ""
    return f"{row.came}{where}{cited} · {row.evidence.claim} ({row.evidence.source})"
