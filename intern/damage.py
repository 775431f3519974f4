"""A file of the project's own that cannot be read: one line that names it, says what is wrong and how to go on.

The files are JSON written whole, or JSON lines; a disk that failed or a hand that slipped may have left anything.
"""

import gc
import json
import shlex
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from intern.errors import UserError, quote

AGAIN = "put it back from a copy, or start another study with study=NAME"
WAYS = {  # file name → how to go on without it; any other can go, and what shows it leaves it out
    "study.json": f"It says what the study is: {AGAIN}.",
    "job.json": f"It says what the trial runs: {AGAIN}.",
    "config.yaml": f"It says how the trial was set: {AGAIN}.",
    "result.json": "Delete it, and the study's command ends that trial again from the outputs that are in the store.",
    "optuna.journal": "Delete it, and the study's command makes it again from the ledger.",
    "ledger.jsonl": "Cut it before that line (sed -i '{line},$d' {path}), and the study's command goes on from there: "
    "what was made since is reused.",
}
FAULTS = (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError)  # of damaged values
LEFT_OUT = "Delete it, and what is told from it is taken from the store, or left out."


def damaged(path: Path, fault: object, line: int | None = None) -> UserError:
    """Return the error of a file that cannot be read.

    Args:
        path: the file.
        fault: what is wrong with it.
        line: the number of the line, from 1; None: the file as a whole.
    """
    where = f", line {line}," if line else ""
    way = WAYS.get(path.name, LEFT_OUT).replace("{line}", str(line or 1)).replace("{path}", shlex.quote(str(path)))
    return UserError(f"{path}{where} is damaged: {fault}. {way}")


@contextmanager
def noticed(path: Path, line: int | None = None) -> Iterator[None]:
    """Turn whatever is wrong with values that were read from a file into one line.

    Raises:
        UserError: instead of what was raised within.
    """
    try:
        yield
    except FAULTS as error:
        raise damaged(path, told(error), line) from None


def told(error: Exception) -> str:
    """Return an error on one line, without what it quotes of the file."""
    if hasattr(error, "errors"):  # pydantic's: a line for each field
        first = error.errors()[0]
        return f"{'.'.join(map(str, first['loc'])) or 'it'}: {first['msg']}"
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    if isinstance(error, UnicodeDecodeError):
        return f"byte {error.start} is no UTF-8"
    if isinstance(error, KeyError):
        return f"it lacks {quote(error.args[0])}"
    return f"{type(error).__name__} ({quote(str(error))})"


def value(text: bytes) -> Any:
    """Return the value of JSON text.

    Raises:
        ValueError: if it is none.
    """
    if not text.strip():
        raise ValueError("it is empty")
    return json.loads(text)


def tree(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds.

    Raises:
        UserError: if it holds none.
    """
    with noticed(path):
        return mapping(value(path.read_bytes()))


@contextmanager
def uncollected() -> Iterator[None]:
    """Keep the garbage collector from looking through what is read while it is read: a third of the time."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def mapping(found: object) -> dict[str, Any]:
    """Return a value that must be an object: keys with values.

    Raises:
        ValueError: if it is none.
    """
    if isinstance(found, dict):
        return found
    raise ValueError(f"it holds {quote(found)}, and keys with values are needed")


def rows(path: Path, text: bytes, before: int = 0) -> list[dict[str, Any]]:
    """Return the objects of some whole JSON lines of a file.

    Args:
        path: the file.
        text: its lines; what follows the last line break is under way, and is left out.
        before: lines of the file that come before them.

    Raises:
        UserError: with the number of the first line that is no object.
    """
    *lines, rest = text.split(b"\n")
    if b"\0" in rest:  # what a power cut leaves; JSON has none
        raise damaged(path, "it ends with zeros", before + len(lines) + 1)
    with suppress(ValueError):  # at once, in a fifth of the time
        found = from_json(b"[%s]" % b",".join(lines), cache_strings="keys")
        if len(found) == len(lines) and all(type(row) is dict for row in found):
            return list(found)
    read = []
    for number, line in enumerate(lines, before + 1):
        with noticed(path, number):
            read.append(mapping(json.loads(line)))
    return read
