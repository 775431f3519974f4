"""What trials wrote on dev beside what was expected: how much of each kind, a few items that tell most, and whether
nearly all answers are one and the same.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice, zip_longest
from typing import Any

from intern.data.items import shortened
from intern.records import Trial
from intern.report import fmt
from intern.report.samples import written as completion
from intern.study.reader import Reader

UNREAD, CUT, WRONG, PARTLY, RIGHT = "no answer read", "cut at the limit", "wrong", "partly right", "right"
SHOWN = 4  # items: one of each kind, as a rule
ALIKE = 0.9  # share of answers that are one and the same, from which on it is said
Row = Mapping[str, Any]
Pair = tuple[Row, ...]  # one item's rows: the trial's that matters, then the base's


@dataclass(frozen=True)
class Written:
    """What one trial wrote for an item."""

    who: str
    """"base", or the trial."""
    text: str
    """The completion; for a choice of options what was chosen."""
    kind: str
    """What the evaluator made of it."""


@dataclass(frozen=True)
class Item:
    """One item with what was written for it."""

    question: str
    """What was asked."""
    expected: str
    """The completion that would have been right."""
    written: tuple[Written, ...]
    """What the base and the trial wrote."""


@dataclass(frozen=True)
class Answers:
    """What was written on dev."""

    counts: Sequence[tuple[str, str]]
    """(who, how many answers of each kind)."""
    shown: Sequence[Item]
    """Items that tell most: one of each kind, wrong ones first."""
    of: int
    """How many there are."""


@dataclass(frozen=True)
class Same:
    """An answer that is given to nearly every item."""

    text: str
    """Its last line."""
    share: float
    """Share of the items that it is given to."""
    right: float
    """Share of those in which it is right."""

    def line(self, who: str) -> str:
        """Say so of a trial."""
        what = f"“{shortened(self.text, 80)}”" if self.text else "nothing at all"
        often = "every dev item" if self.share == 1 else f"{fmt.percent(self.share)} of the dev items"
        return f"{who} gives one answer, {what}, to {often}, and is right in {fmt.percent(self.right)} of them"


def kind(row: Row) -> str:
    """Return what the evaluator made of an answer."""
    if row["value"] > 0:
        return RIGHT if row["value"] >= 1 else PARTLY
    if row.get("parsed", True):
        return WRONG
    return CUT if row.get("truncated") else UNREAD


def rows(study: Reader, trial: Trial | None) -> list[dict[str, Any]]:
    """Return a trial's dev samples; [] if there is no trial, or if its folder has none."""
    scored = trial and any((run.stage, run.split, run.shots) == ("score", "dev", 0) for run in trial.stages)
    if trial is None or not scored or not study.place(trial.number).exists():
        return []
    return study.scored(trial, "dev")


def answers(study: Reader) -> Answers | None:
    """Return what the base and the trial with the highest score wrote on dev; None if nothing was scored."""
    told = [(name(trial), rows(study, trial)) for trial in (study.leading, study.baseline) if trial]
    told = [(who, written) for who, written in told if written]
    if not told:
        return None
    by_item = [{(row["task"], row["doc_id"]): row for row in written} for _, written in told]
    pairs = [tuple(one[key] for one in by_item) for key in by_item[0] if all(key in one for one in by_item)]
    people, questions = [who for who, _ in told], study.questions("dev")
    shown = [item(pair, people, questions) for pair in islice(telling(pairs), SHOWN)]
    return Answers([(who, counted(written)) for who, written in reversed(told)], shown, len(pairs))


def name(trial: Trial) -> str:
    """Return what a trial is called beside its answers."""
    return f"trial {trial.number}" if trial.number else "base"


def telling(pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Yield the items that tell most first: by turns one of each kind, the most frequent first and a single right one
    last, and within a kind by turns one of each kind of the base's."""
    groups: dict[str, dict[tuple[str, ...], list[Pair]]] = defaultdict(lambda: defaultdict(list))
    for pair in pairs:
        groups[kind(pair[0])][tuple(kind(row) for row in pair)].append(pair)
    largest = {what: sum(map(len, parts.values())) for what, parts in groups.items()}
    queues: list[Iterator[Pair]] = []
    for what in sorted(groups, key=lambda what: (what == RIGHT, -largest[what])):
        parts: list[list[Pair]] = sorted(groups[what].values(), key=len, reverse=True)
        queues.append(islice(by_turns(parts), 1 if what == RIGHT else None))
    yield from by_turns(queues)


def by_turns(queues: Iterable[Iterable[Pair]]) -> Iterator[Pair]:
    """Yield one of each queue after the other."""
    return (pair for pair in chain.from_iterable(zip_longest(*queues)) if pair is not None)


def item(pair: Pair, people: Sequence[str], questions: Sequence[str]) -> Item:
    """Return one item, the base's answer first; its number stands for a question that is not known (lm-eval's own)."""
    row = pair[0]
    question = questions[row["doc_id"]] if questions else f"{row['task']}, item {row['doc_id']}"
    written = [Written(who, completion(dict(row)), kind(row)) for who, row in zip(people, pair, strict=True)]
    return Item(question, row["target"], tuple(reversed(written)))


def counted(written: Sequence[Row]) -> str:
    """Return how many answers are of each kind, the most frequent kind first."""
    kinds = Counter(kind(row) for row in written)
    return ", ".join(f"{count} {what}" for what, count in kinds.most_common())


def same(written: Sequence[Row]) -> Same | None:
    """Return the answer, by its last line, that is given to ALIKE of the items, if there is one.

    Where most of those that need another answer get one, the items are to blame and not the model."""
    written = [row for row in written if "response" in row]  # the others chose among options
    if not written:
        return None
    by_line: dict[str, list[Row]] = defaultdict(list)
    for row in written:
        by_line[last_line(row["response"]).casefold()].append(row)
    alike = max(by_line.values(), key=len)
    right = sum(row["value"] >= 1 for row in alike)
    others, wrong = len(written) - len(alike), len(alike) - right
    if len(alike) < ALIKE * len(written) or others > wrong:
        return None
    return Same(last_line(alike[0]["response"]), len(alike) / len(written), right / len(alike))


def alike(study: Reader, trial: Trial) -> str | None:
    """Say of a trial that nearly all its answers are one and the same, if they are."""
    one = same(rows(study, trial))
    return one.line(name(trial)) if one else None


def last_line(text: str) -> str:
    """Return the last line of a text that is not blank; "" if there is none."""
    return next((" ".join(line.split()) for line in reversed(text.splitlines()) if line.strip()), "")
