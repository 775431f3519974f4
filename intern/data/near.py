"""Near-duplicates: questions most of whose runs of words are the same. Exact, by an index of the runs: so few rows
need no sketch (MinHash estimates the same measure, and misses some).
"""

from collections import Counter, defaultdict

from intern.data.likeness import likeness

WORDS = 3  # consecutive words of a run; shorter than for documents (5, arXiv:2107.06499), for a question is short
ALIKE = 0.7  # Jaccard similarity of the runs from which a question repeats another one


class Near:
    """Questions so far."""

    def __init__(self, words: int = WORDS, alike: float = ALIKE) -> None:
        """Compare runs of so many words; questions repeat one another from this Jaccard similarity on."""
        self.words, self.alike = words, alike
        self._known: dict[str, int] = {}
        self._sizes: list[int] = []
        self._having: defaultdict[str, list[int]] = defaultdict(list)

    def add(self, question: str) -> str | None:
        """Take a question in, unless it repeats one: return "same" or "near" then, None if it is a new one.

        Two questions are the same if they look alike; numbers count as words, so that another number is another run.
        """
        looks = likeness({"question": question})
        if looks in self._known:
            return "same"
        runs = self.runs(looks)
        shared = Counter(place for run in runs for place in self._having.get(run, ()))
        for place, both in shared.items():
            if both >= self.alike * (len(runs) + self._sizes[place] - both):
                return "near"
        place = self._known[looks] = len(self._sizes)
        self._sizes.append(len(runs))
        for run in runs:
            self._having[run].append(place)
        return None

    def runs(self, looks: str) -> set[str]:
        """Return the runs of words of a question; the whole of a shorter one."""
        tokens = looks.split()
        most = max(len(tokens) - self.words, 0)
        return {" ".join(tokens[place : place + self.words]) for place in range(most + 1)}
