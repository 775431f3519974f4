"""Want of memory in a stage that can do with fewer rows at once: it is tried again with half of them, and the batch,
the output and its name stay what they are."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from test_worker import BATCH, GOAL, TINY, job, settings

from intern import files, hardware
from intern.config import typed
from intern.config.shape import Shape
from intern.config.stages import stage
from intern.data import items
from intern.records import Trial
from intern.report import fmt
from intern.stages import Task
from intern.trial import job as jobs
from intern.trial import produce, worker
from intern.trial.job import Result, Step

STAGE = '''\
"""Rows as they are, for whom there is memory."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

from intern.stages import PARTIAL

VERSION, USES, MAKES = 1, ("rows",), "rows"


@dataclass
class Settings:
    """Rows at once, and those that fit."""

    at_once: int = 8
    fit: int = 2


def halved(settings):
    return replace(settings, at_once=settings.at_once // 2) if settings.at_once > 1 else None


def run(task):
    left = task.out / PARTIAL / "left"
    left.parent.mkdir(exist_ok=True)
    before = left.read_text() if left.exists() else ""
    left.write_text(f"{before}{task.settings.at_once} ")
    if task.settings.at_once > task.settings.fit:
        raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")
    (task.out / "went.txt").write_text(left.read_text())
    shutil.copy2(task.rows, task.out / "rows.jsonl")
'''
Greedy = Callable[[int], Result]


@pytest.fixture
def greedy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Greedy:
    """Runs a trial whose second stage has memory for so many rows at once, in this process."""
    (tmp_path / "mine" / "stages").mkdir(parents=True)
    (tmp_path / "mine" / "stages" / "greedy.py").write_text(STAGE)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "mine"))

    def run(fit: int) -> Result:
        recipe, faults = typed.recipe({"stages": ["data", "greedy"], "data": {"rows": 20}, "greedy": {"fit": fit}})
        assert not faults
        folder = tmp_path / f"trial-{fit}"
        steps = (Step("data", "data"), Step("greedy", "greedy"))
        jobs.write(folder, job(tmp_path, TINY, steps=steps), replace(settings(TINY), recipe=recipe))
        worker.run(folder)
        result = jobs.read_result(folder)
        assert result
        return result

    return run


def test_fewer_rows_at_once(greedy: Greedy, tmp_path: Path) -> None:
    """8, 4 and 2, from what the last attempt has left; the events, the result and the report's line say so."""
    result = greedy(2)
    ran = result.stages[1]
    assert result.state == "COMPLETE" and [run.parts for run in result.stages] == [1, 4]
    assert (tmp_path / "store" / ran.out / "went.txt").read_text() == "8 4 2 "
    events = files.rows(tmp_path / "trial-2" / jobs.EVENTS)
    assert [event["parts"] for event in events if event["event"] == "split"] == [2, 4]
    assert all("greedy: out of memory: " in event["why"] for event in events if event["event"] == "split")
    line = fmt.line(Trial(1, "propose", "COMPLETE", stages=result.stages))
    assert "greedy: 1/4 of the rows at once, for want of memory; the same batch" in line
    assert "memory" not in fmt.line(Trial(1, "propose", "COMPLETE", stages=greedy(8).stages))


def test_killed_for_want_of_memory(greedy: Greedy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the kernel, as its count of such kills tells: it is tried again likewise; others kill for other reasons."""
    kill = "import os, signal; os.kill(os.getpid(), signal.SIGKILL)"
    place = tmp_path / "mine" / "stages" / "greedy.py"
    place.write_text(STAGE.replace('raise RuntimeError("CUDA out of memory. Tried to allocate 20.00 GiB")', kill))
    monkeypatch.setenv("INTERN_PLUGINS", f"{tmp_path / 'mine'}{':' * 3}")  # read anew
    counts = tmp_path / "vmstat"
    counts.write_text("oom_kill 7\n")
    monkeypatch.setattr(hardware, "EVENTS", counts)
    with pytest.raises(SystemExit):  # the worker's, for a second attempt
        greedy(4)
    monkeypatch.setattr(hardware, "kills", count(1).__next__)
    result = greedy(2)
    assert result.state == "COMPLETE" and result.stages[1].parts == 4


def test_at_one_row_it_fails(greedy: Greedy, tmp_path: Path) -> None:
    """As it did before, with its half-made folder removed."""
    result = greedy(0)
    assert result.state == "FAIL" and files.for_want_of_memory(result.reason)
    events = files.rows(tmp_path / "trial-0" / jobs.EVENTS)
    assert [event["parts"] for event in events if event["event"] == "split"] == [2, 4, 8]
    assert not list((tmp_path / "trial-0").glob("*.part"))


def test_other_faults_are_not_tried_again(greedy: Greedy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that is wrong is wrong with fewer rows too."""
    place = tmp_path / "mine" / "stages" / "greedy.py"
    place.write_text(STAGE.replace("CUDA out of memory", "CUDA error"))
    monkeypatch.setenv("INTERN_PLUGINS", f"{tmp_path / 'mine'}{':' * 2}")  # read anew
    result = greedy(3)
    assert result.state == "FAIL" and "CUDA error" in str(result.reason)


@pytest.mark.parametrize(("free", "parts"), [(1e15, 1), (1.1e9, 8)])
def test_what_is_foreseen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: float, parts: int) -> None:
    """A training starts with as few rows at once as the free memory demands; where there is enough nothing changes."""
    rows = tmp_path / "rows.jsonl"
    items.write(rows, items.take(items.generated(GOAL, "train", 0), 20))
    config = settings(TINY)
    config.model.shape = Shape(8, 512, 8, 8, 64, 2048, 50_000)
    own = replace(config.recipe.sft, max_length=512, per_device_train_batch_size=8)  # type: ignore[attr-defined]
    task = Task("sft", own, config, str(TINY), str(TINY), rows, tmp_path, 0, tmp_path / "out")
    monkeypatch.setattr(produce, "device", lambda: (False, free))
    chosen, split = produce.foreseen(stage("sft"), task)
    settings_ = chosen.settings
    assert split == parts and settings_.per_device_train_batch_size == 8 // parts
    assert settings_.per_device_train_batch_size * (settings_.gradient_accumulation_steps or 1) == 8


def weights(kind: str, own: Any, config: Any, folder: Path) -> dict[str, Any]:
    """The weights that a stage makes with some settings."""
    from safetensors.torch import load_file

    rows = folder / "rows.jsonl"
    out = folder / f"{kind}-{own.per_device_train_batch_size}"
    out.mkdir(parents=True)
    stage(kind).run(Task(kind, own, config, str(TINY), str(TINY), rows, folder, 0, out))
    loaded: dict[str, Any] = load_file(out / "model.safetensors")
    return loaded


@pytest.mark.parametrize(
    ("kind", "more"),
    [("sft", {"max_length": 64}), ("grpo", {"num_generations": 4, "max_completion_length": 32, "beta": 0.1})],
)
def test_the_same_is_learnt(tmp_path: Path, kind: str, more: dict[str, Any]) -> None:
    """Two steps with a quarter of the rows at once lead to the same weights up to rounding, and away from the base."""
    from safetensors.torch import load_file

    config = replace(settings(TINY), diagnose=False)
    items.write(tmp_path / "rows.jsonl", items.take(items.generated(GOAL, "train", 0), 40))
    described = stage(kind)
    whole = described.settings(**{**BATCH, "per_device_train_batch_size": 8, "learning_rate": 1e-3, **more})
    quarter = described.halved(described.halved(whole))
    assert quarter.per_device_train_batch_size == 2 and quarter.gradient_accumulation_steps == 4
    before, one, other = load_file(TINY / "model.safetensors"), *(
        weights(kind, own, config, tmp_path) for own in (whole, quarter)
    )
    moved, apart = (
        sum(float((one[name] - there[name]).square().sum()) for name in one) ** 0.5 for there in (before, other)
    )
    assert moved > 0.1 and apart < 0.02 * moved
