"""The clock of a study: its hours are those that it took, by a clock that nobody can set, with all that belongs to
it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import HERE
from made import IDLE

from intern.records import Trial
from intern.study import ledger
from intern.study.ledger import Ledger
from intern.trial.job import Result

JUMP = """\
import os, time
now, there = time.time, os.environ["JUMP"]
time.time = lambda: now() + (7200 if os.path.exists(there) else 0)
"""


def test_time_goes_on_where_it_was(tmp_path: Path) -> None:
    """Seconds of every coordinator, those before its first event too, and none between them; of one that wrote nothing
    for a minute that minute is recorded."""
    first = Ledger(tmp_path)
    first.begin(time.monotonic() - 100.0)
    first.start("command", {})
    assert 100 <= first.spent < 101 and first.elapsed() >= first.spent
    first.tick()
    assert Ledger(tmp_path).lines == 1  # nothing to record yet
    again = Ledger(tmp_path)
    assert again.elapsed() == again.spent == first.spent
    again.begin(time.monotonic() - ledger.TICK)
    again.tick()
    assert Ledger(tmp_path).spent == again.spent and 160 <= again.spent < 162


def test_a_ledger_of_before(tmp_path: Path) -> None:
    """Its events say no seconds spent: those of the trials are what is known."""
    kept = Ledger(tmp_path)
    kept.propose(Trial(0, "baseline", "RUNNING"))
    kept.finish(0, Result("COMPLETE", seconds=7.0))
    rows = [json.loads(line) for line in kept.path.read_text().splitlines()]
    assert all(row.pop("spent") == 0.0 for row in rows)
    kept.path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert Ledger(tmp_path).spent == 7.0


@pytest.mark.slow
def test_the_wall_clock_jumps(tmp_path: Path, random_model: Path) -> None:
    """By two hours, back and forth, in every process while a study of three minutes runs: it goes on to its end."""
    (tmp_path / "idle.yaml").write_text(IDLE)
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(JUMP)
    jump = tmp_path / "jump"
    paths = os.pathsep.join([str(tmp_path / "site"), str(HERE)])
    words = ["goal=arithmetic", f"model={random_model}", "recipe=idle.yaml", "study=jump", "proposer=random"]
    words += ["goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0", "compute.threads=1", "budget.trials=2"]
    words += ["budget.hours=0.05", "compute.trial_minutes=3", "proposer.confirm=false"]
    study = subprocess.Popen(
        [sys.executable, "-m", "intern", *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": paths, "JUMP": str(jump)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    while study.poll() is None:
        jump.unlink() if jump.exists() else jump.touch()
        time.sleep(2.0)
    told = study.communicate()[0]
    kept = Ledger(tmp_path / "outputs" / "jump")
    assert study.returncode == 0 and [t.state for t in kept.trials] == ["COMPLETE"] * 3, told
    assert kept.spent < 180
    times = [json.loads(line)["time"] for line in kept.path.read_text().splitlines()]
    assert max(times) - min(times) > 7000, "no process saw the jump"


def test_the_baseline_is_bound(tmp_path: Path, random_model: Path) -> None:
    """It ends with the hours, and it is said what to give more of; the next start says it without a try."""
    words = ["goal=arithmetic", f"model={random_model}", "study=bound", "budget.hours=1e-6"]
    words += ["goal.dev_items=400", "goal.test_items=400", "goal.few_shot=0", "goal.max_new_tokens=256"]
    for said in ("time is up after 0.1 minutes: budget.hours", "the hours of the budget are used. Give more (budget."):
        ended = subprocess.run(
            [sys.executable, "-m", "intern", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(HERE)},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 2 and said in ended.stderr and "Traceback" not in ended.stderr, ended.stderr
        assert len(ended.stderr.splitlines()) == 1
    assert [t.state for t in Ledger(tmp_path / "outputs" / "bound").trials] == ["FAIL"]
