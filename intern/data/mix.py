"""Rows of several sources as one set: gathered, and drawn by their weights. The same seed gives the same rows."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import floor
from pathlib import Path
from typing import Any

from intern.config.schema import Goal
from intern.data import items, sources
from intern.data.items import Row

FILE = "sources.json"  # where a stage keeps what was gathered
Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Gathered:
    """What came of one source."""

    source: str
    """Its name: the value of its entry's key, with its configuration and a number if the mix has several such."""
    entry: dict[str, Any]
    """Its entry of `data.mix`."""
    rows: int
    """Rows that it gave."""
    unmade: dict[str, int]
    """Why rows of it cannot be used → how many."""
    examples: dict[str, str]
    """The same reasons → the first such row."""
    fingerprint: str
    """SHA-256 over its rows."""

    def lines(self) -> Iterator[str]:
        """Yield a line for each reason for which rows cannot be used."""
        total = self.rows + sum(self.unmade.values())
        for why, count in self.unmade.items():
            yield f"{count} of {total} rows of {self.source} left out: {why}, as in {self.examples[why]}"


def gather(
    mix: Sequence[Entry], goal: Goal, folder: Path, seed: int, mirror: str | None
) -> tuple[list[Row], list[Gathered]]:
    """Return the rows of all sources, each with its `source` if they are several, and what came of each.

    Args:
        folder: the goal's items.
    """
    rows: list[Row] = []
    told = []
    for name, entry in zip(names(mix), mix, strict=True):
        reasons: Counter[str] = Counter()
        examples: dict[str, str] = {}

        def unmade(why: str, where: str, reasons: Counter[str] = reasons, examples: dict[str, str] = examples) -> None:
            reasons[why] += 1
            examples.setdefault(why, where)

        own = list(sources.rows(entry, goal, folder, seed, mirror, unmade))
        told.append(Gathered(name, dict(entry), len(own), dict(reasons), examples, items.fingerprint(own)))
        rows += [{**row, "source": name} for row in own] if len(mix) > 1 else own
    if any("verifier" in row for row in rows):  # a trainer keeps the columns that all rows have
        rows = [{"verifier": goal.scorer, **row} for row in rows]
    return rows, told


def names(mix: Sequence[Entry]) -> list[str]:
    """Return a name for each entry, no two of them alike."""
    plain = []
    for entry in mix:
        kind = sources.kind_of(entry)
        parts = [kind if entry[kind] is True else entry[kind], entry.get("name")]
        plain.append("/".join(str(part) for part in parts if part))
    counts: Counter[str] = Counter()
    made = []
    for name in plain:
        counts[name] += 1
        made.append(f"{name}#{counts[name]}" if counts[name] > 1 else name)
    return made


def drawn(rows: Sequence[Row], mix: Sequence[Entry], most: int | None) -> list[Row]:
    """Return the first rows, at most so many; if an entry has a weight, the first of each source, in order, as many as
    its weight says beside the others' if no row comes twice."""
    if not any(entry.get("weight") for entry in mix) or len(mix) < 2:
        return list(rows[:most])
    weights = {name: float(entry.get("weight") or 1.0) for name, entry in zip(names(mix), mix, strict=True)}
    there = Counter(row["source"] for row in rows)
    shares = {name: weight / sum(weights.values()) for name, weight in weights.items()}
    total = min([there[name] / share for name, share in shares.items()] + ([most] if most else []))
    left = {name: floor(total * share + 1e-9) for name, share in shares.items()}
    kept = []
    for row in rows:
        if left[row["source"]] > 0:
            left[row["source"]] -= 1
            kept.append(row)
    return kept
