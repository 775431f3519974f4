"""A person's own files as a goal's splits: train.jsonl, test.jsonl and perhaps dev.jsonl in one folder.

    python -m intern goal=local goal.data_dir=PATH model=PATH goal.columns.question=prompt goal.columns.answer=label
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from intern.config.schema import Goal
from intern.data.items import Row, row, share_of
from intern.errors import UserError

MOST = 10  # faults that are shown of a file


def splits(goal: Goal, folder: Path) -> dict[str, list[Row]]:
    """Return the splits; dev is carved from train by key if there is no dev.jsonl.

    Raises:
        UserError: with every line that cannot be used, or the split of which nothing is left.
    """
    test, train = (columns(goal, folder / f"{split}.jsonl") for split in ("test", "train"))
    train = without(train, test)
    if (folder / "dev.jsonl").exists():
        dev = columns(goal, folder / "dev.jsonl")
    else:
        dev = [r for r in train if share_of(r["key"]) < goal.dev_share]
    train = without(train, dev)
    for split, rows in (("train", train), ("dev", dev)):
        if not rows:
            raise UserError(
                f"{folder}: no {split} items are left (dev_share={goal.dev_share}; items of test and dev are "
                "taken out of train). Give more rows, or a dev.jsonl, or another goal.dev_share."
            )
    return {"train": train, "dev": dev, "test": test, "few_shot": train[: max(goal.few_shot, 1)]}


def without(rows: Iterable[Row], others: Iterable[Row]) -> list[Row]:
    """Return the rows that share no key with others."""
    taken = {r["key"] for r in others}
    return [r for r in rows if r["key"] not in taken]


def columns(goal: Goal, path: Path) -> list[Row]:
    """Return the rows of one file with the goal's columns.

    Raises:
        UserError: with every line that lacks one.
    """
    values, faults = read_checked(path), []
    for number, item in enumerate(values, 1):
        missing = [theirs for theirs in goal.columns.values() if not isinstance(item, dict) or theirs not in item]
        if missing:
            have = ", ".join(item) if isinstance(item, dict) else type(item).__name__
            faults.append(f"line {number}: no column {', '.join(missing)} (it has: {have})")
    if faults:
        head = f"{path} lacks columns that goal.columns={goal.columns} names:"
        fix = "Mend the file, or map the columns: goal.columns.question=<its name>."
        raise UserError("\n".join([head, *shortened(faults), fix]))
    return [row(goal, {ours: item[theirs] for ours, theirs in goal.columns.items()}) for item in values]


def read_checked(path: Path) -> list[Any]:
    """Return the JSON values of a file, one a line.

    Raises:
        UserError: with every line that does not parse.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        needs = "goal.data_dir needs train.jsonl and test.jsonl, as UTF-8."
        raise UserError(f"Cannot read {path}: {error}. {needs}") from None
    values, faults = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line))
        except json.JSONDecodeError as error:
            faults.append(f"line {number}: {error.msg} at column {error.colno}: {line[:60]!r}")
    if faults:
        fix = "Mend or remove these lines."
        raise UserError("\n".join([f"{path} has lines that are not JSON:", *shortened(faults), fix]))
    if not values:
        raise UserError(f"{path} is empty: one JSON object a line is needed.")
    return values


def shortened(faults: list[str]) -> list[str]:
    """Return the first faults, indented, and how many more there are."""
    more = [f"  … and {len(faults) - MOST} more"] if len(faults) > MOST else []
    return [f"  - {fault}" for fault in faults[:MOST]] + more
