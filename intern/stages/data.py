"""Stage data: gather the recipe's sources, map their columns, clean, decontaminate, mix, cut."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Annotated, Any

from pydantic import Field

from intern import files, records, rewards
from intern.config.schema import Config, tunable
from intern.data import cleaning, items, mix, sources
from intern.data.decontamination import Decontamination, deny
from intern.data.items import Row
from intern.errors import UserError
from intern.stages import Task, _rows

VERSION = 5
READS = ("goal", "model.eos_token")
USES = ("seed",)
MAKES = "rows"
KEEPS = (cleaning.FILE, mix.FILE)


@dataclass
class Settings:
    """Where rows come from, and which are kept."""

    mix: list[dict[str, Any]] = field(default_factory=lambda: [{"goal": True}])
    """Sources, an entry each; see intern.data.sources."""
    rows: Annotated[int, Field(ge=1, le=10**7)] | None = tunable()
    """Rows at most, after cleaning; None: all."""
    verified: bool = tunable(False)
    """Keep only rows whose target the goal's scorer finds right."""
    answer_line: bool = tunable(False)
    """End a target that lacks it with the evaluator's answer line."""


def malformed(settings: Settings) -> list[str]:
    """Return every fault of the mix."""
    faults = [] if settings.mix else ["mix: no source of rows is named. Give one: mix=[{goal: true}]"]
    for entry in settings.mix:
        try:
            sources.read(entry)
        except UserError as error:
            faults.append(f"mix: {error}")
    return faults


def plugins(settings: Settings, config: Config) -> Iterator[tuple[str, str]]:
    """Yield the sources of the mix, the goal's scorer and its generator."""
    for entry in settings.mix:
        yield from sources.called(entry)
    yield "rewards", config.goal.scorer
    if config.goal.generator:
        yield "generators", config.goal.generator


def run(task: Task) -> None:
    """Write rows.jsonl, cleaning.json, its receipt (what it was held against, which rows were left out, and why), and
    sources.json (what each source gave, and fingerprints of that and of the rows that were kept).

    Raises:
        UserError: if nothing is left of the sources, or if one is a copy of the held-out items.
    """
    wanted: Settings = task.settings
    goal, mirror = task.config.goal, task.config.compute.mirror
    gathered, told = mix.gather(wanted.mix, goal, task.items, task.seed, mirror)
    unmade = [line for source in told for line in source.lines()]
    guard = _rows.guard(task, gathered)
    for one in told:
        refuse_copy(one.entry, [row for row in gathered if row.get("source", one.source) == one.source], guard)
    rows, cleaned = cleaning.clean(gathered, guard)
    print(f"data: {cleaned.gathered} rows gathered, {cleaned.kept} after cleaning and decontamination")
    for line in [cleaned.receipt(), *unmade, *cleaned.lines()]:
        print(f"  {line}")
    rows = verified(rows, wanted, rewards.scorer(goal))
    random.Random(task.seed).shuffle(rows)
    kept = mix.drawn(rows, wanted.mix, wanted.rows)
    if not kept:
        why = "; ".join([*unmade, *cleaned.lines()]) or "the scorer finds no target right"
        why = "a source of the mix has no row, and weights are kept" if rows else why
        raise UserError(f"No training rows are left of {len(gathered)} from {wanted.mix} after cleaning: {why}.")
    files.write_whole(task.out / cleaning.FILE, records.dump(cleaned))
    receipt = {"sources": [asdict(source) for source in told], "rows": len(kept)}
    files.write_whole(task.out / mix.FILE, {**receipt, "fingerprint": items.fingerprint(kept)})
    items.write(task.out / "rows.jsonl", kept)


def verified(rows: list[Row], wanted: Settings, outcome: rewards.Outcome) -> list[Row]:
    """Return the rows with the answer line added where the settings ask for it, and those alone that they let pass."""
    if wanted.answer_line:
        values = judged(rows, outcome)
        rows = [with_line(row) if value is None else row for row, value in zip(rows, values, strict=True)]
    if not wanted.verified:
        return rows
    right = [row for row, value in zip(rows, judged(rows, outcome), strict=True) if value == 1.0]
    print(f"  {len(rows) - len(right)} rows: the scorer does not find the target right (verified=true)")
    return right


def judged(rows: list[Row], outcome: rewards.Outcome) -> list[float | None]:
    """Return what the scorer makes of each row's own target."""
    return rewards.many(outcome, [row["target"] for row in rows], rows)


def with_line(row: Row) -> Row:
    """Return the row with the evaluator's answer line at the end of its target."""
    return {**row, "target": f"{row['target']}\n{items.target_of({'answer': row['answer']})}"}


def refuse_copy(entry: Mapping[str, Any], rows: Sequence[Row], guard: Decontamination) -> None:
    """Raise UserError if a foreign source is a copy of what the goal is scored on."""
    kind = sources.kind_of(entry)
    if kind != "goal":
        deny.refuse_copy(f"{kind}: {entry[kind]}", sum(guard.whole(row) is not None for row in rows), len(rows))
