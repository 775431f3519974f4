"""A person's own file: JSON objects, one a line, in UTF-8. Other formats are refused with the command that converts."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern import foreign
from intern.data import formats
from intern.errors import UserError
from intern.text import as_lines

LINE_END = re.compile("\r\n|\r|\n")  # and no other: U+2028 and U+0085 may stand in a JSON text
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
    formats.check_name(path)
    text = foreign.text(path, None, formats.READ)
    lines, faults = [], []
    for number, line in enumerate(LINE_END.split(text), 1):
        if not line.strip():
            continue
        try:
            lines.append(Line(number, value_of(line)))
        except json.JSONDecodeError as error:
            faults.append(f"line {number}: {error.msg} at column {error.colno}: {line[:60]!r}")
        except (ValueError, RecursionError) as error:  # a number of thousands of digits, or a value nested too deep
            faults.append(f"line {number}: {str(error).partition(';')[0][:80]}: {line[:60]!r}")
    refuse(f"{path} has lines that are not JSON:", faults)
    if not lines:
        raise UserError(f"{path} is empty: one JSON object a line is needed.")
    return lines


def value_of(line: str) -> Any:
    """Return the JSON value of a line.

    Raises:
        ValueError: if it is none, or has a text that cannot be written.
    """
    value = json.loads(line)
    if "\\ud" in line.lower():  # half of a pair, as of an emoji that was cut; a whole pair is one character now
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"the text has half a character, {error.object[error.start]!r}") from None
    return value


def refuse(head: str, faults: Sequence[str], fix: str = "Mend or remove these lines.") -> None:
    """Raise UserError with the first faults and how many more there are, if there are any."""
    more = [f"  … and {len(faults) - MOST} more"] if len(faults) > MOST else []
    if faults:
        raise UserError(as_lines([head, *(f"  - {fault}" for fault in faults[:MOST]), *more, fix]))


def named(value: Any) -> str:
    """Return a value's kind as JSON calls it."""
    kinds = {type(None): "null", dict: "an object", list: "a list"}
    return kinds.get(type(value), type(value).__name__)
