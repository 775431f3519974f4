"""Outputs of stages: how much they take, what of them is needed, and how the rest goes, by hand and by itself."""

import os
import re
import shutil
import time
from dataclasses import replace
from pathlib import Path

import commandline
import pytest
from commandline import Run, refused
from conftest import scope
from made import IDLE

from intern import files
from intern.cli import help
from intern.config import choices
from intern.config.library import Library
from intern.config.schema import Compute
from intern.records import StageRun, Trial, Verdict
from intern.report import page
from intern.study import cache
from intern.study import run as studies
from intern.study.ledger import Ledger
from intern.study.reader import Reader
from intern.trial.job import Result

run = commandline.run  # the fixture
DAY = 86400.0
INPUT = {"hash": "h", "kind": "store", "address": "items-1"}
JOB = {"number": 0, "seed": 0, "steps": [], "model": INPUT, "base": INPUT, "items": INPUT, "store": "", "format": 1}
MADE = (("items-1", 30), ("score-0", 30), ("sft-old", 10), ("sft-best", 20), ("sft-new", 0), ("sft-torn", 40))


def entry(store: Path, name: str, size: int = 1000, days: float = 0.0) -> None:
    """An output of so many bytes that was made so long ago."""
    (store / name).mkdir(parents=True)
    (store / name / "model.safetensors").write_bytes(bytes(size))
    os.utime(store / name, (0, time.time() - days * DAY))


def trial(
    study: Ledger, number: int, *outs: str, kept: bool = False, days: float = 0.0, state: str = "COMPLETE"
) -> None:
    """A trial that ran so long ago, with these outputs of training and one of a score."""
    place = study.study / "trials" / f"{number:03d}"
    place.mkdir(parents=True)
    files.write_whole(place / "job.json", JOB)
    study.propose(Trial(number, "propose" if number else "baseline", "RUNNING", recipe="r" if number else None))
    stages = [*(("sft", out) for out in outs), ("score", f"score-{number}")]
    runs = tuple(StageRun(stage, stage, out, False, 1.0) for stage, out in stages)
    for stage, out in stages:
        begun = {"place": 0, "title": "", "name": stage, "stage": stage, "out": out, "reused": False}
        files.append(place / "events.jsonl", {"event": "stage", **begun})
    if state != "RUNNING":
        study.finish(number, Result(state, stages=runs))
        if number:
            study.judge(number, Verdict("keep" if kept else "discard", 0, 9, 0, 0.01))
    os.utime(place, (0, time.time() - days * DAY))


@pytest.fixture
def study(tmp_path: Path) -> Ledger:
    """A study with a store of its own: the base, a loser of ten days, the incumbent, a loser of today."""
    folder = tmp_path / "outputs" / "one"
    store = folder / "store"
    for name, days in MADE:
        entry(store, name, days=days)
    (store / "base-1").symlink_to(tmp_path)
    kept = Ledger(folder)
    trial(kept, 0, days=30)
    trial(kept, 1, "sft-old", days=10)
    trial(kept, 2, "sft-best", kept=True, days=20)
    trial(kept, 3, "sft-new")
    return kept


def there(store: Path) -> set[str]:
    """The outputs in a store."""
    return {path.name for path in store.iterdir() if not path.name.startswith(".")}


def test_what_is_shown(study: Ledger, run: Run) -> None:
    """Six outputs of a thousand bytes: items, the base's score and the incumbent's weights are needed."""
    ended = run("cache")
    lines = [re.split(r"\s{2,}", line) for line in ended.out.splitlines()]
    assert ended.status == 0 and lines[0] == ["study", "outputs", "needed", "may go", "last used"]
    assert lines[1][:4] == ["one", "0.0 MB", "0.0 MB", "0.0 MB"] and lines[2][0] == "in all"
    (one,) = cache.shelves(study.study.parent)
    assert sum(entry.size for entry in one.entries) == 6000
    assert {entry.name for entry in one.idle} == {"sft-new", "sft-old", "sft-torn"}
    assert run("cache", f"outputs={study.study}").out.splitlines()[1].startswith("in all")


@pytest.mark.parametrize(
    ("words", "gone"),
    [
        (("--older", "7d"), {"sft-old", "sft-torn"}),
        (("--older", "12d"), {"sft-torn"}),
        (("--older", "0m"), {"sft-old", "sft-new", "sft-torn"}),
        (("--cap", "0.005MB"), {"sft-torn"}),
        (("--cap", "0.004MB", "one"), {"sft-torn", "sft-old"}),
        (("--cap", "1GB"), set()),
        (("--cap", "0.001 mb", "--older", "7d"), {"sft-old", "sft-new", "sft-torn"}),
    ],
)
def test_clear(study: Ledger, run: Run, words: tuple[str, ...], gone: set[str]) -> None:
    """By age, by cap, what was used longest ago first; what is needed stays, and it is said if that is too much."""
    store, before = study.study / "store", there(study.study / "store")
    ended = run("cache", "clear", *words)
    assert ended.status == 0 and before - there(store) == gone, ended
    assert ended.out.startswith(f"{len(gone)} outputs have gone")
    assert ("cannot be met" in ended.out) == ("0.001 mb" in words)
    assert not list(store.glob(".*.gone"))


def test_nothing_of_a_study_that_runs(study: Ledger, run: Run) -> None:
    """Whoever holds it."""
    with files.locked(study.study / "lock"):
        assert "it runs" in run("cache").out
        before = there(study.study / "store")
        ended = run("cache", "clear", "--older", "0m")
        assert there(study.study / "store") == before and "one runs: nothing of it was touched." in ended.out
        (one,) = cache.shelves(study.study.parent)
        assert not cache.removed(replace(one, running=False), one.entries[0])  # it began meanwhile


