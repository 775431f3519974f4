"""A study of thousands of trials: what a step, a listing and a report do does not grow with it, or hardly; nothing is
timed here (scripts/bench_scale.py does), calls and reads are counted."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from made import recipe_of
from simulation import settings

from intern import damage
from intern.overrides import Overrides
from intern.proposers import heuristic
from intern.records import Left, Trial
from intern.report import text
from intern.search.history import History
from intern.search.view import View
from intern.study.decide import State, decide
from intern.study.ledger import Ledger
from intern.study.reader import Reader

STEPS = {"sft.max_steps": {"low": 10, "high": 1000, "log": True}, "sft.learning_rate": {"low": 1e-5, "high": 1e-2}}
RECIPE = recipe_of("r", stages=["data", "sft"], sft={"max_steps": 100}, tunable=STEPS)
EACH = 6  # calls for each further trial: a look at it, and no more


def laid_out(folder: Path, count: int) -> Path:
    """A study of so many trials, written as a ledger is, all at once; a tenth of them were stopped."""
    folder.mkdir(parents=True)
    score = {"task": "t", "split": "dev", "metric": "acc", "stderr": 0.02, "n": 100}
    stopped = {"rule": "nan", "stage": "sft", "step": 3, "symptom": "not finite", "remedies": []}
    rows: list[dict[str, Any]] = []
    for number in range(count):
        kind = "sweep" if number > 1 else "propose" if number else "baseline"
        own = [f"recipe.sft.max_steps={10 + number % 900}", f"recipe.sft.learning_rate={1e-5 * (1 + number)}"]
        recipe = {"recipe": "r", "parent": 1, "overrides": own} if number > 1 else {"recipe": "r"} if number else {}
        rows.append({"event": "trial", "time": 1.0, "number": number, "kind": kind, "state": "RUNNING", **recipe})
        runs = [{"name": "sft", "stage": "sft", "out": f"sft-{number}", "reused": False, "seconds": 9.0}]
        end: dict[str, Any] = {"state": "COMPLETE", "scores": [{**score, "value": (number % 97) / 200}]}
        if number and number % 10 == 0:
            end = {"state": "PRUNED", "diagnosis": stopped}
        rows.append({"event": "result", "time": 2.0, "number": number, **end, "stages": runs, "seconds": 20.0})
        if number and end["state"] == "COMPLETE":
            verdict = {"call": "undecided", "against": 0, "wins": 3, "losses": 2, "p": 0.9}
            rows.append({"event": "verdict", "time": 3.0, "number": number, "verdict": verdict})
    (folder / "ledger.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


def calls(work: Callable[[], Any]) -> int:
    """How many functions of Python something calls, steps of generators among them."""
    count = 0

    def seen(frame: FrameType, event: str, _: Any) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(seen)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def a_step(trials: list[Trial]) -> Callable[[], Any]:
    """What is asked before a trial is begun, once the trials are known."""
    history = History(trials)

    def step() -> None:
        state = State(trials, history, Left(1e6, 1e6))
        decide(state)
        assert heuristic.propose(View({"r": RECIPE}, history, Left(1e6, 1e6), settings(), {"r": Overrides()}, seed=0))

    step()
    return step


def test_a_step_hardly_grows(tmp_path: Path) -> None:
    """It takes a look at each trial at most, where 90 calls were made for each."""
    short, long = (Reader(laid_out(tmp_path / str(n), n)).trials for n in (500, 3000))
    assert calls(a_step(long)) - calls(a_step(short)) < EACH * 2500


def test_a_ledger_is_read_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not line by line; each trial is made once; and what is appended is read alone."""
    folder = laid_out(tmp_path / "study", 3000)
    monkeypatch.setattr(damage, "noticed", None)  # what reads a single line
    heard: list[int] = []
    kept = Ledger(folder)
    kept.listen(lambda trial: heard.append(trial.number))
    assert len(kept.trials) == len(heard) == 3000 and calls(lambda: Ledger(folder)) < 20 * 3000
    assert calls(lambda: kept.finish_study("done", None)) < 500 and len(heard) == 3000


def test_a_listing_reads_few_events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the trials that matter most, and says so; every trial has its line."""
    study, asked = Reader(laid_out(tmp_path / "study", 3000)), []
    monkeypatch.setattr(Reader, "notes", lambda self, trial: asked.append(trial.number) or ())
    told = text.whole(study)
    assert len(asked) <= text.NOTED and {0, 2999} <= set(asked)
    assert f"is told of {text.NOTED} of the trials." in told
    assert sum(" sweep    " in line for line in told.splitlines()) == 2998
