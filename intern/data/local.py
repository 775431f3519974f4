"""A person's own files as a goal's splits: train.jsonl, test.jsonl and perhaps dev.jsonl in one folder.

    python -m intern goal=local goal.data_dir=PATH model=PATH goal.columns.question=prompt goal.columns.answer=label
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intern.config.schema import Goal
from intern.data import formats, forms
from intern.data.items import Row, row, share_of
from intern.data.likeness import likeness
from intern.errors import UserError


@dataclass(frozen=True)
class Splits:
    """A person's rows, split."""

    rows: Mapping[str, list[Row]]
    """The rows of train, dev, test and few_shot."""
    notes: Sequence[str]
    """What a person should know of how they came about, a line each."""


def splits(goal: Goal, folder: Path) -> Splits:
    """Return the splits; dev is carved from train by key if there is no dev.jsonl.

    Raises:
        UserError: with every line that cannot be used, or the split of which nothing is left.
    """
    files, notes = read(goal, folder)
    for name in sorted({"dev", "test"} & files.keys()):
        files[name], note = distinct(files[name], name)
        notes += note
    train, note = without(files["train"], [*files["test"], *files.get("dev", ())], "train", "test or dev")
    notes += note
    if "dev" in files:
        dev, note = without(files["dev"], files["test"], "dev", "test")
        if not dev:
            raise UserError(
                f"{folder}: every item of dev.jsonl is one of test.jsonl, too: what is chosen on dev would be chosen "
                "on test. Give others for one of them, or leave dev.jsonl out: dev is then carved from train.jsonl."
            )
        notes += [*note, *cut("dev", dev, goal.dev_items)]
        dev = capped(dev, goal.dev_items)
    else:
        carved, _ = distinct([r for r in train if share_of(r["key"]) < goal.dev_share], "dev")
        dev = capped(carved, goal.dev_items)
        train, _ = without(train, dev, "train", "dev")
        notes.append(f"dev: {len(dev)} items, carved from train.jsonl, of which {len(train)} rows are left")
    notes += cut("test", files["test"], goal.test_items)
    for split, rows, least in (("train", train, 1), ("dev", dev, 2), ("test", files["test"], 2)):
        if len(rows) < least:
            raise UserError(
                f"{folder}: {len(rows) or 'no'} {split} items are left, and {least} are needed (dev_share="
                f"{goal.dev_share}; items of test and dev are taken out of train, repeated ones out of dev and test). "
                "Give more rows, or a dev.jsonl, or another goal.dev_share."
            )
    test = capped(files["test"], goal.test_items)
    few_shot = train[: max(goal.few_shot, 1)]
    return Splits({"train": train, "dev": dev, "test": test, "few_shot": few_shot}, notes)


def count(goal: Goal) -> int | None:
    """Return how many train rows a goal's own files have, unread; None if it has none."""
    file = Path(goal.data_dir or "").expanduser() / "train.jsonl"
    if goal.data_dir is None or not file.is_file():
        return None
    with file.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def read(goal: Goal, folder: Path) -> tuple[dict[str, list[Row]], list[str]]:
    """Return the rows of each file, and what was recognised in them, a line each.

    Raises:
        UserError: if a file is missing, or with every line of a file that cannot be used.
    """
    if lacking := [name for name in ("question", "answer") if name not in goal.columns]:
        missing = " and ".join(lacking)
        raise UserError(f"goal.columns={goal.columns} lacks {missing}: goal.columns.{lacking[0]}=<its name>.")
    formats.check(folder)
    names = ["test", "train", *(["dev"] if (folder / "dev.jsonl").exists() else [])]
    files = {name: forms.read(goal, folder / f"{name}.jsonl") for name in names}
    told: dict[str, list[str]] = {}
    for name in sorted(files, reverse=True):
        for note in files[name].notes:
            told.setdefault(note, []).append(f"{name}.jsonl")
    several = any(isinstance(item["answer"], list) for file in files.values() for item in file.rows)
    rows = {name: [row(goal, listed(item) if several else item) for item in file.rows] for name, file in files.items()}
    return rows, [f"{', '.join(names)}: {note}" for note, names in told.items()]


def listed(item: Row) -> Row:
    """Return an item with a list of answers, also if it has one: the libraries want one type in a column."""
    answers = item["answer"] if isinstance(item["answer"], list) else [item["answer"]]
    return {**item, "answer": [str(answer) for answer in answers]}


def distinct(rows: Iterable[Row], name: str) -> tuple[list[Row], list[str]]:
    """Return the rows whose question no earlier one has, and a line that counts the others, if there are some."""
    rows = list(rows)
    first: dict[str, Row] = {}
    for r in rows:
        first.setdefault(likeness(r), r)
    gone = len(rows) - len(first)
    told = f"{name}: {gone} of {len(rows)} rows ({gone / max(len(rows), 1):.1%}) repeat an earlier question"
    return list(first.values()), [f"{told}, and are left out"] if gone else []


def without(rows: Iterable[Row], others: Iterable[Row], name: str, other: str) -> tuple[list[Row], list[str]]:
    """Return the rows whose questions others do not have, and a line that counts those that do, if some do."""
    taken = {likeness(r) for r in others}
    rows = list(rows)
    kept = [r for r in rows if likeness(r) not in taken]
    gone = len(rows) - len(kept)
    told = f"{name}: {gone} of {len(rows)} rows ({gone / max(len(rows), 1):.1%}) are items of {other}, too"
    return kept, [f"{told}, and are left out"] if gone else []


def capped(rows: list[Row], most: int) -> list[Row]:
    """Return at most so many of the rows, in order: those whose keys' hashes are lowest, whoever asks."""
    if len(rows) <= most:
        return rows
    by_hash = sorted(range(len(rows)), key=lambda place: (share_of(rows[place]["key"]), place))
    return [rows[place] for place in sorted(by_hash[:most])]


def cut(split: str, rows: Sequence[Row], most: int) -> list[str]:
    """Return a line that says how many items of a file are used, if not all are."""
    if len(rows) <= most:
        return []
    return [f"{split}: {most} of {len(rows)} items are used (all of them: goal.{split}_items={len(rows)})"]
