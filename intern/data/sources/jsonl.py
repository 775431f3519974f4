"""JSON lines: one object a line, in UTF-8. Read line by line.

    python -m intern goal=local goal.data_dir=rows.jsonl
"""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from intern.config.column import LONGEST
from intern.data.record import Record, flaw, halved, named, opened, too_long
from intern.errors import UserError

SUFFIXES = (".jsonl", ".ndjson")


def read(path: Path) -> Iterator[Record]:
    """Yield the objects of a file, and a fault for each line that is none.

    Raises:
        UserError: if the file is no text, or a table.
    """
    with opened(path) as file:  # a line ends at \\n, \\r or both: U+2028 and U+0085 may stand in a JSON text
        number = 0
        while line := file.readline(LONGEST + 1):
            number += 1
            if fault := too_long(len(line)):
                rest(file, line)
            elif not line.strip():
                continue
            elif number == 1 and (what := table_of(line)):
                name = path.with_suffix(f".{what.lower()}").name
                raise UserError(f"{path} is {what}. Call it {name}, and it is read as such.")
            value, fault = (None, fault) if fault else value_of(line)
            yield Record(f"line {number}", value or {}, fault or "")


def rest(file: Any, line: str) -> None:
    """Read over what is left of a line."""
    while line and not line.endswith("\n"):
        line = file.readline(LONGEST)


def value_of(line: str) -> tuple[dict[str, Any] | None, str | None]:
    """Return (the object of a line, why there is none)."""
    fault: str | None
    try:
        value = json.loads(line)
        fault = flaw(line) or halved(line, value)
    except json.JSONDecodeError as error:
        value, fault = None, flaw(line) or f"{error.msg} at column {error.colno}: {line[:60].rstrip()!r}"
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, or a value nested too deep
        value, fault = None, f"{str(error).partition(';')[0][:80]}: {line[:60]!r}"
    if fault is None and not isinstance(value, dict):
        fault = f"{named(value)}, and an object is needed: {line[:60].rstrip()!r}"
    return None if fault else value, fault


def holds(path: Path) -> bool:
    """Return whether a file that is called JSON has an object for its first line."""
    if path.suffix.lower() != ".json":
        return False
    with opened(path) as file:
        return value_of(file.readline(LONGEST))[0] is not None


def count(path: Path) -> int:
    """Return how many rows a file has, unread."""
    with path.open("rb") as lines:
        return sum(1 for line in lines if line.strip())


def table_of(line: str) -> str | None:
    """Return the format of a table whose first line, with the names of its columns, this is; None if it is none."""
    for what, mark in (("TSV", "\t"), ("CSV", ",")):
        try:
            names = next(csv.reader([line], delimiter=mark), [])
        except csv.Error:  # a name of more than 131,072 characters
            return None
        if len(names) > 1 and not any(set(name) & set('{}[]":') for name in names):
            return what
    return None
