"""Answers of the network on disk, each a file: whole or not there, and a mark for what does not exist."""

import os
from contextlib import suppress
from pathlib import Path


def written(place: Path) -> float:
    """Return when a file was last written; 0 if there is none."""
    try:
        return place.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def keep(place: Path, body: bytes | None) -> None:
    """Keep a body, whole or not at all; None: that there is no such thing."""
    part = place.with_suffix(f".{os.getpid()}.part")
    with suppress(OSError):  # a full disk costs the next pass its time, and no more
        part.write_bytes(b"-" if body is None else b"+" + body)
        part.replace(place)


def stored(place: Path) -> bytes | None:
    """Return a body that was kept; None if there is no such thing."""
    body = place.read_bytes()
    return body[1:] if body[:1] == b"+" else None
