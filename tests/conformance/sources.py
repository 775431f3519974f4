"""What a source of training rows must do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intern.config.schema import Goal
from intern.data import sources, splits

GOAL = Goal("sums", generator="arithmetic", dev_items=4, test_items=4)


def check(entry: Mapping[str, Any], folder: Path, mirror: Path | None = None) -> None:
    """The rows of an entry of `data.mix` have what a trainer needs, as many as the limit lets, the same for the same
    seed."""
    splits.materialise(GOAL, folder / "items")
    told = str(mirror) if mirror else None
    limited = {**entry, "limit": 3}
    rows = list(sources.rows(limited, GOAL, folder / "items", 0, told))
    assert 1 <= len(rows) <= 3
    assert rows == list(sources.rows(limited, GOAL, folder / "items", 0, told))
    for row in rows:
        assert all(isinstance(row[name], str) and row[name] for name in ("question", "target", "key"))
        assert row["answer"] is not None
