"""Files that may come from a stranger: of a pipe or a device nothing is read, and of a file no more than is stated."""

import json
import os
import stat
from pathlib import Path
from typing import Any

from intern.errors import UserError, quote


def text(path: Path, most: int | None, fix: str) -> str:
    """Return the text of a file.

    Args:
        path: the file.
        most: bytes that it may have; None: any number.
        fix: what to do if it cannot be read.

    Raises:
        UserError: if it is no file, too long, or no UTF-8.
    """
    try:
        with open(path, "rb", opener=at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError(f"{path} is no file, but a pipe or a device. {fix}")
            content = file.read(-1 if most is None else most + 1)
        if most is not None and len(content) > most:
            raise UserError(f"{path} is too long: {most:,} bytes are read. {fix}")
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}). {fix}") from None
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. {fix}") from None


def check(path: Path, fix: str) -> None:
    """Check that a path is a file that can be read, and no pipe or device.

    Raises:
        UserError: if it is not; the message ends with `fix`.
    """
    try:
        with open(path, "rb", opener=at_once) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UserError(f"{path} is no file, but a pipe or a device. {fix}")
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}. {fix}") from None


def at_once(path: str, flags: int) -> int:
    """Open a file, and a pipe without waiting for who writes into it; return its descriptor."""
    return os.open(path, flags | os.O_NONBLOCK)


def mapping(path: Path, most: int, fix: str) -> dict[str, Any]:
    """Return the JSON object that a file holds.

    Args:
        path: the file.
        most: bytes that it may have.
        fix: what to do if it cannot be read.

    Raises:
        UserError: if it cannot be read, or is no JSON object.
    """
    try:
        value: object = json.loads(text(path, most, fix))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is not valid JSON ({error}). {fix}") from None
    if isinstance(value, dict):
        return value
    raise UserError(f"{path} holds {quote(value)}, and a JSON object is needed. {fix}")
