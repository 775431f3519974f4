"""A person's own file: JSON objects, one a line, in UTF-8. Other formats are refused with the command that converts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern.data import formats
from intern.errors import UserError
from intern.text import as_lines

MOST = 10  # faults that are shown of a file


@dataclass(frozen=True)
class Line:
    """A line that is not blank."""

    number: int
    """Its number in the file, from 1."""
    value: Any
    """Its JSON value."""


def read(path: Path) -> list[Line]:
    """Return the lines of a file.

    Raises:
        UserError: if there is no such file or it is of another format, or with every line that does not parse.
    """
    try:
        formats.check_name(path)
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"Cannot read {path}: {error}. {formats.READ}") from None
    lines, faults = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            lines.append(Line(number, json.loads(line)))
        except json.JSONDecodeError as error:
            faults.append(f"line {number}: {error.msg} at column {error.colno}: {line[:60]!r}")
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, or a value nested too deep
            faults.append(f"line {number}: {str(error).partition(';')[0][:80]}: {line[:60]!r}")
    refuse(f"{path} has lines that are not JSON:", faults)
    if not lines:
        raise UserError(f"{path} is empty: one JSON object a line is needed.")
    return lines


def refuse(head: str, faults: Sequence[str], fix: str = "Mend or remove these lines.") -> None:
    """Raise UserError with the first faults and how many more there are, if there are any."""
    more = [f"  … and {len(faults) - MOST} more"] if len(faults) > MOST else []
    if faults:
        raise UserError(as_lines([head, *(f"  - {fault}" for fault in faults[:MOST]), *more, fix]))


def named(value: Any) -> str:
    """Return a value's kind as JSON calls it."""
    kinds = {type(None): "null", dict: "an object", list: "a list"}
    return kinds.get(type(value), type(value).__name__)
