"""What papers suggested when a study began: kept with it, so that every run of it starts from the same."""

from functools import cache
from pathlib import Path
from typing import Any

from intern import files, records
from intern.config.schema import Goal
from intern.research import known
from intern.research.evidence import Evidence

FILE = "evidence.json"


def freeze(folder: Path, goal: Goal) -> None:
    """Keep what is known for a goal in a new study's folder; that of one which was begun stays."""
    path = folder / FILE
    if not path.exists():
        files.write_whole(path, [records.dump(each) for each in known.evidence(goal)])


@cache
def of(folder: Path) -> tuple[Evidence, ...]:
    """Return the evidence that a study began with; () for one that has none."""
    path = folder / FILE
    kind: Any = tuple[Evidence, ...]
    kept: tuple[Evidence, ...] = records.read(kind, path) if path.exists() else ()
    return kept
