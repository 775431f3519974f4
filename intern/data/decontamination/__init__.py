"""No item of dev or test reaches a trainer, in whatever disguise: what a row has in common with the held-out items.

whole       the question is an item: by its canonical key, or but for case, marks, spaces and the order of its lines
ngram       half of an item's runs of eight words, or of `words` (13), by rarity; or one of the latter with a rare word
masked      the item with other numbers, and perhaps other names
paraphrase  the item in other words, or a part of it

The first two compare words as they are. For the others three kinds of features are weighed by their rarity (see
features), each as a share of the item's and of the row's; the score is the root of the mean square of the six shares.

How rare something is, is counted among the held-out texts and a sample of the rows: SAMPLE questions, those whose
hashes are lowest, so that neither order nor repetition matters. What is in more than MANY of them and SHARE of them is
a stock phrase and weighs nothing, but if one of a hundred held-out texts alone has it: then it has leaked often. What
is in memory grows with the held-out side and the sample alone.

DROP was set on one half of GSM8K (items 0 to 659 of test, the first half of train); scripts/bench_decontamination.py
measures on the other one.
"""

import hashlib
import heapq
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from intern.data.decontamination.features import MASKED, SHORT_RUN, Array, Kinds, Words, distinct, words
from intern.data.decontamination.index import PRIOR, Index, Shared
from intern.data.decontamination.vocabulary import OTHER, UNKNOWN, Vocabulary, wholes
from intern.data.items import Row, bare, normal
from intern.data.likeness import likeness, unmasked

VERSION = 1
Reason = Literal["whole", "ngram", "masked", "paraphrase"]
DROP, NEAR = 0.35, 0.25  # scores from which a row goes, and is told of
HALF = 0.5  # of an item's runs
SAMPLE = 20_000
MANY, SHARE = 10, 0.01  # an item that leaked, and its disguises, stand in fewer questions than a template does
COMMON = 0.10  # a word that so many texts have is in no pair
SHORT = 13  # words; the answer of a shorter question is compared with it
BATCH = 2000  # texts that are compared at once


@dataclass(frozen=True)
class HeldOut:
    """An item that no row may be, or look like."""

    name: str
    """Split and number, such as `test 231`."""
    texts: tuple[str, ...]
    """Its question, without the goal's prompt, or the texts that its data set has of it."""
    key: str = ""
    """Its canonical key; "" for none but its texts."""
    answer: str = ""
    """Its answer."""


@dataclass(frozen=True)
class Match:
    """What a row has in common with an item."""

    reason: Reason
    """By which method."""
    matched: str
    """Name of the item."""
    score: float
    """How alike they are, up to 1."""
    drop: bool
    """Whether the row goes; otherwise it is told of alone."""
    text: str
    """The item's text."""


