"""A folder's digests: what tells whether a disk, a kill or a person has damaged one of its files."""

import hashlib
import json
import os
from pathlib import Path

from intern import files

NAME = "digests.json"  # in the folder: file → SHA-256


def seal(folder: Path) -> None:
    """Write the digest of every file of a folder into it, all of which is then on disk."""
    found = {}
    for name in contents(folder):
        with (folder / name).open("rb") as file:
            found[name] = hashlib.file_digest(file, "sha256").hexdigest()
            os.fsync(file.fileno())
    files.write_whole(folder / NAME, found)


def broken(folder: Path) -> str | None:
    """Say how a folder differs from its digests; None if it does not."""
    try:
        known = json.loads((folder / NAME).read_text(encoding="utf-8"))
        there = contents(folder)
        if lost := [*known.keys() - set(there)]:
            return f"{min(lost)} is missing"
        if more := [*set(there) - known.keys()]:
            return f"{min(more)} was added"
        for name in there:
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != known[name]:
                    return f"{name} has changed"
    except (OSError, ValueError, AttributeError) as fault:
        return f"it cannot be read: {fault}"
    return None


def contents(folder: Path) -> list[str]:
    """Return the names of a folder's files but the digests, with the folders below it."""
    found = (path for path in folder.rglob("*") if path.is_file())
    return sorted(name for path in found if (name := path.relative_to(folder).as_posix()) != NAME)
