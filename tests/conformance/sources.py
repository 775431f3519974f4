"""What a source of training rows must do."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config.schema import Goal
from intern.data import folder, sources, splits

GOAL = Goal("sums", generator="arithmetic", dev_items=4, test_items=4)


def check(entry: Mapping[str, Any], place: Path, mirror: Path | None = None) -> None:
    """The rows of an entry of `data.mix` have what a trainer needs, as many as the limit lets, the same for the same
    seed."""
    splits.materialise(GOAL, place / "items")
    told = str(mirror) if mirror else None
    asked = ({**entry, "limit": 3}, GOAL, place / "items", 0, told, lambda why, where: None)
    rows = list(sources.rows(*asked))
    assert 1 <= len(rows) <= 3
    assert rows == list(sources.rows(*asked))
    for row in rows:
        assert all(isinstance(row[name], str) and row[name] for name in ("question", "target", "key"))
        assert row["answer"] is not None


def check_file(name: str, path: Path, rows: list[dict[str, Any]]) -> None:
    """A format of files yields the rows of one, in order, each at a place of its own; its plug-in is the one that reads
    the file, and counts as many."""
    module = plugins.load("sources", name)
    assert path.suffix in module.SUFFIXES and folder.reader(path) is module
    records = list(module.read(path))
    assert [record.value for record in records] == rows and not any(record.fault for record in records)
    assert len({record.place for record in records}) == len(rows)
    assert folder.count([path]) == len(rows)
