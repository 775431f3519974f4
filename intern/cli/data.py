"""Rows before they are trained on.

    python -m intern data check rows.jsonl goal=gsm8k goal.data_dir=DIR --json
"""

import json
import tempfile
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from intern.cli.parameters import AsJson, Folders, SomeKeys
from intern.errors import UserError
from intern.text import as_lines, say

if TYPE_CHECKING:
    from intern.config.schema import Config, Goal
    from intern.data.decontamination import Match
    from intern.data.items import Row

USAGE = "FILE goal=GOAL [KEY=VALUE ...] [--json]"
Matched = Sequence[tuple[int, "Row", "Match"]]


def check(
    file: Annotated[Path, typer.Argument(metavar="FILE", hidden=True)],
    words: SomeKeys = None,
    config_dir: Folders = None,
    as_json: AsJson = False,
) -> int:
    """Say which rows of a file decontamination would drop for a goal, and why; nothing is changed.

    FILE is JSON lines, a JSON array, CSV or Parquet, with the goal's columns or any others: their texts then count as
    one. With --json a list of {row, drop, reason, matched, score}; rows and items are numbered from 0, and drop is
    false for what nearly matches. Exit status 0 whatever is found.

    \b
    python -m intern data check rows.jsonl goal=gsm8k goal.data_dir=DIR
    """
    from intern.data import folder, held_out
    from intern.study import published

    config = asked(words or [], config_dir or ())
    records = folder.read(file)
    goal = published.resolved(config.goal, config.compute.mirror)
    rows = [row_of(goal, record.value) for record in records]
    guard = held_out.guard(goal, held(goal, config.compute.mirror), rows)
    matched = [(i, rows[i], match) for i, match in enumerate(guard.matches(rows)) if match]
    if as_json:
        names = ("drop", "reason", "matched", "score")
        say(json.dumps([{"row": i, **{name: getattr(match, name) for name in names}} for i, _, match in matched]))
    else:
        show(file, len(rows), held_out.counted(guard.items), matched)
    return 0


def asked(words: Sequence[str], folders: Any) -> "Config":
    """Return the goal that words name, and the mirror.

    Raises:
        UserError: with every fault of the words.
    """
    from intern.cli.compose import checked, compose
    from intern.cli.words import once, shown
    from intern.config import choices

    once(words)
    keys = [word.lstrip("+").partition("=")[0] for word in words]
    for word, key in zip(words, keys, strict=True):
        if key.partition(".")[0] != "goal" and key != "compute.mirror":
            raise UserError(f'data check takes FILE, goal=…, goal.KEY=… and compute.mirror=…, not "{shown(word)}".')
    choices.search(folders)
    if "goal" not in keys:
        raise UserError(f"data check needs a goal: goal=GOAL, one of {', '.join(choices.options('goal'))}.")
    tree = compose(words, choices.registered())
    return checked({"goal": tree["goal"], "compute": tree["compute"]})


def held(goal: "Goal", mirror: str | None) -> Any:
    """Return the items of a goal, which are drawn or read for this alone.

    Raises:
        UserError: with every data set of lm-eval's tasks that cannot be had.
    """
    from intern.data import held_out, splits
    from intern.study import hub

    needed = dict.fromkeys(name for task in [*goal.dev, *goal.test] for name in hub.task_data(task.folder, task.name))
    if faults := [fault for name in needed if (fault := hub.data_fault((name, None), mirror))]:
        raise UserError(as_lines(["What the goal is scored on cannot be had:", *(f"  - {fault}" for fault in faults)]))
    with tempfile.TemporaryDirectory() as folder:
        splits.materialise(goal, Path(folder))
        return held_out.held_out(goal, Path(folder), "", mirror)


def row_of(goal: "Goal", value: Any) -> "Row":
    """Return a line of a file as a row: by the goal's columns, or all its texts as the question."""
    from intern.config import column
    from intern.data import held_out, items

    item: Row = {}
    for ours, spec in goal.columns.items():
        with suppress(column.Unmade):
            item[ours] = column.value(ours, spec, value)
    if "question" not in item:
        item = {"question": "\n".join(held_out.strings(value))}
    return items.row(goal, item, held_out.canonical(goal, items.text_of(item, "question")))


def show(file: Path, rows: int, against: Mapping[str, Mapping[str, Any]], matched: Matched) -> None:
    """Print how many rows would go, and why, with an example of each reason."""
    from intern.cli import table
    from intern.data.items import bare, shortened

    gone = sum(match.drop for _, _, match in matched)
    parts = ", ".join(f"{entry['items']:,} {split}" for split, entry in against.items())
    by = Counter(match.matched.rpartition(" ")[0] for _, _, match in matched if match.drop)
    each = f" ({', '.join(f'{count:,} for {part}' for part, count in by.items())})" if len(by) > 1 else ""
    say(f"{file}: {rows:,} rows held against {parts} items")
    say(f"{gone:,} would go{each}, {len(matched) - gone:,} nearly match")
    groups: dict[tuple[bool, str], list[tuple[int, Row, Match]]] = defaultdict(list)
    for entry in matched:
        groups[not entry[2].drop, entry[2].reason].append(entry)
    cells = []
    for (near, reason), entries in sorted(groups.items()):
        number, row, match = max(entries, key=lambda entry: entry[2].score)
        like = f"row {number} “{shortened(bare(row), 60)}” is like {match.matched} “{shortened(match.text, 60)}”"
        cells.append([reason, "stays" if near else "goes", f"{len(entries):,}", f"{match.score:.2f}", like])
    if cells:
        table.show(["reason", "row", "rows", "score", "such as"], cells)
