"""Diagnosis rules, one per file: pure functions of a stage's metrics so far, so that they act at the same
step on every machine. Each module states

STAGES   the stages that it watches
RANK     causes speak before their symptoms: of two rules that fire at once, the lower is named
check    (rows, recipe) -> Finding | None; `rows` are the rows of metrics.jsonl, `recipe` the trial's own

A finding is the symptom and the wishes that may mend it, the most promising first; the diagnosis names the step and
two to four of them as competing remedies, as far as the contract has them."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from intern import plugins
from intern.config.schema import Recipe
from intern.diagnosis._remedies import Wish, remedies
from intern.records import Diagnosis

LEAST = 10  # steps before which nothing can be said of what a stage fails to learn
Rows = Sequence[Mapping[str, Any]]
Finding = tuple[str, Sequence[Wish]]


def check(stage: str, rows: Rows, recipe: Recipe) -> Diagnosis | None:
    """The first rule, by rank, that fires on the rows logged so far."""
    rules = {name: plugins.load("diagnosis", name) for name in plugins.names("diagnosis")}
    for name, rule in sorted(rules.items(), key=lambda pair: pair[1].RANK):
        if stage in rule.STAGES and (found := rule.check(rows, recipe)):
            symptom, wishes = found
            return Diagnosis(name, stage, rows[-1]["step"], symptom, remedies(recipe, stage, wishes))
    return None


def series(rows: Rows, key: str) -> list[float]:
    """The finite values of one metric, in the order of their steps."""
    return [row[key] for row in rows if isinstance(row.get(key), int | float) and math.isfinite(row[key])]


def mean(values: Sequence[float]) -> float:
    """Their mean; `values` is not empty."""
    return sum(values) / len(values)


def halfway(rows: Rows) -> bool:
    """Whether half of the steps are done, and enough of them to have taught something."""
    return rows[-1]["step"] >= max(LEAST, rows[-1]["steps"] / 2)


def prompts(rows: Rows, recipe: Recipe) -> float:
    """Prompts behind a logged row of rollouts: the completions of one prompt are no independent draws."""
    steps = [row["step"] for row in rows if "reward" in row]
    batch = (recipe.grpo.per_device_train_batch_size or 8) * (recipe.grpo.gradient_accumulation_steps or 1)
    taken = steps[-1] - (steps[-2] if len(steps) > 1 else 0) if steps else 0
    return max(1.0, taken * batch / (recipe.grpo.num_generations or 8))
