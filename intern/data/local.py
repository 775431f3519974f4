"""A person's own files as a goal's splits: a folder with train.… and perhaps test.… and dev.…, or one file.

    python -m intern goal=local goal.data_dir=PATH model=PATH goal.columns.question=prompt goal.columns.answer=label
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intern.config.schema import Goal
from intern.data import folder as folders
from intern.data import forms
from intern.data.items import Row, row, share_of
from intern.data.likeness import likeness
from intern.errors import UserError

ORDER = ("test", "train", "dev")
LEAST = 2  # items of dev and of test


@dataclass(frozen=True)
class Splits:
    """A person's rows, split."""

    rows: Mapping[str, list[Row]]
    """The rows of train, dev, test and few_shot."""
    notes: Sequence[str]
    """What a person should know of how they came about, a line each."""
    whole: Sequence[Row] = ()
    """All items of the files for dev and test, with their `split`, if some of them are not used."""


def splits(goal: Goal, folder: Path) -> Splits:
    """Return the splits; what no file is for, dev or test, is carved from train by key.

    Raises:
        UserError: with every row that cannot be used, or the split of which too little is left.
    """
    rows, sources, notes = read(goal, folder)
    train, given = rows.pop("train"), rows
    for name in sorted(given):
        given[name], note = distinct(given[name], name)
        notes += note
    train, note = without(train, [row for rows in given.values() for row in rows], "train", "test or dev")
    notes += note
    if given.keys() >= {"dev", "test"}:
        given["dev"], note = without(given["dev"], given["test"], "dev", "test")
        if not given["dev"]:
            raise UserError(
                f"{folder}: every item of {sources['dev']} is one of {sources['test']}, too: what is chosen on dev "
                "would be chosen on test. Give others for one of them, or leave dev out: it is then carved from train."
            )
        notes += note
    whole = [{**r, "split": name} for name in sorted(given) for r in given[name]]
    for name, share, most in (("test", goal.test_share, goal.test_items), ("dev", goal.dev_share, goal.dev_items)):
        if name in given:
            notes += cut(name, given[name], most)
            given[name] = capped(given[name], most)
        else:
            given[name] = carved(train, name, share, most)
            train, _ = without(train, given[name], "train", name)
            told = f"carved from {sources['train']}, of which {len(train)} rows are left"
            notes.append(f"{name}: {len(given[name])} items, {told}")
    made = {"train": train, "dev": given["dev"], "test": given["test"]}
    refuse_few(goal, folder, made)
    cut_off = len(whole) > sum(len(made[name]) for name in given)
    return Splits({**made, "few_shot": train[: max(goal.few_shot, 1)]}, notes, whole if cut_off else ())


def refuse_few(goal: Goal, folder: Path, rows: Mapping[str, Sequence[Row]]) -> None:
    """Raise UserError if too little is left of a split."""
    for split, least in (("train", 1), ("dev", LEAST), ("test", LEAST)):
        if len(rows[split]) < least:
            raise UserError(
                f"{folder}: {len(rows[split]) or 'no'} {split} items are left, and {least} are needed "
                f"(goal.dev_share={goal.dev_share:g}, goal.test_share={goal.test_share:g}; items of test and dev are "
                "taken out of train, repeated ones out of dev and test). "
                "Give more rows, or files for dev and test, or another goal.dev_share."
            )


def count(goal: Goal) -> int | None:
    """Return how many train rows a goal's own files have; None if it has none, or they cannot be read."""
    if goal.data_dir is None:
        return None
    try:
        return folders.count(folders.files(Path(goal.data_dir).expanduser()).splits["train"])
    except (UserError, OSError):  # said when they are read
        return None


def read(goal: Goal, folder: Path) -> tuple[dict[str, list[Row]], dict[str, str], list[str]]:
    """Return the rows of each split, the name of its files, and what was recognised in them, a line each.

    Raises:
        UserError: if a file is missing, or with every row of a file that cannot be used.
    """
    if lacking := [name for name in ("question", "answer") if name not in goal.columns]:
        missing = " and ".join(lacking)
        raise UserError(f"goal.columns={goal.columns} lacks {missing}: goal.columns.{lacking[0]}=<its name>.")
    found = folders.files(folder)
    names = {split: ", ".join(path.name for path in paths) for split, paths in found.splits.items()}
    files = {split: forms.read(goal, split, found.splits[split]) for split in ORDER if split in found.splits}
    told: dict[str, list[str]] = {}
    for split in sorted(files, reverse=True):
        for note in files[split].notes:
            told.setdefault(note, []).append(names[split])
    several = any(isinstance(item["answer"], list) for file in files.values() for item in file.rows)
    rows = {name: [row(goal, listed(item) if several else item) for item in file.rows] for name, file in files.items()}
    return rows, names, [*found.notes, *(f"{', '.join(names)}: {note}" for note, names in told.items())]


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


def carved(train: Iterable[Row], name: str, share: float, most: int) -> list[Row]:
    """Return a share of train as items, two at least: those whose keys' hashes are lowest for dev, highest for test."""
    rows, _ = distinct(train, name)
    rank = share_of if name == "dev" else lambda key: 1 - share_of(key)
    return capped(rows, min(most, max(LEAST, sum(rank(row["key"]) < share for row in rows))), rank)


def capped(rows: list[Row], most: int, rank: Callable[[str], float] = share_of) -> list[Row]:
    """Return at most so many of the rows, in order: those whose keys' hashes are lowest, whoever asks."""
    if len(rows) <= most:
        return rows
    by_hash = sorted(range(len(rows)), key=lambda place: (rank(rows[place]["key"]), place))
    return [rows[place] for place in sorted(by_hash[:most])]


def cut(split: str, rows: Sequence[Row], most: int) -> list[str]:
    """Return a line that says how many items of a file are used, if not all are."""
    if len(rows) <= most:
        return []
    return [f"{split}: {most} of {len(rows)} items are used (all of them: goal.{split}_items={len(rows)})"]
