"""What advice is read off: the trial of a study with the highest score on dev, beside the base, and what was tried."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intern.config import stages
from intern.config.schema import Config, Goal, Recipe
from intern.errors import UserError
from intern.records import UNCOUNTED, Diagnosis, Trial, Verdict
from intern.report import answers
from intern.report.answers import kind
from intern.stats import paired
from intern.study.reader import Reader

Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Facts:
    """A study in which nothing is known to be better than the base."""

    trial: Trial
    """The proposed trial with the highest score on dev."""
    config: Config
    """Its config; the recipe is at its full length."""
    rows: Rows
    """What the trial wrote on dev, item by item."""
    base: Rows
    """What the base wrote."""
    verdict: Verdict
    """The comparison of the two."""
    metrics: Mapping[str, Rows]
    """What each of the trial's training stages logged."""
    notes: Sequence[Diagnosis]
    """What rules saw at the ends of these stages, whose checkpoints were kept."""
    tried: Sequence[Trial]
    """Every proposed trial that ran."""

    @property
    def recipe(self) -> Recipe:
        """The trial's recipe."""
        return self.config.recipe

    @property
    def goal(self) -> Goal:
        """The goal."""
        return self.config.goal

    @property
    def who(self) -> str:
        """The trial's name."""
        return answers.name(self.trial)

    @property
    def training(self) -> list[str]:
        """The names of the recipe's training stages."""
        return stages.training(self.recipe)

    @property
    def taught(self) -> bool:
        """Whether one of them learns targets: rewards alone teach nothing that is never written."""
        return any(stages.stage(self.recipe.kinds[name]).targets for name in self.training)

    @property
    def alike(self) -> float:
        """Share of the items for which the trial wrote what the base wrote; 1 if neither writes anything."""
        before = {(row["task"], row["doc_id"]): row.get("response") for row in self.base}
        same = [before.get((row["task"], row["doc_id"])) == row.get("response") for row in self.rows]
        return same.count(True) / len(same)

    def of_recipe(self) -> list[Trial]:
        """Return the trials of the same recipe."""
        return [trial for trial in self.tried if trial.recipe == self.trial.recipe]


def share(rows: Rows, *kinds: str) -> float:
    """Return the share of some kinds of answers."""
    return sum(kind(row) in kinds for row in rows) / len(rows)


def gather(study: Reader) -> Facts | None:
    """Return the facts; None if no trial was scored, or if its folder cannot be read any more."""
    trial, base = study.leading, study.baseline
    mine, theirs = answers.rows(study, trial), answers.rows(study, base)
    if trial is None or base is None or not mine or not theirs:
        return None
    begun = [stage for stage in study.begun(trial) if stages.stage(stage.stage).trains]
    logged = {stage.name: rows for stage in begun if (rows := study.metrics(trial, stage))}
    try:
        config = study.config(trial.number)
    except UserError:  # a version wrote it that had other keys
        return None
    verdict = study.compared(trial, base) or paired.compare(mine, theirs, base.number)
    tried = [t for t in study.trials if t.kind not in UNCOUNTED and t.state in ("COMPLETE", "PRUNED")]
    return Facts(trial, config, mine, theirs, verdict, logged, study.notes(trial), tried)
