"""Want of memory: a stage that is killed for it, or meets it, says nothing of its config. It is tried again and costs
no trial; a study that meets it again and again ends with one line, and goes on once there is memory."""

import os
from pathlib import Path

import pytest
from conftest import HERE, scope

from intern import files
from intern.cli.study import nothing_ran
from intern.config import choices
from intern.config.library import Library
from intern.errors import UserError
from intern.study import decide
from intern.study import run as studies
from intern.study.reader import Reader

STAGE = '''\
"""Rows as they are, for whom there is memory."""

import os
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

VERSION, USES, MAKES = 1, ("rows",), "rows"


@dataclass
class Settings:
    """Nothing can be set."""


def run(task):
    want = Path("want")
    if want.exists() and want.read_text() == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if want.exists() and want.read_text() == "torch":
        import torch

        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
    if want.exists():
        raise MemoryError
    shutil.copy2(task.rows, task.out / "rows.jsonl")
'''
RECIPE = """\
summary: a hungry stage
stages: [data, hungry, sft]
data: {rows: 20}
sft: {max_steps: 1, max_length: 64, learning_rate: 1e-9, activation_checkpointing: false}
tunable: {sft.learning_rate: {low: 1e-9, high: 1e-8, log: true}}
"""
WORDS = ("goal=arithmetic", "recipe=hungry.yaml", "proposer.confirm=false", "compute.threads=1")
SMALL = ("goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0", "budget.trials=1")


@pytest.fixture
def place(tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a stage that may want memory."""
    (tmp_path / "mine" / "stages").mkdir(parents=True)
    (tmp_path / "mine" / "stages" / "hungry.py").write_text(STAGE)
    (tmp_path / "hungry.yaml").write_text(RECIPE)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "mine"))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.chdir(tmp_path)
    choices.register(library)
    return tmp_path


@pytest.mark.parametrize(
    ("want", "reason"),
    [
        ("kill", "hungry: out of memory: it was killed 2 times"),
        ("torch", "hungry: out of memory: OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 GiB"),
    ],
)
def test_again_and_again(place: Path, library: Library, random_model: Path, want: str, reason: str) -> None:
    """Other values are tried, at no cost of budget, and then the study stops; with memory it goes on to its end."""
    (place / "want").write_text(want)
    asked = scope(library, *WORDS, *SMALL, f"model={random_model}", "proposer=random", "study=hungry")
    said = f"memory did not suffice {decide.IN_A_ROW} times in a row: {reason}. See .*log.txt; mend it"
    with pytest.raises(UserError, match=said):
        list(studies.run(asked, library, lambda study, winner: None))
    study = Reader(place / "outputs" / "hungry")
    assert [(t.state, t.reason) for t in study.trials[1:]] == [("FAIL", reason)] * decide.IN_A_ROW
    assert study.history.counted == 0.0 and not study.history.of_recipe(study.trials[1].recipe or "")
    (place / "want").unlink()
    list(studies.run(asked, library, lambda study, winner: None))
    study = Reader(study.folder)
    assert [t.state for t in study.trials[decide.IN_A_ROW + 1 :]] == ["COMPLETE"] and study.history.counted == 1.0


def test_one_config_that_wants_too_much(place: Path, library: Library, random_model: Path) -> None:
    """It is tried twice, then it counts as tried: the study goes on to something else, or ends and says why."""
    (place / "want").write_text("here")
    asked = scope(library, *WORDS, *SMALL, f"model={random_model}", "proposer=fixed", "study=fixed")
    list(studies.run(asked, library, lambda study, winner: None))
    study = Reader(place / "outputs" / "fixed")
    assert [t.state for t in study.trials] == ["COMPLETE", "FAIL", "FAIL"] and study.history.counted == 0.0
    failure = nothing_ran(study, asked)
    assert failure and "the last: hungry: out of memory: MemoryError:." in failure


def test_every_library_s_word_for_it() -> None:
    """Python's, torch's on both sides, the system's; other faults are not it, and it is not a full disk."""
    wrapped = RuntimeError("the trainer gave up")
    wrapped.__cause__ = MemoryError()
    words = (
        *(MemoryError(), wrapped, OSError(12, os.strerror(12))),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:118] DefaultCPUAllocator: can't allocate memory: you tried"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    )
    assert all(files.is_out_of_memory(fault) and not files.is_full(fault) for fault in words)
    for other in (OSError(28, os.strerror(28)), ValueError("no"), KeyError("memory")):
        assert not files.is_out_of_memory(other)
