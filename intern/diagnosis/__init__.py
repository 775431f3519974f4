"""Diagnosis rules, one per file: pure functions of a stage's metrics so far, so that they act at the same step on every
machine. A module states

check     Run → Symptom | None; with a `Settings` dataclass, (Run, settings)
AFTER     rules that speak first if both fire at once, since what they name may be the cause of this (optional)

A rule watches every stage that logs the metrics that it reads; it names no stage. What it stops is lost, and what
it lets run is scored: a rule holds what it sees against the trend of what is being learnt, and if the two disagree it
says nothing.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from graphlib import CycleError, TopologicalSorter
from typing import Any

from intern import plugins
from intern.config import typed
from intern.config.changes import Change
from intern.config.schema import Config, Recipe
from intern.config.stages import Stage, stage
from intern.diagnosis._remedies import remedies, unopened
from intern.errors import UserError
from intern.records import Diagnosis

LEAST = 10  # steps before which nothing can be said of what a stage fails to learn
GAIN = 0.02  # of the held-out loss, in an eighth of the steps: at less, half of them bring less than a tenth (0.98^4)
Rows = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Symptom:
    """What a rule saw, and what may mend it."""

    text: str
    """What was seen, with its numbers."""
    remedies: Sequence[tuple[str, Change]]
    """(field, change), the most promising first: a field of the stage's own settings, or `*.field` of those stages that
    made the rows which it learns."""


@dataclass(frozen=True)
class Run:
    """A training stage so far, as a rule sees it."""

    name: str
    """The stage's name in the recipe."""
    recipe: Recipe
    """The trial's recipe."""
    rows: Rows
    """The rows of metrics.jsonl; at least one. Each has `step` and `steps`, the number of all steps."""

    @property
    def stage(self) -> Stage:
        """The stage's description."""
        return stage(self.recipe.kinds[self.name])

    @property
    def last(self) -> Mapping[str, Any]:
        """The newest row."""
        return self.rows[-1]

    @property
    def samples(self) -> bool:
        """Whether the stage learns from rollouts, which earn a reward, and not from given targets."""
        return any("reward" in row for row in self.rows)

    @property
    def halfway(self) -> bool:
        """Whether half of the steps are done, and enough of them to have taught something."""
        return bool(self.last["step"] >= max(LEAST, self.last["steps"] / 2))

    @property
    def learning(self) -> bool:
        """Whether the held-out loss still falls: what the outputs lack may yet come."""
        losses = self.series("eval_loss")
        return len(losses) > 1 and losses[-1] < (1 - GAIN) * losses[-2]

    @property
    def top_reward(self) -> float:
        """The highest reward that a completion can earn."""
        return sum(self.recipe.weights().values())

    def series(self, key: str) -> list[float]:
        """Return the finite values of one metric, in the order of their steps."""
        return series(self.rows, key)

    def setting(self, field: str) -> Any:
        """Return a field of the stage's settings, or what it means if it is unset."""
        value = getattr(getattr(self.recipe, self.name), field, None)
        return self.stage.defaults.get(field) if value is None else value

    def weighed(self, key: str) -> list[tuple[float, float]]:
        """Return (value, prompts behind it) of a metric in each row of rollouts: the completions of one prompt are no
        independent draws."""
        batch = (self.setting("per_device_train_batch_size") or 1) * (self.setting("gradient_accumulation_steps") or 1)
        each = batch / (self.setting("num_generations") or 1)
        values: list[tuple[float, float]] = []
        step = 0
        for row in self.rows:
            if "reward" not in row:
                continue
            if is_number(row.get(key)):
                values.append((row[key], max(1.0, (row["step"] - step) * each)))
            step = row["step"]
        return values


def check(name: str, rows: Rows, config: Config) -> Diagnosis | None:
    """Return the diagnosis that stops a stage: of the first rule that fires on the rows logged so far. None stops it at
    its last step: nothing is saved by that any more, and the score tells more of the checkpoint than a rule."""
    return None if is_last(rows[-1]) else fired(Run(name, config.recipe, rows), config)


def noted(name: str, rows: Rows, config: Config) -> Diagnosis | None:
    """Return the diagnosis of the first rule that fires at the last step of a stage: a note, which stops nothing."""
    for end in range(1, len(rows) + 1):
        if is_last(rows[end - 1]) and (diagnosis := fired(Run(name, config.recipe, rows[:end]), config)):
            return diagnosis
    return None


def fired(run: Run, config: Config) -> Diagnosis | None:
    """Return the diagnosis of the first rule that fires."""
    for rule in order(tuple(plugins.names("diagnosis"))):
        settings = typed.settings("diagnosis", rule, config.diagnosis.get(rule, {}))
        given = () if settings is None else (settings,)
        symptom = plugins.load("diagnosis", rule).check(run, *given)
        if symptom:
            proposed = remedies(run.recipe, run.name, symptom.remedies)
            shut = unopened(run.recipe, run.name, symptom.remedies)
            return Diagnosis(rule, run.name, run.last["step"], symptom.text, proposed, shut)
    return None


@cache
def order(names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the rules in the order in which they speak: each after those that it names, else by name.

    Raises:
        UserError: if rules name each other in a circle.
    """
    after = {name: getattr(plugins.load("diagnosis", name), "AFTER", ()) for name in names}
    sorter = TopologicalSorter({name: [first for first in before if first in names] for name, before in after.items()})
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " → ".join(error.args[1])
        raise UserError(f"Diagnosis rules wait for each other: {circle}. Mend AFTER in one of them.") from None
    rules: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        rules += ready
        sorter.done(*ready)
    return tuple(rules)


def series(rows: Rows, key: str) -> list[float]:
    """Return the finite values of one metric, in the order of their steps."""
    return [row[key] for row in rows if is_number(row.get(key))]


def is_last(row: Mapping[str, Any]) -> bool:
    """Return whether a row was logged at the last step."""
    return bool(row["step"] >= row["steps"])


def is_number(value: Any) -> bool:
    """Return whether a logged value is a finite number."""
    return isinstance(value, int | float) and math.isfinite(value)