class Decontamination:
    """What training rows are held against."""

    def __init__(
        self,
        items: Sequence[HeldOut],
        rows: Iterable[Row] = (),
        words: int = 13,
        warn: Iterable[str] = (),
    ) -> None:
        """Learn the items, and from the rows how rare things are.

        Args:
            items: the items that are held out.
            rows: the rows that will be held against them.
            words: length of the longer run (GPT-3 and lm-eval use 13, arXiv:2005.14165).
            warn: reasons for which a row does not go.
        """
        self.items, self.words, self.warn = items, words, frozenset(warn)
        self.known = {form: (item, text) for item in reversed(items) for form, text in forms(item)}
        self.entries = [(place, text) for place, item in enumerate(items) for text in compared(item)]
        texts = [text for _, text in self.entries]
        self.vocabulary = Vocabulary(texts, [text for text in texts if len(text.split()) < SHORT])
        self.numbers = [self.numbers_of(text) for text in texts]
        questions = sample(rows)
        self.sampled = len(questions)
        self.learn(texts, questions)

    def learn(self, texts: Sequence[str], questions: Sequence[str]) -> None:
        """Index the held-out texts, weighted by how rare their features are."""
        held, drawn = words(self.vocabulary, texts), words(self.vocabulary, questions)
        count = len(texts) + len(questions)
        seen = occurrences(drawn, len(self.vocabulary))
        common = occurrences(held, len(self.vocabulary)) + seen > COMMON * count
        most = max(MANY, SHARE * len(questions))
        least = 2 if SHARE * len(texts) >= 1 else 1
        self.kinds = Kinds(self.vocabulary, common, self.words)
        self.rare = (seen <= most) & ~self.kinds.number
        self.indexes = [Index(owner, keys, len(texts)) for owner, keys in self.kinds.of(held)]
        self.runs = Index(*distinct(*self.kinds.whole_runs(held, self.words, self.rare)), len(texts))
        for at in range(0, len(questions), BATCH):
            part = words(self.vocabulary, questions[at : at + BATCH])
            for index, (_, keys) in zip(self.indexes, self.kinds.of(part), strict=True):
                index.count(keys)
            self.runs.count(distinct(*self.kinds.whole_runs(part, self.words, self.rare))[1])
        for index in (*self.indexes, self.runs):
            index.weigh(count, (index.counts > most) & (index.held >= least))

    @property
    def methods(self) -> dict[str, Any]:
        """The version and the parameters of what is compared."""
        return {
            "version": VERSION, "words": [SHORT_RUN, self.words], "masked_words": MASKED, "drop": DROP, "near": NEAR,
            "half": HALF, "prior": PRIOR, "common": COMMON, "stock": [MANY, SHARE], "sample": self.sampled,
            "warn": sorted(self.warn),
        }  # fmt: skip

    def match(self, row: Row) -> Match | None:
        """Return what a row has in common with the item that it is most like; None for nothing to speak of."""
        return next(self.matches([row]))

    def matches(self, rows: Iterable[Row]) -> Iterator[Match | None]:
        """Yield for each row, in order, what `match` returns; many at once are quicker."""
        batch: list[Row] = []
        for row in rows:
            batch.append(row)
            if len(batch) == BATCH:
                yield from self.batch(batch)
                batch = []
        yield from self.batch(batch)

    def batch(self, rows: Sequence[Row]) -> list[Match | None]:
        """Return what each row has in common with an item."""
        matched = [self.whole(row) for row in rows]
        owned = [(place, text) for place, row in enumerate(rows) if not matched[place] for text in asked(row)]
        if not owned or not self.entries:
            return matched
        texts = [text for _, text in owned]
        for place, match in self.compared(texts):
            owner = owned[place][0]
            before = matched[owner]
            if before is None or (match.drop, match.score) > (before.drop, before.score):
                matched[owner] = match
        return matched

    def whole(self, row: Row) -> Match | None:
        """Return the match of a row that is an item."""
        asked = bare(row)
        for form in (row["key"], unmasked(row["key"]), likeness(row), *wholes(asked)):
            if found := self.known.get(form):
                item, text = found
                return Match("whole", item.name, 1.0, "whole" not in self.warn, text)
        return None

    def compared(self, texts: Sequence[str]) -> Iterator[tuple[int, Match]]:
        """Yield (place of a text, its best match) for those that have one."""
        import numpy as np

        read = words(self.vocabulary, texts)
        shared = [
            index.shared(owner, keys, len(texts))
            for index, (owner, keys) in zip(self.indexes, self.kinds.of(read), strict=True)
        ]
        long = self.runs.shared(*distinct(*self.kinds.whole_runs(read, self.words, self.rare)), len(texts))
        cells = self.cells(shared, long)
        if not len(cells):
            return
        text, entry = cells.T
        shares = [index.shares(one, text, entry) for index, one in zip(self.indexes, shared, strict=True)]
        alike = np.sqrt(np.mean(np.square([share for pair in shares[:3] for share in pair]), axis=0))
        run = np.asarray(long.mass[text, entry]).ravel() > 0
        most = np.maximum(shares[3][0], shares[4][0])
        literal = (most >= HALF) | run
        score = np.maximum(alike, np.where(literal, np.maximum(most, DROP), 0.0)).round(3)
        order = np.lexsort((-entry, score))
        best = {int(text[i]): i for i in order if score[i] >= NEAR}
        for place, i in sorted(best.items()):
            yield place, self.told(texts[place], int(entry[i]), float(score[i]), bool(literal[i]))

    def cells(self, shared: Sequence[Shared], long: Shared) -> Array:
        """Return the pairs of a text and a held-out one that may be alike, each once."""
        import numpy as np

        found = [index.candidates(one, NEAR) for index, one in zip(self.indexes, shared, strict=True)]
        return np.unique(np.concatenate([np.stack(pair, axis=1) for pair in [*found, long.mass.nonzero()]]), axis=0)

    def told(self, text: str, entry: int, score: float, literal: bool) -> Match:
        """Return the match of a text with a held-out one."""
        place, held = self.entries[entry]
        numbers = self.numbers[entry]
        other = len(numbers - self.numbers_of(text)) > HALF * len(numbers)
        reason: Reason = "masked" if other else "ngram" if literal else "paraphrase"
        return Match(reason, self.items[place].name, score, score >= DROP and reason not in self.warn, held)

    def numbers_of(self, text: str) -> frozenset[int]:
        """Return the numbers of a text that items have."""
        return self.vocabulary.numbers.intersection(self.vocabulary.ids(text))


def forms(item: HeldOut) -> Iterator[tuple[str, str]]:
    """Yield all that tells that a row is this item, each with the text that it is of."""
    yield from ((form, item.texts[0]) for form in (item.key, unmasked(item.key)) if form)
    yield from ((form, text) for text in item.texts for form in (normal(unmasked(text)), *wholes(text)) if form)


def compared(item: HeldOut) -> list[str]:
    """Return the texts of an item that are compared: the long ones, or all as one, with the answer, if none is long."""
    long = [text for text in item.texts if len(text.split()) >= SHORT]
    return long or ["\n".join([*item.texts, item.answer])]


def asked(row: Row) -> Iterator[str]:
    """Yield the texts of a row in which an item may stand: the question with a short answer, and a long target."""
    answer = row.get("answer")
    short = f"{bare(row)}\n{answer}" if isinstance(answer, str) and len(answer.split()) < SHORT else bare(row)
    yield short
    target = str(row.get("target") or "")
    if len(target.split()) >= SHORT:
        yield target


def sample(rows: Iterable[Row]) -> list[str]:
    """Return the different questions, or SAMPLE of them, those with the lowest hashes."""
    hashed = ((hashlib.blake2b(likeness(row).encode(), digest_size=8).digest(), bare(row)) for row in rows)
    lowest: dict[bytes, str] = {}
    most = b"\xff" * 8
    for digest, text in hashed:
        if digest <= most:
            lowest[digest] = min(text, lowest.get(digest, text))
        if len(lowest) > 2 * SAMPLE:
            lowest = dict(heapq.nsmallest(SAMPLE, lowest.items()))
            most = max(lowest)
    return [text for _, text in heapq.nsmallest(SAMPLE, lowest.items())]


def occurrences(read: Words, size: int) -> Array:
    """Return in how many texts each word is."""
    import numpy as np

    _, ids = distinct(read.owner, read.ids)
    counts = np.bincount(ids, minlength=size)
    counts[[UNKNOWN, OTHER]] = 0
    return counts
