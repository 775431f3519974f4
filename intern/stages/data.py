"""Stage data: gather the recipe's sources, map their columns, clean, decontaminate, mix, cut."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from intern import rewards
from intern.config.schema import Config, tunable
from intern.data import items, sources, tasks
from intern.data.contamination import Guard
from intern.data.items import Row
from intern.errors import UserError
from intern.stages import Task

VERSION = 3
READS = ("goal", "model.eos_token")
USES = ("seed",)
MAKES = "rows"


@dataclass
class Settings:
    """Where rows come from, and which are kept."""

    mix: list[dict[str, Any]] = field(default_factory=lambda: [{"goal": True}])
    """Sources, an entry each; see intern.data.sources."""
    rows: Annotated[int, Field(ge=1, le=10**8)] | None = tunable()
    """Rows at most, after cleaning; None: all."""
    verified: bool = tunable(False)
    """Keep only rows whose target the goal's scorer finds right."""
    answer_line: bool = tunable(False)
    """End a target that lacks it with the evaluator's answer line."""


def malformed(settings: Settings) -> list[str]:
    """Return every fault of the mix."""
    faults = []
    for entry in settings.mix:
        try:
            sources.read(entry)
        except UserError as error:
            faults.append(f"mix: {error}")
    return faults


def plugins(settings: Settings, config: Config) -> Iterator[tuple[str, str]]:
    """Yield the sources of the mix, the goal's scorer and its generator."""
    yield from (("sources", sources.kind_of(entry)) for entry in settings.mix)
    yield "rewards", config.goal.scorer
    if config.goal.generator:
        yield "generators", config.goal.generator


def run(task: Task) -> None:
    """Write rows.jsonl.

    Raises:
        UserError: if nothing is left of the sources.
    """
    wanted: Settings = task.settings
    goal, mirror = task.config.goal, task.config.compute.mirror
    outcome = rewards.scorer(goal)
    gathered = [row for entry in wanted.mix for row in sources.rows(entry, goal, task.items, task.seed, mirror)]
    rows = clean(gathered, guard(task))
    if wanted.answer_line:
        rows = [row if outcome(row["target"], row) is not None else with_line(row) for row in rows]
    if wanted.verified:
        rows = [row for row in rows if outcome(row["target"], row) == 1.0]
    if not rows:
        raise UserError(f"No training rows are left of {len(gathered)} from {wanted.mix} after cleaning.")
    random.Random(task.seed).shuffle(rows)
    print(f"data: {len(gathered)} rows gathered, {len(rows)} after cleaning and decontamination")
    items.write(task.out / "rows.jsonl", rows[: wanted.rows])


def with_line(row: Row) -> Row:
    """Return the row with the evaluator's answer line at the end of its target."""
    return {**row, "target": f"{row['target']}\n{items.target_of({'answer': row['answer']})}"}


def clean(rows: Iterable[Row], guard: Guard) -> list[Row]:
    """Return the rows in order, without blank, repeated or contaminated ones."""
    kept: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["question"].strip() and row["target"].strip() and guard.admits(row):
            kept.setdefault((row["key"], row["target"]), row)
    return list(kept.values())


def guard(task: Task) -> Guard:
    """Return a guard that knows every dev and test item of the goal, lm-eval's own tasks included."""
    goal = task.config.goal
    keys: list[str] = []
    questions: list[str] = []
    for split in ("dev", "test"):
        if not tasks.named(goal, split):
            held_out = items.read(task.items / f"{split}.jsonl")
            keys += [row["key"] for row in held_out]
            questions += [row["question"] for row in held_out]
            continue
        stop = task.config.model.eos_token or ""
        for _, loaded in tasks.tasks(goal, split, task.items, stop, task.config.compute.mirror):
            texts = [text for doc in loaded.eval_docs for text in strings(doc)]
            keys += [items.normal(text) for text in texts]
            questions += texts
    return Guard.against(keys, questions, goal.overlap_words)


def strings(value: Any) -> list[str]:
    """Return every text of an item as its data set has it: the rendered prompt would match by its boilerplate."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []
