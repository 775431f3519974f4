"""Rows without blank, repeated or contaminated ones, and their receipt: what went and why, and what was held out."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from intern.data import held_out
from intern.data.decontamination import Decontamination, Match
from intern.data.items import Row, bare, shortened

FILE = "cleaning.json"  # where a stage keeps it
CARD = "data_card.md"  # where a stage that wrote rows itself says how
BLANK, REPEATED = "blank", "repeated"
WHY = {
    BLANK: "question or target is blank",
    REPEATED: "question and target are those of an earlier row",
    "whole": "the question is a held-out item",
    "ngram": "runs of words are shared with a held-out item",
    "masked": "a held-out item with other numbers",
    "paraphrase": "a held-out item in other words, or a part of one",
}
NEARLY = "kept, though near to it: "
EXAMPLES = 10  # of a reason


@dataclass(frozen=True)
class Example:
    """A row that went, or nearly did."""

    question: str
    """Its question."""
    matched: str = ""
    """The item that it is like, such as `test 231`."""
    text: str = ""
    """That item's text."""
    score: float = 0.0
    """How alike they are, up to 1."""


Reason = tuple[str, int, Example]  # why, how many rows, an example


@dataclass(frozen=True)
class Cleaning:
    """What became of the rows that were gathered."""

    gathered: int
    """Rows before."""
    kept: int
    """Rows after."""
    dropped: dict[str, int]
    """Reason, a key of WHY → rows that went for it."""
    near: dict[str, int]
    """Reason → rows that were kept though they are near to a held-out item, or because the goal only warns of it."""
    examples: dict[str, list[Example]]
    """Reason → some of the rows that went."""
    near_examples: dict[str, list[Example]]
    """Reason → some of those that were kept."""
    held_out: dict[str, dict[str, Any]]
    """Split, and task of lm-eval → its items: how many, and the SHA-256 of their texts."""
    methods: dict[str, Any]
    """The version and the parameters of decontamination."""

    def reasons(self) -> list[Reason]:
        """Return (why, how many rows, an example) for each reason for which rows went, or nearly did."""
        gone = [(WHY[name], rows, self.examples[name][0]) for name, rows in self.dropped.items()]
        near = [(NEARLY + WHY[name], rows, self.near_examples[name][0]) for name, rows in self.near.items()]
        return [*gone, *near]

    def lines(self) -> list[str]:
        """Return a line for each reason, with its example."""
        return [line(*reason) for reason in self.reasons()]

    def receipt(self) -> str:
        """Say what the rows were held against, and what of them went for that."""
        parts = ", ".join(f"{entry['items']:,} {split}" for split, entry in self.held_out.items()) or "no"
        gone = sum(rows for name, rows in self.dropped.items() if name not in (BLANK, REPEATED))
        return (
            f"{self.gathered:,} rows were held against {parts} items (decontamination {self.methods['version']}): "
            f"{gone:,} went, {sum(self.near.values()):,} nearly matched"
        )


def line(why: str, rows: int, example: Example) -> str:
    """Return the line of one reason."""
    shared = f" ({example.matched}: “{example.text}”)" if example.matched else ""
    return f"{rows} {'row' if rows == 1 else 'rows'}: {why}; such as “{example.question}”{shared}"


def clean(rows: Sequence[Row], guard: Decontamination) -> tuple[list[Row], Cleaning]:
    """Return the rows that may be trained on, in order, and what became of the others."""
    kept: dict[tuple[str, str], Row] = {}
    counts: dict[bool, Counter[str]] = {True: Counter(), False: Counter()}
    examples: dict[bool, dict[str, list[Example]]] = {True: defaultdict(list), False: defaultdict(list)}
    for row, match in zip(rows, guard.matches(rows), strict=True):
        place = (row["key"], row["target"])
        gone = blank(row) or (match.reason if match and match.drop else REPEATED if place in kept else "")
        if not gone:
            kept[place] = row
        reason = gone or (match.reason if match else "")
        if reason:
            counts[bool(gone)][reason] += 1
            if len(examples[bool(gone)][reason]) < EXAMPLES:
                examples[bool(gone)][reason].append(example(row, match if reason not in (BLANK, REPEATED) else None))
    dropped, near = ({name: counts[gone][name] for name in WHY if counts[gone][name]} for gone in (True, False))
    shown = (dict(examples[True]), dict(examples[False]))
    against = held_out.counted(guard.items)
    return list(kept.values()), Cleaning(len(rows), len(kept), dropped, near, *shown, against, guard.methods)


def blank(row: Row) -> str:
    """Return BLANK for a row without question or target; a text that is trained on as it is has no question."""
    whole = row.get("bare") == row["target"]
    asked = row["question"].strip() or whole
    return "" if asked and bare(row).strip() and row["target"].strip() else BLANK


def example(row: Row, match: Match | None) -> Example:
    """Return a row as the receipt shows it."""
    question = shortened(bare(row))
    return Example(question, match.matched, shortened(match.text), match.score) if match else Example(question)
