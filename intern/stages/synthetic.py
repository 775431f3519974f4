"""Stage synthetic: rows made by the goal's generator, the working written out, added to the rows so far."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import Field

from intern import files, records
from intern.config.schema import Config, tunable
from intern.data import cleaning, items
from intern.errors import UserError
from intern.stages import Task, _rows

VERSION = 2
READS = ("goal",)
USES = ("rows", "seed")
MAKES = "rows"
KEEPS = (cleaning.FILE,)


@dataclass
class Settings:
    """How many rows, and what their targets show."""

    rows: Annotated[int, Field(ge=1, le=10**7)] = tunable(2000)
    """Rows to draw."""
    style: Literal["solution", "answer"] = tunable("solution")
    """solution: worked out; answer: the answer line alone."""


def faults(settings: Settings, config: Config) -> list[str]:
    """Return the lack of a generator, if there is none."""
    if config.goal.generator:
        return []
    return [f"rows={settings.rows}: the stage needs a goal with a generator, and goal {config.goal.name} has none"]


def plugins(settings: Settings, config: Config) -> Iterator[tuple[str, str]]:
    """Yield the goal's generator."""
    if config.goal.generator:
        yield "generators", config.goal.generator


def run(task: Task) -> None:
    """Write rows.jsonl: train items alone, by the rule that keeps a generator's splits apart; and cleaning.json, the
    receipt of those that were made.

    Raises:
        UserError: if worked targets are wanted and the generator writes none.
    """
    wanted: Settings = task.settings
    goal = task.config.goal
    drawn = items.take(items.generated(goal, "train", task.seed), wanted.rows)
    if wanted.style == "solution":
        if drawn and "solution" not in drawn[0]:
            raise UserError(f"Generator {goal.generator} writes no solutions: recipe.{task.name}.style=answer.")
        drawn = [{**row, "target": row["solution"]} for row in drawn]
    drawn, cleaned = cleaning.clean(drawn, _rows.guard(task, drawn, few_shot=False))
    files.write_whole(task.out / cleaning.FILE, records.dump(cleaned))
    rows = (items.read(task.rows) if task.rows else []) + drawn
    random.Random(task.seed).shuffle(rows)
    print(f"synthetic: {len(drawn)} rows made, {len(rows)} in all; {cleaned.receipt()}")
    items.write(task.out / "rows.jsonl", rows)
