"""What was written on dev: its kinds, the items that tell most, and one answer to everything."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from test_report import Study

from intern.data import items
from intern.report import answers
from intern.report.answers import CUT, PARTLY, RIGHT, UNREAD, WRONG
from intern.study.reader import Reader


def row(value: float = 0.0, response: str = "ANSWER: 1", place: int = 0, **more: Any) -> dict[str, Any]:
    """One item's outcome as the score stage writes it."""
    outcome = {"task": "sums", "doc_id": place, "value": value, "target": f"ANSWER: {place}", "response": response}
    return {**outcome, "parsed": True, "truncated": False, **more}


def rewrite(study: Study, number: int, rows: list[dict[str, Any]]) -> None:
    """Put other outcomes on dev in the place of those that a trial has."""
    runs = enumerate(study.ledger.trials[number].stages)
    place, run = next((place, run) for place, run in runs if run.split == "dev" and not run.shots)
    items.write(study.folder / "trials" / f"{number:03d}" / f"{place}-{run.name}" / "samples.jsonl", rows)


@pytest.mark.parametrize(
    ("outcome", "kind"),
    [
        (row(1.0), RIGHT),
        (row(1.0, truncated=True), RIGHT),
        (row(0.5), PARTLY),
        (row(), WRONG),
        (row(truncated=True), WRONG),
        (row(parsed=False), UNREAD),
        (row(parsed=False, truncated=True), CUT),
        ({"task": "choice", "doc_id": 0, "value": 0.0, "target": "2"}, WRONG),
    ],
)
def test_kinds(outcome: dict[str, Any], kind: str) -> None:
    """An answer that was read is never said to be cut; a choice of options has no text."""
    assert answers.kind(outcome) == kind


def test_the_items_that_tell_most() -> None:
    """One of each kind by number, a right one last and but once, then more, by what the base made of them."""
    unread, cut = row(parsed=False), row(parsed=False, truncated=True)
    mine = [*[row(1.0)] * 9, *[unread] * 4, *[row()] * 3, cut]
    base = [*[row()] * 9, *[unread] * 2, *[cut] * 2, *[row()] * 3, row(1.0)]
    pairs = [(ours, theirs) for ours, theirs in zip(mine, base, strict=True)]
    kinds = [tuple(answers.kind(one) for one in pair) for pair in answers.telling(pairs)]
    assert kinds[:4] == [(UNREAD, UNREAD), (WRONG, WRONG), (CUT, RIGHT), (RIGHT, WRONG)]
    assert kinds[4:6] == [(UNREAD, CUT), (WRONG, WRONG)] and len(kinds) == len(mine) - 8


def test_beside_what_was_expected(tmp_path: Path) -> None:
    """The base and the trial with the highest score, whatever became of it; the base alone; nothing at all."""
    study = Study(tmp_path / "study")
    assert answers.answers(Reader(study.folder)) is None
    study.add(0, kind="baseline", recipe=None)
    rewrite(study, 0, [row(0.0, "" if n else "so\n\nlong", n, parsed=False) for n in range(40)])
    alone = answers.answers(Reader(study.folder))
    assert alone and alone.counts == [("base", "40 no answer read")] and alone.of == 40
    study.add(2)
    study.add(1)
    rewrite(study, 1, [row(float(n < 2), f"ANSWER: {n}", n) for n in range(40)])
    told = answers.answers(Reader(study.folder))
    assert told and told.counts == [("base", "40 no answer read"), ("trial 1", "38 wrong, 2 right")]
    first, second = told.shown[:2]
    assert (first.question.split("?")[0], first.expected) == ("What is 2 + 1", "ANSWER: 2")
    assert first.written == (answers.Written("base", "", UNREAD), answers.Written("trial 1", "ANSWER: 2", WRONG))
    base, trial = second.written
    assert (base.text, base.kind, trial.text, trial.kind) == ("so\n\nlong", UNREAD, "ANSWER: 0", RIGHT)
    assert len(told.shown) == answers.SHOWN
    shutil.rmtree(study.folder / "trials")
    assert answers.answers(Reader(study.folder)) is None


def test_one_answer() -> None:
    """By its last line, whatever stands above; a model that is right on lopsided items is not blamed."""
    always = [row(float(n < 6), f"Thought {n}.\nANSWER:  no\n", n) for n in range(10)]
    seen = answers.same(always)
    assert seen == answers.Same("ANSWER: no", 1.0, 0.6)
    said = "trial 1 gives one answer, “ANSWER: no”, to every dev item, and is right in 60.0 % of them"
    assert seen.line("trial 1") == said
    nearly = [*always[:9], row(0.0, "ANSWER: yes", 9)]
    assert answers.same(nearly) == answers.Same("ANSWER: no", 0.9, 6 / 9)
    assert "to 90.0 % of the dev items" in answers.same(nearly).line("trial 1")
    assert answers.same([*always[:8], *[row(0.0, "ANSWER: yes", n) for n in (8, 9)]]) is None
    perfect = [row(1.0, "ANSWER: no" if n else "ANSWER: yes", n) for n in range(20)]
    assert answers.same(perfect) is None
    assert "one answer, nothing at all, to every" in answers.same([row(0.0, " \n"), row(0.0, "")]).line("base")
    assert answers.same([{"task": "c", "doc_id": n, "value": 0.0, "target": "2"} for n in range(9)]) is None
    assert answers.same([]) is None


def test_of_a_trial(tmp_path: Path) -> None:
    """By what its folder holds."""
    study = Study(tmp_path / "study")
    study.add(6, kind="baseline", recipe=None)
    study.add(30)
    constant = [row(float(n < 30), "ANSWER: no", n) for n in range(40)]
    rewrite(study, 1, constant)
    base, trial = study.ledger.trials
    said = "trial 1 gives one answer, “ANSWER: no”, to every dev item"
    assert answers.alike(Reader(study.folder), trial).startswith(said)
    assert answers.alike(Reader(study.folder), base) is None
    rewrite(study, 1, [row(float(n < 30), f"ANSWER: {n}", n) for n in range(40)])
    assert answers.alike(Reader(study.folder), trial) is None
