"""CSV with its columns' names in the first line, separated by commas, tabs or semicolons. Every value is text.

    python -m intern goal=local goal.data_dir=rows.csv goal.columns.question=prompt goal.columns.answer=label
"""

import csv
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from intern.config.column import LONGEST
from intern.data.record import Record, flaw, opened, too_long
from intern.errors import UserError

SUFFIXES = (".csv", ".tsv")
MARKS = ",\t;"


def read(path: Path) -> Iterator[Record]:
    """Yield the rows of a file, and a fault for each that has more or fewer values than there are columns.

    Raises:
        UserError: if the columns have no names, or two have the same.
    """
    csv.field_size_limit(LONGEST)
    with opened(path, newline="") as file:
        lines = iter(lambda: file.readline(LONGEST + 1), "")  # ends at \\r alone, too
        first = next(lines, "")
        table = csv.reader(chain([first], lines), delimiter=max(MARKS, key=first.count), strict=True)
        names = named(path, table)
        begun = table.line_num + 1
        while True:
            try:
                values = next(table)
            except StopIteration:
                return
            except csv.Error as error:  # a quote that is not closed, or stands inside of a value
                yield Record(f"line {begun}", {}, str(error).replace("field larger than field limit", "longer than"))
                begun = table.line_num + 1
                continue
            if values:
                yield record(f"line {begun}", names, values)
            begun = table.line_num + 1


def record(place: str, names: list[str], values: list[str]) -> Record:
    """Return a row, or its fault."""
    if len(values) != len(names):
        there = f"{len(values)} values, and there are {len(names)} columns ({', '.join(names)})"
        return Record(place, {}, f"{there}. A value with a separator in it stands in quotes")
    text = "".join(values)
    fault = too_long(len(text)) or flaw(text) or ""
    return Record(place, {} if fault else dict(zip(names, values, strict=True)), fault)


def named(path: Path, table: Iterator[list[str]]) -> list[str]:
    """Return the names of the columns.

    Raises:
        UserError: if one has none, or two have the same.
    """
    try:
        names = next(table, [])
    except csv.Error as error:
        raise UserError(f"{path}: the first line, with the names of the columns, cannot be read: {error}") from None
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{path} names the column {', '.join(map(repr, twice))} twice in its first line. Rename one.")
    if any(not name.strip() for name in names) or flaw("".join(names)):
        raise UserError(f"{path} has a column without a name in its first line, {names}. Give it one.")
    return names
