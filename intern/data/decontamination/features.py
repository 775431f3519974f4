"""What texts are compared by: pairs of words and runs of words, each a 64-bit number, computed for many texts at once.

pairs     two words that stand near each other, in either order; neither a name nor common
numbered  the same, with numbers among the words; two numbers are no pair
masked    five words in a row, with numbers, names and unknown words each as one sign
runs      eight words in a row, and as many as the goal says (13), as they are
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from intern.data.decontamination.vocabulary import OTHER, UNKNOWN, Vocabulary

Array = Any  # of numpy, which is imported late
REACH = 3  # a word is paired with as many that follow it
GAP = 12  # and that are at most so many words away
MASKED, SHORT_RUN = 5, 8
NAME = UNKNOWN  # a name is masked as an unknown word is: whoever it was, it may be anybody
FACTOR = 0x9E3779B97F4A7C15  # odd, 2^64 by the golden ratio: a run's words are the digits of its number


@dataclass(frozen=True)
class Words:
    """The words of many texts, one after the other."""

    ids: Array
    """Number of each word, int64."""
    owner: Array
    """Which text each belongs to, int64, ascending."""
    texts: int
    """How many texts there are."""


def words(vocabulary: Vocabulary, texts: Sequence[str]) -> Words:
    """Return the words of some texts."""
    import numpy as np

    listed = [vocabulary.ids(text) for text in texts]
    lengths = np.fromiter(map(len, listed), np.int64, len(listed))
    ids = np.fromiter((number for one in listed for number in one), np.int64, int(lengths.sum()))
    return Words(ids, np.repeat(np.arange(len(listed)), lengths), len(listed))


def distinct(owner: Array, keys: Array) -> tuple[Array, Array]:
    """Return each pair of a text and a feature once."""
    import numpy as np

    _, first = np.unique(keys.astype(np.uint64) ^ (owner.astype(np.uint64) * np.uint64(FACTOR)), return_index=True)
    return owner[first], keys[first]


class Kinds:
    """The kinds of features, for a vocabulary of which some words are common."""

    def __init__(self, vocabulary: Vocabulary, common: Array, longest: int) -> None:
        import numpy as np

        size = len(vocabulary)
        self.number = np.zeros(size, bool)
        self.number[[OTHER, *sorted(vocabulary.numbers)]] = True
        name = np.zeros(size, bool)
        name[sorted(vocabulary.names)] = True
        telling = ~common & ~name
        telling[[UNKNOWN, OTHER]] = False
        self.word, self.numbered = telling & ~self.number, telling
        self.mask = np.where(self.number, OTHER, np.where(name, NAME, np.arange(size)))
        self.size, self.longest = size, longest

    def of(self, words: Words) -> Iterator[tuple[Array, Array]]:
        """Yield (text, feature), each once, for the five kinds: pairs, numbered, masked, short and long runs."""
        yield distinct(*self.pairs(words, self.word))
        yield distinct(*self.pairs(words, self.numbered))
        yield distinct(*runs(words.owner, self.mask[words.ids], MASKED))
        yield distinct(*self.whole_runs(words, SHORT_RUN))
        yield distinct(*self.whole_runs(words, self.longest))

    def pairs(self, words: Words, counts: Array) -> tuple[Array, Array]:
        """Return every pair of near words among those that count."""
        import numpy as np

        places = np.flatnonzero(counts[words.ids])
        ids, owner = words.ids[places], words.owner[places]
        owners, keys = [], []
        for ahead in range(1, REACH + 1):
            one, other = ids[:-ahead], ids[ahead:]
            near = (owner[:-ahead] == owner[ahead:]) & (places[ahead:] - places[:-ahead] <= GAP) & (one != other)
            near &= ~(self.number[one] & self.number[other])
            owners.append(owner[:-ahead][near])
            keys.append((np.minimum(one, other) * self.size + np.maximum(one, other))[near])
        return np.concatenate(owners), np.concatenate(keys).astype(np.uint64)

    def whole_runs(self, words: Words, length: int, rare: Array = None) -> tuple[Array, Array]:
        """Return (text, feature) of every run of words that items have, as they are; with `rare`, of those that have a
        rare word."""
        owner, keys = runs(words.owner, words.ids, length)
        known = within(words, words.ids <= OTHER, length) == 0
        if rare is not None:
            known &= within(words, rare[words.ids], length) > 0
        return owner[known], keys[known]


def within(words: Words, counts: Array, length: int) -> Array:
    """Return of each run that lies in one text how many of its words count."""
    import numpy as np

    before = np.concatenate([[0], np.cumsum(counts)])
    last = max(len(words.ids) - length + 1, 0)
    return (before[length:] - before[:last])[same(words.owner, length)]


def same(owner: Array, length: int) -> Array:
    """Return of each run of words whether it lies in one text."""
    return owner[: max(len(owner) - length + 1, 0)] == owner[length - 1 :]


def runs(owner: Array, ids: Array, length: int) -> tuple[Array, Array]:
    """Return (text, number) of every run of words that lies in one text."""
    import numpy as np

    count = max(len(ids) - length + 1, 0)
    keys = np.zeros(count, np.uint64)
    for i in range(length if count else 0):
        keys = (keys + ids[i : i + count].astype(np.uint64) + np.uint64(1)) * np.uint64(FACTOR)
        keys ^= keys >> np.uint64(29)
    whole = same(owner, length)
    return owner[:count][whole], keys[whole]
