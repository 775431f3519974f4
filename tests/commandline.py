"""The command line in a test: called in this process or in one of its own, and what a refusal looks like."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from intern import __main__
from intern.config import schema
from intern.records import Score, Trial
from intern.study.ledger import Ledger
from intern.trial.job import Result

SECRET = "ThisIsNoRealKey"
BASE = Trial(0, "baseline", "COMPLETE", scores=(Score("arithmetic", "dev", "exact_match", 0.25, 0.02, 400),))


@dataclass
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The command line in this process and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setenv("SECRET", SECRET)

    def call(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["intern", *words])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, *capsys.readouterr())

    return call


def refused(ended: Ended, *parts: str, short: bool = True) -> None:
    """Status 2, nothing on stdout, and a message that has these parts, no traceback and no secret."""
    assert ended.status == 2 and not ended.out, ended
    assert ended.err.startswith(("intern: ", "refused:")) and "Traceback" not in ended.err, ended.err
    assert SECRET not in ended.err and "Error merging" not in ended.err and "Error executing" not in ended.err
    assert len(ended.err) < 1500 or not short
    for part in parts:
        assert part in ended.err, ended.err


def shell(*words: str, cwd: Path = schema.ROOT, **env: str) -> subprocess.CompletedProcess[str]:
    """`python -m intern` in a process of its own."""
    command = [sys.executable, "-m", "intern", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, env={**os.environ, **env})


def written(study: Path, *trials: Trial) -> Ledger:
    """A study's ledger with these trials, whose results are in it."""
    study.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(study)
    for trial in trials:
        ledger.propose(Trial(trial.number, trial.kind, "RUNNING", recipe=trial.recipe, overrides=trial.overrides))
        ledger.finish(trial.number, Result(trial.state, scores=trial.scores, reason=trial.reason))
    return ledger
