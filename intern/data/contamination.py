"""No item of dev or test reaches a trainer: neither by its canonical key nor by words in a row.

Bare questions are compared, without the goal's prompt. What many training questions have in common says nothing of one
item: by that measure, more than MANY of the different questions and more than SHARE of them,

- a run of words that is common is boilerplate and never counts;
- any other run counts if one of its words is rare;
- runs of common words alone, as of a puzzle's digits, count together: if they are half of an item's.

The key always counts. All is compared as it looks: see likeness.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from intern.data.items import Row, bare, normal
from intern.data.likeness import likeness, unmasked

Reason = Literal["same item", "shared run", "shared half", "common words"]
MANY, SHARE = 10, 0.01  # an item that leaked, and its rewritings, stand in fewer questions than a template does
HALF = 0.5


@dataclass(frozen=True)
class Guard:
    """What training rows are held against: every dev and test item of the goal."""

    keys: frozenset[str]
    """Canonical keys of the items, as they are and as they look, and their questions as they look."""
    runs: Mapping[str, frozenset[int]]
    """Every run of `words` consecutive words of a question → the numbers of the items that have it."""
    words: int
    """Length of a run (GPT-3 and lm-eval use 13, arXiv:2005.14165)."""
    boilerplate: frozenset[str] = frozenset()
    """Those of the runs that are common."""
    common: frozenset[str] = frozenset()
    """The common words."""
    sizes: Mapping[int, int] = field(default_factory=dict)
    """Number of an item → its runs, without boilerplate."""

    @classmethod
    def against(cls, keys: Iterable[str], questions: Iterable[str], words: int) -> "Guard":
        """Return a guard for these items, to which nothing is common yet."""
        places: dict[str, set[int]] = defaultdict(set)
        known = {form for key in keys for form in (key, unmasked(key))}
        for number, question in enumerate(questions):
            known.add(normal(unmasked(question)))
            for run in runs(question, words):
                places[run].add(number)
        return cls(frozenset(known), {run: frozenset(numbers) for run, numbers in places.items()}, words).among(())

    def among(self, rows: Iterable[Row]) -> "Guard":
        """Return a guard that knows what is common among these training rows."""
        questions = {likeness(row) for row in rows}
        most = max(MANY, SHARE * len(questions))
        words = Counter(word for question in questions for word in set(question.split()))
        shared = Counter(run for question in questions for run in self.shared(question))
        boilerplate = frozenset(run for run, count in shared.items() if count > most)
        sizes = Counter(number for run, numbers in self.runs.items() if run not in boilerplate for number in numbers)
        common = frozenset(word for word, count in words.items() if count > most)
        return replace(self, boilerplate=boilerplate, common=common, sizes=sizes)

    def shared(self, question: str) -> set[str]:
        """Return the runs of words that a question shares with an item."""
        return runs(question, self.words) & self.runs.keys()

    def judge(self, row: Row) -> tuple[Reason | None, str]:
        """Return (what a row has in common with an item, the key or the words in question).

        With "common words" it may be trained on, as with None."""
        for key in (row["key"], unmasked(row["key"]), likeness(row)):
            if key in self.keys:
                return "same item", key
        shared = self.shared(bare(row))
        telling = shared - self.boilerplate
        if rare := [run for run in telling if not self.common.issuperset(run.split())]:
            return "shared run", min(rare)
        counts = Counter(number for run in telling for number in self.runs[run])
        if any(count >= HALF * self.sizes[number] for number, count in counts.items()):
            return "shared half", min(telling)
        return ("common words", min(shared)) if shared else (None, "")


def runs(text: str, words: int) -> set[str]:
    """Return every run of that many consecutive words as they look, without case; none for a shorter text."""
    tokens = normal(unmasked(text)).split()
    return {" ".join(tokens[i : i + words]) for i in range(len(tokens) - words + 1)}
