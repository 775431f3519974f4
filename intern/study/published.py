"""A goal's items from a data set of the Hugging Face Hub: its splits train and test become a folder like a person's
own, and are then read in the same way. A folder that is there is complete: it gets its name last. A study keeps to the
commit that it began with.

    python -m intern goal=gsm8k model=qwen3-0.6b
"""

import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

from intern import files
from intern.config.schema import Goal
from intern.data import hub_sets, items
from intern.data.record import plain
from intern.errors import UserError
from intern.study import hub

SPLITS = ("train", "test")


def resolved(goal: Goal, mirror: str | None, begun: str | None = None) -> Goal:
    """Return a goal that names a Hub data set with its commit and the folder of its rows, which is made if need be; a
    goal that was given a folder, or names no data set, as it is.

    Args:
        goal: the goal.
        mirror: a folder with copies of Hub data sets; None: the Hub.
        begun: the commit that a study of it began with.

    Raises:
        UserError: if the data set cannot be read, or has no such splits.
    """
    if goal.data_dir or not goal.hub:
        return goal
    if fault := hub_sets.fault(goal.hub):
        raise UserError(f"goal.{fault}")
    goal = replace(goal, hub_revision=goal.hub_revision or begun)
    version: str | None
    if mirror:
        version = digest(Path(mirror).expanduser() / str(goal.hub))
    else:
        version = goal.hub_revision or hub.commit(str(goal.hub)) or copied(goal)
        goal = replace(goal, hub_revision=version)
    folder = place(goal, version or "unknown")
    with files.locked(folder.with_name(f".{folder.name}.lock")):
        if not folder.is_dir():
            write(goal, mirror, folder)
    return replace(goal, data_dir=str(folder))


def place(goal: Goal, version: str) -> Path:
    """Return the folder of one version of a goal's data set, in the user's cache."""
    name = "--".join([*str(goal.hub).split("/"), *([goal.hub_config] if goal.hub_config else [])])
    folder = files.cache() / "data" / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder / version


def copied(goal: Goal) -> str | None:
    """Return the version of the newest copy that is here; None if there is none."""
    copies = [path for path in place(goal, "any").parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    return max(copies, key=lambda path: path.stat().st_mtime).name if copies else None


def digest(folder: Path) -> str:
    """Return a hash of the names, sizes and times of a mirror's files."""
    told = [(str(p.relative_to(folder)), p.stat().st_size, p.stat().st_mtime_ns) for p in sorted(folder.rglob("*"))]
    return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16]


def write(goal: Goal, mirror: str | None, folder: Path) -> None:
    """Write the splits into a folder."""
    part = folder.with_name(f".{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for split in SPLITS:
        rows = hub_sets.load(str(goal.hub), goal.hub_config, split, goal.hub_revision, mirror)
        items.write(part / f"{split}.jsonl", (plain(dict(row)) for row in rows))
    part.rename(folder)
