"""A goal's items from a data set of the Hugging Face Hub: its splits train and test become a folder like a person's
own, and are then read in the same way. A folder that is there is complete: it gets its name last.

    python -m intern goal=gsm8k model=qwen3-0.6b
"""

import hashlib
import shutil
from dataclasses import replace
from pathlib import Path

from intern import files
from intern.config.schema import Goal
from intern.data import items
from intern.data.sources import hub as source
from intern.errors import UserError
from intern.study import hub

SPLITS = ("train", "test")


def resolved(goal: Goal, mirror: str | None) -> Goal:
    """Return a goal that names a Hub data set with the folder of its rows, which is made if need be; a goal that was
    given a folder, or names no data set, as it is.

    Args:
        goal: the goal.
        mirror: a folder with copies of Hub data sets; None: the Hub.

    Raises:
        UserError: if the data set has no such splits.
    """
    if goal.data_dir or not goal.hub:
        return goal
    revision = goal.hub_revision if mirror else goal.hub_revision or hub.commit(goal.hub)
    told = f"{goal.hub}/{goal.hub_config}/{revision}/{mirror or ''}"
    folder = files.cache() / "data" / f"{goal.hub.replace('/', '--')}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    if mirror or not folder.is_dir():
        write(goal, revision, mirror, folder)
    return replace(goal, data_dir=str(folder))


def write(goal: Goal, revision: str | None, mirror: str | None, folder: Path) -> None:
    """Write the splits into a folder."""
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for split in SPLITS:
        wanted = source.Settings(str(goal.hub), goal.hub_config, split, revision)
        try:
            rows = source.load(wanted, mirror)
        except ValueError as error:
            why = " ".join(str(error).split())
            raise UserError(f"Data set {goal.hub} has no usable split {split}: {why}") from None
        items.write(part / f"{split}.jsonl", [dict(row) for row in rows])
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
