"""What a coordinator hears of a trial: whether it is being scored, and for how long it has been silent."""

import json
from pathlib import Path

import pytest
from made import recipe_of

from intern.config.schema import Compute, Config, Goal, Model, Proposer
from intern.trial import job as jobs
from intern.trial import reader
from intern.trial.job import Input, Job, Step


@pytest.fixture
def follower(tmp_path: Path) -> reader.Follower:
    """Of a trial that was laid out."""
    base = Input("b", "store", "base")
    steps = (Step("polish", "sft"), Step("score", "score", {"split": "dev", "shots": 0}))
    job = Job(1, 0, steps, base, base, base, str(tmp_path / "store"))
    recipe = recipe_of(stages=["data", "polish"], polish={"stage": "sft", "max_steps": 3})
    model = Model("m", "m", dtype="float32")
    config = Config(Goal("g"), model, recipe, Proposer("fixed"), compute=Compute("local"), study="s")
    jobs.write(tmp_path, job, config)
    return reader.Follower(tmp_path)


def tell(folder: Path, place: int, name: str, stage: str) -> None:
    """Write that a stage has begun."""
    row = {"event": "stage", "time": 0.0, "place": place, "title": name, "name": name, "stage": stage, "out": "x"}
    with (folder / jobs.EVENTS).open("a") as file:
        file.write(json.dumps(row | {"reused": False}) + "\n")


def test_the_score_may_be_late(follower: reader.Follower) -> None:
    """A trial that is being scored is all but done; one in training is not."""
    assert not follower.scoring()
    tell(follower.folder, 0, "polish", "sft")
    follower.progress()
    assert not follower.scoring()
    tell(follower.folder, 1, "score", "score")
    follower.progress()
    assert follower.scoring()


def test_silence(follower: reader.Follower, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counted from the last event; a worker that has not started yet is not silent."""
    now = [100.0]
    monkeypatch.setattr(reader.time, "monotonic", lambda: now[0])
    now[0] = 5000.0
    assert follower.silent() == 0.0
    tell(follower.folder, 0, "polish", "sft")
    follower.progress()
    now[0] = 5700.0
    assert follower.silent() == 700.0
