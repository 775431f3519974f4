"""Which files of a person's hold which split, and in which format: one file, or a folder of train.…, dev.… and test.…

A file's split is the word that its name begins with, or that of the folder it is in: train-00000-of-00002.parquet,
data/test.csv, validation/data-00000.arrow. A format is a plug-in of intern/data/sources with SUFFIXES.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from intern import foreign, plugins
from intern.data.record import READ, Record, whole
from intern.errors import UserError

WORDS = {  # split → how its files' names begin
    "train": ("train", "training"),
    "dev": ("dev", "validation", "valid", "val", "development"),
    "test": ("test", "testing"),
}
MOST = 5  # files that are named


@dataclass(frozen=True)
class Files:
    """A person's files."""

    splits: dict[str, list[Path]]
    """Split → its files, in order; train always, dev and test if there are files for them."""
    notes: list[str]
    """Files of another format that are left unread, a line each."""


def files(place: Path) -> Files:
    """Return the files of each split of a file or a folder.

    Raises:
        UserError: if there is none, with what is there and what is read.
    """
    if not place.exists():
        raise UserError(f"goal.data_dir={place}: there is no such folder or file. {READ}")
    if not place.is_dir():
        foreign.check(place, READ)
        if place.suffix.lower() not in formats():
            raise UserError(f"goal.data_dir={place} is of no format that is read. {READ}")
        return Files({"train": [place]}, [])
    legible = sorted(path for path in inside(place) if path.suffix.lower() in formats())
    splits: dict[str, list[Path]] = {}
    notes = []
    for split in WORDS:
        of_split = [path for path in legible if split_of(path, place) == split]
        if of_split:
            splits[split], unread = of_one_format(of_split, split)
            notes += [f"{path.name}: not read, for {split} is {splits[split][0].name}" for path in unread]
    if not splits and len(legible) == 1:
        splits["train"] = legible
    if "train" not in splits:
        raise UserError(f"goal.data_dir={place} {lacking(place, legible)} {READ}")
    return Files(splits, notes)


def inside(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, and of those in it that are called data or as a split is."""
    for path in folder.iterdir():
        if path.name.startswith("."):
            continue
        if not path.is_dir():
            yield path
        elif path.name == "data" or split_of(path, folder):
            yield from (below for below in path.iterdir() if not below.is_dir())


def split_of(path: Path, folder: Path) -> str | None:
    """Return the split that a file's name begins with, or that of the folder it is in; None for no split."""
    names = [path.name] + ([path.parent.name] if path.parent != folder else [])
    words = [match[0].lower() for name in names if (match := re.match("[A-Za-z]+", name))]
    return next((split for word in words for split, known in WORDS.items() if word in known), None)


def of_one_format(paths: list[Path], split: str) -> tuple[list[Path], list[Path]]:
    """Return (the files of a split that are read, the others): SPLIT.jsonl alone if it is there, for others may be what
    it was made of; else those of the first one's format."""
    own = [path for path in paths if path.name == f"{split}.jsonl"]
    first = own or [path for path in paths if path.suffix.lower() == paths[0].suffix.lower()]
    return first, [path for path in paths if path not in first]


def lacking(folder: Path, legible: list[Path]) -> str:
    """Say what a folder has, and that none of it is for train."""
    there = legible or sorted(folder.iterdir())
    seen = ", ".join(str(path.relative_to(folder)) for path in there[:MOST]) or "nothing"
    more = f" and {len(there) - MOST} more" if len(there) > MOST else ""
    return f"has {seen}{more}, and no file for train: name one train.…, or give one file, goal.data_dir=FILE."


def formats() -> dict[str, str]:
    """Return the plug-in that reads each suffix."""
    known = {}
    for name in plugins.names("sources"):
        known.update(dict.fromkeys(getattr(plugins.load("sources", name), "SUFFIXES", ()), name))
    return known


def reader(path: Path) -> ModuleType:
    """Return the plug-in that reads a file: one that says that the file is its own, or else by the file's name."""
    known = formats()
    foreign.check(path, READ)
    for name in dict.fromkeys(known.values()):
        module = plugins.load("sources", name)
        if hasattr(module, "holds") and module.holds(path):
            return module
    return plugins.load("sources", known[path.suffix.lower()])


def read(path: Path) -> list[Record]:
    """Return the rows of a file.

    Raises:
        UserError: with every row that cannot be read, or if there is none.
    """
    return whole(path, reader(path).read(path))


def count(paths: list[Path]) -> int:
    """Return how many rows a split's files have."""
    total = 0
    for path in paths:
        module = reader(path)
        total += module.count(path) if hasattr(module, "count") else sum(1 for _ in module.read(path))
    return total
