"""A person's own file: JSON objects, one a line, in UTF-8. Other formats are refused with the command that converts."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern.errors import UserError

MOST = 10  # faults that are shown of a file
PANDAS = {  # suffix → how pandas reads it; as text, so that "007" stays what it is
    ".csv": "pandas.read_csv({!r}, dtype=str, keep_default_na=False)",
    ".tsv": "pandas.read_csv({!r}, sep='\\t', dtype=str, keep_default_na=False)",
    ".parquet": "pandas.read_parquet({!r})",
}


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
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        needs = "goal.data_dir needs train.jsonl and test.jsonl, as UTF-8."
        raise UserError(f"Cannot read {path}: {error}. {other_format(path) or needs}") from None
    if is_array(text):
        raise UserError(f"{path} is one JSON array. {converted(path, path)}")
    lines, faults = [], []
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        try:
            lines.append(Line(number, json.loads(line)))
        except json.JSONDecodeError as error:
            faults.append(f"line {number}: {error.msg} at column {error.colno}: {line[:60]!r}")
    refuse(f"{path} has lines that are not JSON:", faults)
    if not lines:
        raise UserError(f"{path} is empty: one JSON object a line is needed.")
    return lines


def refuse(head: str, faults: Sequence[str], fix: str = "Mend or remove these lines.") -> None:
    """Raise UserError with the first faults and how many more there are, if there are any."""
    more = [f"  … and {len(faults) - MOST} more"] if len(faults) > MOST else []
    if faults:
        raise UserError("\n".join([head, *(f"  - {fault}" for fault in faults[:MOST]), *more, fix]))


def named(value: Any) -> str:
    """Return a value's kind as JSON calls it."""
    kinds = {type(None): "null", dict: "an object", list: "a list"}
    return kinds.get(type(value), type(value).__name__)


def is_array(text: str) -> bool:
    """Return whether a text is one JSON array of objects."""
    if text.lstrip()[:1] != "[":
        return False
    try:
        value = json.loads(text)
    except json.JSONDecodeError:
        return False
    return any(isinstance(entry, dict) for entry in value)


def other_format(path: Path) -> str | None:
    """Say how to convert a file of another format that lies in a missing file's place; None if none does."""
    if path.exists() or not path.parent.is_dir():
        return None
    beside = sorted(path.parent.glob(f"{path.stem}*"))
    known = [file for file in beside if file.suffix in (*PANDAS, ".json")]
    return f"There is {known[0].name}. {converted(known[0], path)}" if known else None


def converted(source: Path, wanted: Path) -> str:
    """Say which format is expected, and the command that makes it of a file."""
    if source.suffix in PANDAS:
        table = PANDAS[source.suffix].format(str(source))
        code = f"import pandas; {table}.to_json({str(wanted)!r}, orient='records', lines=True)"
    else:
        lines = r"json.dumps(r) + '\n' for r in rows"
        code = f"import json; rows = json.load(open({str(source)!r})); open({str(wanted)!r}, 'w').writelines({lines})"
    return f"One JSON object a line is expected; convert it: python -c {shlex.quote(code)}"
