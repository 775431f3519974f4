"""No item of dev or test reaches a trainer: neither by its canonical key nor by a run of shared words."""

from collections.abc import Iterable
from dataclasses import dataclass

from intern.data.items import Row, normal


@dataclass(frozen=True)
class Guard:
    """What training rows are held against: every dev and test item of the goal."""

    keys: frozenset[str]
    """Canonical keys of the items."""
    runs: frozenset[str]
    """Every run of `words` consecutive words of their questions."""
    words: int
    """Length of a run (GPT-3 and lm-eval use 13, arXiv:2005.14165)."""

    @classmethod
    def against(cls, keys: Iterable[str], questions: Iterable[str], words: int) -> "Guard":
        """Return a guard for these items."""
        return cls(frozenset(keys), frozenset(run for q in questions for run in runs(q, words)), words)

    def admits(self, row: Row) -> bool:
        """Return whether the row may be trained on."""
        return row["key"] not in self.keys and self.runs.isdisjoint(runs(row["question"], self.words))


def runs(text: str, words: int) -> set[str]:
    """Return every run of that many consecutive words, without case; none for a shorter text."""
    tokens = normal(text).split()
    return {" ".join(tokens[i : i + words]) for i in range(len(tokens) - words + 1)}
