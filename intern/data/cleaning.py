"""Rows without blank, repeated or contaminated ones, and a count of what went and why."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from intern.data.contamination import MANY, SHARE, Guard
from intern.data.items import Row, bare, shortened

FILE = "cleaning.json"  # where a stage keeps it
BLANK, REPEATED, COMMON = "blank", "repeated", "common words"
WHY = {
    BLANK: "question or target is blank",
    REPEATED: "question and target are those of an earlier row",
    "same item": "the question is an item of dev or test",
    "shared run": "the question shares {words} consecutive words with an item of dev or test",
    "shared half": "the question shares half of an item of dev or test, in runs of {words} words",
}
KEPT = (
    f"kept, for the {{words}} words that they share with an item are common: in more than {MANY} questions and "
    f"{100 * SHARE:g} % of them"
)
Reason = tuple[str, int, Mapping[str, str]]  # why, how many rows, an example: its question and what it shares


@dataclass(frozen=True)
class Cleaning:
    """What became of the rows that were gathered."""

    gathered: int
    """Rows before."""
    kept: int
    """Rows after."""
    words: int
    """Length of the runs of words that were compared."""
    dropped: dict[str, int]
    """Reason, a key of WHY → rows that went for it."""
    common: int
    """Rows that were kept though they share a run of words with an item, for common words tell nothing."""
    examples: dict[str, dict[str, str]]
    """Reason, or "common words" → the question of one such row, and what it shares."""

    def reasons(self) -> list[Reason]:
        """Return (why, how many rows, an example) for each reason for which rows went, or did not."""
        counts = [(name, WHY[name], rows) for name, rows in self.dropped.items()]
        counts += [(COMMON, KEPT, self.common)] if self.common else []
        return [(why.format(words=self.words), rows, self.examples[name]) for name, why, rows in counts]

    def lines(self) -> list[str]:
        """Return a line for each reason, with its example."""
        return [line(*reason) for reason in self.reasons()]


def line(why: str, rows: int, example: Mapping[str, str]) -> str:
    """Return the line of one reason."""
    shared = f", by “{example['shared']}”" if example["shared"] else ""
    return f"{rows} {'row' if rows == 1 else 'rows'}: {why}; such as “{example['question']}”{shared}"


def clean(rows: Sequence[Row], guard: Guard) -> tuple[list[Row], Cleaning]:
    """Return the rows that may be trained on, in order, and what became of the others."""
    guard = guard.among(rows)
    kept: dict[tuple[str, str], Row] = {}
    counts: Counter[str] = Counter()
    examples: dict[str, dict[str, str]] = {}
    for row in rows:
        reason, shared = judged(row, guard)
        place = (row["key"], row["target"])
        if reason in (None, COMMON) and place in kept:
            reason, shared = REPEATED, ""
        if reason in (None, COMMON):
            kept[place] = row
        if reason:
            counts[reason] += 1
            examples.setdefault(reason, {"question": shortened(bare(row)), "shared": shortened(shared)})
    dropped = {name: counts[name] for name in WHY if counts[name]}
    return list(kept.values()), Cleaning(len(rows), len(kept), guard.words, dropped, counts[COMMON], examples)


def judged(row: Row, guard: Guard) -> tuple[str | None, str]:
    """Return (why a row goes, or "common words"; None if neither, what it shares with an item)."""
    whole = row.get("bare") == row["target"]  # a text that is trained on without a question
    if not (row["question"].strip() or whole) or not bare(row).strip() or not row["target"].strip():
        return BLANK, ""
    return guard.judge(row)
