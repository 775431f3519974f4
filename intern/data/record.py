"""What a file's reader yields: its rows one after another, each with its place, and what cannot be read as a fault."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from intern import foreign
from intern.config.column import LONGEST
from intern.errors import UserError
from intern.text import as_lines

READ = (
    "JSON lines (.jsonl), one JSON array of objects (.json), CSV (.csv, .tsv) and Parquet (.parquet) are read, as one "
    "file or in a folder as train.…, test.… and dev.…; text is UTF-8."
)
MOST = 10  # faults that are shown of a file


@dataclass(frozen=True, slots=True)
class Record:
    """A row of a file."""

    place: str
    """Where it stands, such as "line 7"."""
    value: dict[str, Any]
    """Its values by column."""
    fault: str = ""
    """Why it cannot be read; "" if it can."""


@contextmanager
def opened(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """Yield a file as text; what is no UTF-8 in it becomes lone surrogates, which `flaw` finds.

    Args:
        path: the file.
        newline: as `open` takes it.

    Raises:
        UserError: if it is no file, or cannot be read.
    """
    foreign.check(path, READ)
    with path.open(encoding="utf-8-sig", errors="surrogateescape", newline=newline) as file:
        yield file


def flaw(text: str) -> str | None:
    """Say what keeps a text from being written as UTF-8; None if nothing does."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        odd = text[error.start]
        if "\udc80" <= odd <= "\udcff":
            return f"byte {ord(odd) - 0xDC00:#x} at character {error.start + 1} is not UTF-8"
        return f"the text has half a character, {odd!r}"
    return None


def halved(text: str, value: Any) -> str | None:
    """Say that a value has half of a pair, as of an emoji that was cut, which its JSON writes as an escape; None if it
    has none."""
    return flaw(json.dumps(value, ensure_ascii=False)) if "\\ud" in text.lower() else None


def too_long(length: int) -> str | None:
    """Say that a row is longer than one may be; None if it is not."""
    return f"more than {LONGEST:,} characters, the most that a row may have" if length > LONGEST else None


def plain(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row as JSON values; what is none, such as a date, as text."""
    simple = (str, int, float, type(None))
    if all(isinstance(value, simple) for value in row.values()):
        return row
    values: dict[str, Any] = json.loads(json.dumps(row, default=str))
    return values


def refuse(head: str, faults: Sequence[str], fix: str = "Mend or remove these lines.") -> None:
    """Raise UserError with the first faults and how many more there are, if there are any."""
    more = [f"  … and {len(faults) - MOST} more"] if len(faults) > MOST else []
    if faults:
        raise UserError(as_lines([head, *(f"  - {fault}" for fault in faults[:MOST]), *more, fix]))


def whole(path: Path, records: Iterable[Record]) -> list[Record]:
    """Return the rows of a file.

    Raises:
        UserError: with every row that cannot be read, or if there is none.
    """
    kept, faults = [], []
    for record in records:
        if record.fault:
            faults.append(f"{record.place}: {record.fault}")
        else:
            kept.append(record)
    refuse(f"{path} has lines that cannot be read:", faults)
    if not kept:
        raise UserError(f"{path} is empty: no row is in it. {READ}")
    return kept


def named(value: Any) -> str:
    """Return a value's kind as JSON calls it."""
    kinds = {type(None): "null", dict: "an object", list: "a list"}
    return kinds.get(type(value), type(value).__name__)