def test_what_is_to_be_judged_or_goes_on_is_needed(study: Ledger) -> None:
    """A trial whose coordinator was killed has begun with its outputs."""
    trial(study, 4, "sft-new", state="RUNNING")
    assert {"sft-new", "sft-best", "score-4"} <= cache.needs(Reader(study.study))
    study.finish_study("done", 1)
    assert "sft-old" in cache.needs(Reader(study.study))


def test_a_store_that_studies_share(study: Ledger, tmp_path: Path, run: Run) -> None:
    """What another one needs stays, wherever that is; and what no study names may be of one that is not known."""
    shared = tmp_path / "outputs" / "shared"
    (study.study / "store").rename(shared)
    other = Ledger(tmp_path / "elsewhere" / "two")
    trial(other, 0)
    trial(other, 1, "sft-new", kept=True)
    cache.register(shared, study.study)
    cache.register(shared, other.study)
    cache.register(shared, other.study)
    assert cache.users(shared) == [str(study.study), str(other.study)]
    for number in range(4):
        files.write_whole(study.study / "trials" / f"{number:03d}" / "job.json", {**JOB, "store": str(shared)})
    assert "shared (one, two)" in run("cache").out
    before = there(shared)
    assert run("cache", "clear", "--older", "0m").status == 0
    assert before - there(shared) == {"sft-old"}
    shutil.rmtree(other.study)
    assert run("cache", "clear", "--older", "0m").status == 0
    assert before - there(shared) == {"sft-old", "sft-new"}


def test_weights_go_by_themselves(study: Ledger) -> None:
    """Above the limit, what no trial has named for longest first; never the incumbent's, nor what a trial under way has
    taken from the store."""
    store = study.study / "store"
    assert cache.Weights(Reader(study.study), store, 3000).trim([]) == []
    assert cache.Weights(Reader(study.study), store, 2000).trim([]) == ["sft-old"]
    reader = Reader(study.study)
    weights = cache.Weights(reader, store, 1500)
    trial(reader.ledger, 4, "sft-new", state="RUNNING")
    assert weights.trim([4]) == [] and there(store) >= {"sft-new", "sft-best"}
    entry(store, "sft-last")
    reader.ledger.finish(4, Result("COMPLETE", stages=(StageRun("sft", "sft", "sft-new", True, 0.0),)))
    trial(reader.ledger, 5, "sft-last")
    reader.ledger.judge(4, Verdict("discard", 2, 0, 9, 0.01))
    trial(reader.ledger, 6, "sft-new")
    assert weights.trim([]) == ["sft-last", "sft-new"]  # 6 named it after 5
    assert there(store) == {"items-1", "base-1", "score-0", "sft-best", "sft-torn"}


def test_a_study_that_keeps_nothing(
    tmp_path: Path, random_model: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its losing trials' weights are gone when it ends, its scores are those of a study that keeps all, and so is its
    report; the incumbent, here the base, has none."""
    monkeypatch.chdir(tmp_path)
    choices.register(library)
    (tmp_path / "idle.yaml").write_text(IDLE)
    words = ("goal=arithmetic", f"model={random_model}", "recipe=idle.yaml", "proposer=random", "goal.few_shot=0")
    words += ("goal.dev_items=12", "goal.test_items=12", "compute.threads=1", "budget.trials=2")
    words += ("proposer.confirm=false",)
    found = {}
    for name, more in (("all", ()), ("none", ("compute.keep_gb=1e-6",))):
        asked = scope(library, *words, *more, f"study={name}")
        list(studies.run(asked, library, lambda study, winner: None))
        found[name] = Reader(tmp_path / "outputs" / name)
    assert [t.scores for t in found["all"].trials] == [t.scores for t in found["none"].trials]
    assert len(list(found["all"].folder.glob("store/sft-*"))) == 2
    assert not list(found["none"].folder.glob("store/sft-*"))
    assert page.write(found["none"].folder).exists()


@pytest.mark.parametrize(
    ("words", "parts"),
    [
        (("clear",), ("--older AGE (7d)", "--cap SIZE (10GB)")),
        (("cler",), ('Unknown action of cache "cler". Did you mean "clear"?',)),
        (("--older", "7d"), ("say what may be cleared: cache clear",)),
        (("clear", "--older", "7"), ('--older: "7" is not a number with a unit', "7d")),
        (("clear", "--cap", "7 days"), ('--cap: "7 days"', "7GB")),
        (("clear", "--cap", "-1GB"), ('--cap: "-1GB"',)),
        (("clear", "--cap", "nanGB"), ('--cap: "nanGB"',)),
        (("clear", "--age", "7d"), ("--age", "--older")),
        (("clear", "two", "--cap", "1GB"), ('Unknown study "two"', "one")),
        (("outputs=a", "outputs=b"), ("given twice",)),
    ],
)
def test_wrong_words(study: Ledger, run: Run, words: tuple[str, ...], parts: tuple[str, ...]) -> None:
    """What was wrong, and what may stand there; nothing goes."""
    before = there(study.study / "store")
    refused(run("cache", *words), *parts)
    assert there(study.study / "store") == before


def test_the_limit_is_stated(run: Run) -> None:
    """In the command's help, as it is; and the command in the help of all."""
    assert f"compute.keep_gb ({Compute('local').keep_gb:g} GB)" in " ".join(run("cache", "--help").out.split())
    assert "intern cache" in help.text()
