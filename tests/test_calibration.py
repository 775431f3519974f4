"""What a language model's share was worth."""

from dataclasses import replace
from pathlib import Path

import pytest
from made import IDENTITY
from simulation import scored

from intern import files
from intern.llm import Answer
from intern.records import Trial, Verdict
from intern.report import calibration
from intern.study.ledger import Ledger
from intern.study.reader import Reader
from intern.trial.job import Result


def trial(ledger: Ledger, number: int, dev: float, call: str, **more: object) -> None:
    """Record a trial that was judged against the base."""
    ledger.propose(Trial(number, "propose", "RUNNING", recipe="a", **more))  # type: ignore[arg-type]
    ledger.finish(number, Result("COMPLETE", scored(dev)))
    ledger.judge(number, Verdict(call, 0, 9, 1, 0.02))  # type: ignore[arg-type]


@pytest.fixture
def study(tmp_path: Path) -> Reader:
    """Four trials, two of them a language model's, and one of its proposals refused."""
    files.write_whole(tmp_path / "study.json", IDENTITY)
    ledger = Ledger(tmp_path)
    ledger.propose(Trial(0, "baseline", "RUNNING"))
    ledger.finish(0, Result("COMPLETE", scored(0.20)))
    trial(ledger, 1, 0.22, "undecided", by="heuristic")
    ledger.answer(Answer("q1", {"action": "propose"}, tokens_in=900, tokens_out=100, dollars=0.3))
    trial(ledger, 2, 0.30, "keep", by="claude", expected=0.2, spread=0.04)
    ledger.answer(Answer("q2", None, "overloaded"))
    trial(ledger, 3, 0.21, "undecided", by="claude", expected=0.02, spread=0.03)
    ledger.propose(Trial(4, "propose", "REJECTED", recipe="a", by="claude", expected=0.5, reason="no"))
    return Reader(tmp_path)


def test_what_was_foretold_stands_beside_what_was_measured(study: Reader) -> None:
    """Against the incumbent of its time; the first was too hopeful by two and a half of its deviations."""
    first, second = calibration.foretold(study)
    assert (first.trial, first.expected, first.within) == (2, 0.2, False) and first.measured == pytest.approx(0.1)
    assert second.within and second.measured == pytest.approx(0.01)


def test_the_lines(study: Reader) -> None:
    """Share, what was kept, cost, dollars a kept point."""
    assert calibration.lines(study) == [
        "The language model proposed 3 of 4 trials: 1 kept, 1 refused",
        "  2 answers, 1 of them none; 1,000 tokens, 0.30 dollars; 0.030 dollars a kept point",
        "  gain foretold +11.0 points, measured +5.5, on average over 2 trials; 1 of them within 2 of its standard "
        "deviations",
    ]


def test_nobody_was_asked(study: Reader) -> None:
    """Nothing is told."""
    study.ledger.answers.clear()
    assert calibration.lines(study) == []
    assert not calibration.proposed(replace_by(study))


def replace_by(study: Reader) -> Reader:
    """The study as if all trials were the heuristic's."""
    study.ledger.trials[:] = [replace(one, by="heuristic") for one in study.ledger.trials]
    return study
