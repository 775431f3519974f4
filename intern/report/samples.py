"""Dev items on which the base and the best trial disagree, with what each of them wrote."""

from dataclasses import dataclass
from typing import Any

from intern.records import Trial, spread
from intern.study.reader import Reader

SHOWN = 5  # of each sort
Row = dict[str, Any]


@dataclass(frozen=True)
class Sample:
    """One item, answered by both."""

    question: str
    """What was asked."""
    target: str
    """The right answer."""
    before: str
    """What the base wrote."""
    after: str
    """What the trial wrote."""


@dataclass(frozen=True)
class Samples:
    """The items of one sort."""

    title: str
    """What became of them."""
    shown: list[Sample]
    """Some of them, evenly spread."""
    of: int
    """How many there are."""


def disagreements(study: Reader, best: Trial) -> tuple[Samples, Samples]:
    """Return the dev items that only the best trial answers, and those that only the base does."""
    base = study.baseline
    assert base
    old = {(row["task"], row["doc_id"]): row for row in study.scored(base, "dev")}
    new = {(row["task"], row["doc_id"]): row for row in study.scored(best, "dev")}
    pairs = [(old[place], row) for place, row in new.items() if place in old]  # one's file may have gone
    questions = study.questions("dev")
    fixed = [pair for pair in pairs if pair[1]["value"] > pair[0]["value"]]
    broken = [pair for pair in pairs if pair[1]["value"] < pair[0]["value"]]
    return some("Fixed", fixed, questions), some("Broken", broken, questions)


def some(title: str, pairs: list[tuple[Row, Row]], questions: list[str]) -> Samples:
    """Return some of the items, evenly spread."""
    return Samples(title, [sample(before, after, questions) for before, after in spread(pairs, SHOWN)], len(pairs))


def sample(before: Row, after: Row, questions: list[str]) -> Sample:
    """Return one item; if the questions are not known (lm-eval's own tasks), its number stands for it."""
    question = questions[after["doc_id"]] if questions else f"{after['task']}, item {after['doc_id']}"
    return Sample(question, after["target"], written(before), written(after))


def written(row: Row) -> str:
    """Return what was written, or for a choice of options whether it was right."""
    return str(row.get("response", "the right choice" if row["value"] else "a wrong choice"))
