"""The worker: every stage once and never again, failures as data, a trial folder that is the whole job."""

import json
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE, until

from intern import files, plugins
from intern.config import schema, typed
from intern.config.schema import Compute, Config, Goal, Model, Proposer
from intern.config.stages import stage
from intern.data import splits
from intern.errors import UserError
from intern.trial import job as jobs
from intern.trial import key as keys
from intern.trial import reader, store
from intern.trial.job import Input, Job, Result, Step
from intern.trial.key import key

TINY = schema.ROOT / "intern" / "models" / "tiny"
GOAL = Goal("sums", generator="arithmetic", dev_items=12, test_items=12, few_shot=2, max_new_tokens=8)
DEV = Step("score", "score", {"split": "dev", "shots": 0})
STEPS = (Step("data", "data"), Step("sft", "sft"), Step("grpo", "grpo"), DEV)
BATCH = {"max_steps": 2, "per_device_train_batch_size": 4, "logging_steps": 1, "activation_checkpointing": False}


@pytest.fixture(scope="module")
def launcher() -> Iterator[Any]:
    """Trials as processes of their own, forked from one warm server."""
    from intern.launchers import local

    opened = local.Local(warm=True, threads=1)
    yield opened
    opened.close()


def job(folder: Path, model: Path, **changes: object) -> Job:
    """A job of all four stages whose inputs lie in the store of a folder."""
    kept = store.LocalStore(folder / "store")
    kept.link(f"base-{model.name}", model)
    if not kept.has("items-x"):
        splits.materialise(GOAL, folder / "items")
        kept.put("items-x", folder / "items")
    base = Input(model.name, "store", f"base-{model.name}")
    made = Job(1, 0, STEPS, base, base, Input("x", "store", "items-x"), str(kept.root))
    return replace(made, **changes)  # type: ignore[arg-type]


def settings(model: Path, data: dict[str, Any] | None = None, **grpo: object) -> Config:
    """A config of short stages."""
    tree = {
        "stages": ["data", "sft", "grpo"],
        "data": {"rows": 20, **(data or {})},
        "sft": {"max_length": 64, **BATCH},
        "grpo": {"num_generations": 2, "max_completion_length": 8, **BATCH, **grpo},
    }
    recipe, faults = typed.recipe(tree)
    assert not faults
    base = Model("local", str(model), dtype="float32", eos_token="<|im_end|>", context=512)
    return Config(GOAL, base, recipe, Proposer("fixed"), compute=Compute("local"), study="worker")


Run = Callable[[int, Job, Config], Result]


@pytest.fixture
def run(tmp_path: Path, launcher: Any) -> Run:
    """Runs a job in a process of its own; returns its result."""

    def run(number: int, asked: Job, config: Config) -> Result:
        folder = tmp_path / "trials" / f"{number:03d}"
        jobs.write(folder, asked, config)
        return finished(launcher, folder)

    return run


def finished(launcher: Any, folder: Path) -> Result:
    """Run a laid-out folder to its end."""
    handle = launcher.submit(folder, folder.name)
    while launcher.state(handle) == "running":
        time.sleep(0.02)
    result = jobs.read_result(folder)
    assert result, (folder / "log.txt").read_text()
    return result


def test_a_job_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Every value and nothing else; no place of this machine but the store's."""
    config = settings(TINY)
    config.recipe.rewards = {"answer_line": 1.0}
    asked = job(tmp_path, TINY)
    jobs.write(tmp_path / "1", asked, config)
    assert jobs.read(tmp_path / "1") == asked
    back = jobs.read_config(tmp_path / "1")
    assert back.compute.warm is True  # type: ignore[attr-defined]  # the launcher's own setting
    assert replace(back, compute=config.compute) == replace(config, model=replace(config.model, path="tiny"))
    text = (tmp_path / "1" / "config.yaml").read_text()
    assert str(schema.ROOT) not in text and str(tmp_path) not in text and ".." not in text


def test_a_job_of_another_format_is_refused(tmp_path: Path) -> None:
    """One line that says which, and what to do."""
    jobs.write(tmp_path, job(tmp_path, TINY), settings(TINY))
    raw = json.loads((tmp_path / "job.json").read_text())
    (tmp_path / "job.json").write_text(json.dumps({**raw, "format": 99}))
    with pytest.raises(UserError, match="has format 99, and this version of intern reads 1"):
        jobs.read(tmp_path)


def inodes(folder: Path) -> dict[str, int]:
    """Every stage output in the store, with the inode that its making gave it."""
    made = (path for path in (folder / "store").iterdir() if not path.name.startswith((".", "base-", "items-")))
    return {path.name: path.stat().st_ino for path in made}


def test_nothing_is_run_twice(tmp_path: Path, random_model: Path, run: Run) -> None:
    """The same job is all reuse; another grpo value makes grpo and its score anew and keeps data and sft."""
    asked = job(tmp_path, random_model)
    first = run(1, asked, settings(random_model))
    assert first.state == "COMPLETE" and [s.n for s in first.scores] == [12]
    made = inodes(tmp_path)
    assert len(made) == 4 and not any(ran.reused for ran in first.stages)
    again = run(2, asked, settings(random_model))
    assert all(ran.reused for ran in again.stages) and inodes(tmp_path) == made
    assert again.scores == first.scores
    other = run(3, asked, settings(random_model, beta=0.1))
    assert [ran.reused for ran in other.stages] == [True, True, False, False]
    assert len(inodes(tmp_path)) == 6 and made.items() <= inodes(tmp_path).items()
    assert all(ran.out in inodes(tmp_path) for ran in other.stages)
    written = [path for out in inodes(tmp_path) for path in (tmp_path / "store" / out).rglob("*")]
    assert not [path for path in written if path.suffix in (".bin", ".pt", ".pth", ".tmp") or path.name == "partial"]
    for number in (1, 2, 3):  # the trial's folder has what a report needs, reused or not
        folder = tmp_path / "trials" / f"{number:03d}"
        assert len(files.rows(folder / "3-score" / "samples.jsonl")) == 12
        assert files.rows(folder / "1-sft" / "metrics.jsonl") == reader.metrics(folder, reader.begun(folder)[1])
        assert not list(folder.glob("*.part"))


def test_a_trial_folder_is_the_whole_job(tmp_path: Path, random_model: Path, launcher: Any) -> None:
    """Moved to another place and run there by itself, it comes to the same scores and needs nothing around it."""
    jobs.write(tmp_path / "study" / "trials" / "001", job(tmp_path, random_model), settings(random_model))
    here = finished(launcher, tmp_path / "study" / "trials" / "001")
    jobs.write(tmp_path / "elsewhere", job(tmp_path, random_model), settings(random_model))
    shutil.move(tmp_path / "elsewhere", tmp_path / "node" / "scratch")
    shutil.copytree(tmp_path / "store", tmp_path / "other", symlinks=True)
    for made in inodes(tmp_path):
        shutil.rmtree(tmp_path / "other" / made)
    jobs.rewrite(tmp_path / "node" / "scratch", store=str(tmp_path / "other"))
    there = finished(launcher, tmp_path / "node" / "scratch")
    assert there.scores == here.scores and not any(ran.reused for ran in there.stages)
    assert [ran.out for ran in there.stages] == [ran.out for ran in here.stages]
    assert {path.name for path in (tmp_path / "node").iterdir()} == {"scratch"}


def test_two_workers_make_an_output_once(tmp_path: Path, random_model: Path, launcher: Any) -> None:
    """At the same time, from one store: the second waits for the first and takes what it made."""
    folders = [tmp_path / "trials" / f"{n:03d}" for n in (1, 2)]
    for folder in folders:
        jobs.write(folder, job(tmp_path, random_model), settings(random_model))
    handles = [launcher.submit(folder, folder.name) for folder in folders]
    while any(launcher.state(handle) == "running" for handle in handles):
        time.sleep(0.02)
    results = [jobs.read_result(folder) for folder in folders]
    assert all(results) and results[0].scores == results[1].scores  # type: ignore[union-attr]
    pairs = zip(results[0].stages, results[1].stages, strict=True)  # type: ignore[union-attr]
    assert all(one.out == other.out and one.reused != other.reused for one, other in pairs)


def test_a_training_that_runs_out_of_time_keeps_what_it_has(run: Run, tmp_path: Path, random_model: Path) -> None:
    """It ends with a checkpoint, which is scored, under a name of its own: what goes on from it is not taken for what
    goes on from the whole, and with more time the whole is trained."""
    asked = job(tmp_path, random_model)
    whole = run(1, replace(asked, steps=(*STEPS[:2], DEV)), settings(random_model))
    cut = run(2, replace(asked, minutes=0.0), settings(random_model))
    assert (whole.state, whole.reason, cut.state) == ("COMPLETE", None, "COMPLETE")
    assert cut.reason == "the time was up: grpo was cut at step 1 of 2"
    data, sft, grpo, score = cut.stages  # of a store that has the whole sft already
    assert data.reused and sft.reused and sft.out == whole.stages[1].out
    assert grpo.out.endswith("-cut1") and not score.reused and cut.scores[0].n == 12
    assert run(3, asked, settings(random_model)).stages[2].out == grpo.out.removesuffix("-cut1")
    alone = run(4, replace(asked, minutes=0.0, seed=1), settings(random_model))
    assert [ran.name for ran in alone.stages] == ["data", "sft", "score"]  # what time is left is for the score
    assert alone.stages[1].out.endswith("-cut1")
    assert len(jobs.hash_of("sft", alone.stages[1].out)) == len(jobs.hash_of("sft", sft.out)) + len("-cut1")
    place = store.LocalStore(tmp_path / "store").get(alone.stages[1].out)
    assert (place / "model.safetensors").exists() and not (place / "partial").exists()


def test_a_key_names_all_that_decides_an_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed, items, inputs, config, VERSION, library versions change it; what a stage does not read does not."""
    config, asked = settings(TINY), job(tmp_path, TINY)
    given = {name: getattr(config.recipe, name, None) for name in ("data", "sft", "grpo")}
    given |= {"synthetic": stage("synthetic").settings(), "score": stage("score").settings()}

    def named(name: str, config: Config = config, job: Job = asked, model: str = "m", rows: str = "r") -> str:
        own = getattr(config.recipe, name, None) or given[name]
        return key(stage(name), own, config, job, model, rows)

    other_rate, other_rows = settings(TINY, learning_rate=1e-2), settings(TINY, {"rows": 21})
    quick = replace(config, compute=Compute("local", threads=7), seed=5)
    for name in given:
        assert named(name) == named(name, quick)
        assert named(name) != named(name, job=replace(asked, items=Input("other", "store", "items-x")))
        assert (named(name) != named(name, job=replace(asked, seed=1))) == ("seed" in stage(name).uses)
        assert (named(name) != named(name, model="n")) == ("model" in stage(name).uses)
        assert (named(name) != named(name, rows="s")) == ("rows" in stage(name).uses)
        assert (named(name) != named(name, other_rate)) == (name == "grpo")
        assert (named(name) != named(name, other_rows)) == (name == "data")
        newer = replace(stage(name), version=-1)
        own = getattr(config.recipe, name, None) or given[name]
        assert named(name) != key(newer, own, config, asked, "m", "r")
        with monkeypatch.context() as patched:
            before = named(name)
            patched.setattr(keys, "libraries", lambda: {"torch": "0"})
            assert named(name) != before
    scores = [stage("score").settings(*what) for what in (("dev", 0), ("test", 0), ("dev", 2))]
    assert len({key(stage("score"), own, config, asked, "m", "") for own in scores}) == 3


def test_an_edited_plug_in_makes_its_outputs_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The code of scorer, rewards, rules, generator and source is part of the key; comments and docstrings are not,
    nor is a plug-in that the stage does not call."""
    mine = tmp_path / "mine"
    (mine / "rewards").mkdir(parents=True)
    (mine / "diagnosis").mkdir()
    scorer, rule = mine / "rewards" / "strict.py", mine / "diagnosis" / "wary.py"
    code = '"""Doc."""\n\n\ndef outcome(text, row):\n    """Judge."""\n    return 1.0  # so\n'
    scorer.write_text(code)
    rule.write_text("def check(run):\n    return None\n")
    (mine / "rewards" / "unused.py").write_text(code)
    monkeypatch.setenv("INTERN_PLUGINS", str(mine))
    config, asked = settings(TINY), job(tmp_path, TINY)
    config.goal = replace(config.goal, scorer="strict")

    def named() -> dict[str, str]:
        own = {name: getattr(config.recipe, name) for name in ("data", "sft", "grpo")}
        own["score"] = stage("score").settings()
        return {name: key(stage(name), value, config, asked, "m", "r") for name, value in own.items()}

    first = named()
    scorer.write_text(code.replace("Doc", "Other").replace("# so", "# or so").replace("Judge", "Hm"))
    assert named() == first
    (mine / "rewards" / "unused.py").write_text(code.replace("1.0", "0.0"))
    assert named() == first
    scorer.write_text(code.replace("1.0", "0.5"))
    second = named()
    assert all(second[name] != first[name] for name in first)
    rule.write_text("def check(run):\n    return run and None\n")
    third = named()
    assert {name for name in third if third[name] != second[name]} == {"sft", "grpo"}
    config.diagnose = False
    quiet = named()
    rule.write_text("def check(run):\n    return None\n")
    assert named() == quiet
    assert plugins.source("rewards", "answer_line") != plugins.source("rewards", "exact_answer")


def test_a_stage_that_raises_fails_its_trial(tmp_path: Path, random_model: Path, run: Run) -> None:
    """One line of reason, the traceback in the log, nothing published; what had ended before stays."""
    result = run(1, job(tmp_path, random_model), settings(random_model, use_vllm=True))  # which is not installed
    assert result.state == "FAIL" and result.reason and result.reason.startswith("grpo: ")
    assert "vLLM" in result.reason and "\n" not in result.reason and result.scores == ()
    assert "Traceback" in (tmp_path / "trials" / "001" / "log.txt").read_text()
    assert [ran.stage for ran in result.stages] == ["data", "sft"]
    assert not [name for name in inodes(tmp_path) if name.startswith("grpo")]
    assert not list((tmp_path / "trials" / "001").glob("*.part"))


def test_a_stage_s_child_has_a_thread_pool_of_its_own() -> None:
    """Several threads are the first to use torch in a forked child: without care, one in twenty children fails."""
    import torch

    from intern.trial.child import own_threads

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    torch.ones(500, 500).add(1)  # as a warm server may have used it
    forked = multiprocessing.get_context("fork")
    children = [forked.Process(target=many_first_uses, args=(own_threads,)) for _ in range(60)]
    for child in children:
        child.start()
        child.join()
    torch.set_num_threads(before)
    assert [child.exitcode for child in children] == [0] * len(children)


def many_first_uses(prepare: Callable[[int | None], None]) -> None:
    """Use torch's pool from eight threads at once; exit 1 if one of them found none."""
    import torch

    prepare(2)
    gate, faults = threading.Barrier(8), []

    def use() -> None:
        gate.wait()
        try:
            torch.ones(500, 500).add(1)
        except RuntimeError as fault:
            faults.append(fault)

    threads = [threading.Thread(target=use) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    os._exit(1 if faults else 0)


def test_a_worker_says_that_it_is_alive(tmp_path: Path, random_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start, each stage as it begins and ends, and a heartbeat between."""
    from intern.trial import child, worker

    monkeypatch.setattr(child, "HEARTBEAT", 0.05)
    folder = tmp_path / "trial"
    steps = (Step("data", "data"), Step("synthetic", "synthetic", {"rows": 6000}))
    jobs.write(folder, job(tmp_path, random_model, steps=steps), settings(random_model))
    worker.run(folder)
    told = files.rows(folder / "events.jsonl")
    order = [row["event"] for row in told if row["event"] != "alive"]
    assert order == ["start", "stage", "done", "stage", "done"] and told[0]["attempt"] == 1
    assert sum(row["event"] == "alive" for row in told) >= 2
    assert [row["title"] for row in told if row["event"] == "stage"] == ["data", "synthetic"]


def test_an_earlier_attempt_leaves_no_result(tmp_path: Path, random_model: Path) -> None:
    """A worker whose trial was submitted again meanwhile ends without a word: two must not write one result."""
    from intern.trial import worker

    folder = tmp_path / "trial"
    jobs.write(folder, job(tmp_path, random_model, steps=(Step("data", "data"),)), settings(random_model))
    late = worker.Worker(folder)
    jobs.rewrite(folder, attempt=2)
    with pytest.raises(worker.Superseded):
        list(late.outputs())
    assert not (folder / "result.json").exists() and not [n for n in inodes(tmp_path) if n.startswith("data")]


def test_the_store_keeps_what_it_has(tmp_path: Path) -> None:
    """An entry is taken over whole and once; a later one of its name is dropped, whichever disk it comes from."""
    kept = store.LocalStore(tmp_path / "store")
    for text in ("first", "second"):
        made = tmp_path / text
        made.mkdir()
        (made / "file").write_text(text)
        kept.put("sft-1", made)
        assert not made.exists()
    assert kept.has("sft-1") and not kept.has("sft-2") and (kept.get("sft-1") / "file").read_text() == "first"
    far = Path("/dev/shm")
    if far.is_dir():  # another disk: it is copied
        made = far / f"intern-{tmp_path.name}"
        made.mkdir(exist_ok=True)
        (made / "file").write_text("far")
        kept.put("sft-3", made)
        assert (kept.get("sft-3") / "file").read_text() == "far" and not made.exists()
    assert not list((tmp_path / "store").glob("*.part"))


def test_damage_is_seen(tmp_path: Path) -> None:
    """A changed byte, a file that is gone or was added, lost digests; the next output of its name replaces it."""
    kept = store.LocalStore(tmp_path / "store")

    def put() -> Path:
        made = tmp_path / "made"
        (made / "below").mkdir(parents=True)
        (made / "weights").write_bytes(bytes(range(256)) * 9000)
        (made / "below" / "more").write_text("more")
        return kept.put("sft-1", made)

    def flip(place: Path) -> None:
        with (place / "weights").open("r+b") as file:
            file.seek(1_000_000)
            file.write(b"\xff")

    spoilt: list[tuple[Callable[[Path], object], str]] = [
        (flip, "weights has changed"),
        (lambda place: (place / "below" / "more").unlink(), "below/more is missing"),
        (lambda place: (place / "adapter").write_text("x"), "adapter was added"),
        (lambda place: (place / "digests.json").write_text(""), "it cannot be read: Expecting value"),
        (lambda place: (place / "digests.json").write_text("[]"), "it cannot be read: "),
        (lambda place: (place / "digests.json").unlink(), "it cannot be read: "),
    ]
    for spoil, told in spoilt:
        place = put()
        assert kept.damage("sft-1") is None
        spoil(place)
        assert (kept.damage("sft-1") or "").startswith(told)
    put()
    assert kept.damage("sft-1") is None
    kept.remove("sft-1")
    assert not kept.has("sft-1") and not list(kept.root.iterdir())


def test_a_damaged_output_is_made_again(tmp_path: Path, random_model: Path, run: Run) -> None:
    """Whatever follows it is reused, for the new one is the same to the byte; the log and an event say so."""
    asked = job(tmp_path, random_model)
    first = run(1, asked, settings(random_model))
    kept = store.LocalStore(tmp_path / "store")
    sft, score = first.stages[1].out, first.stages[3].out
    weights = kept.get(sft) / "model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-200] + bytes(200))
    (kept.get(score) / "scores.json").write_text("")
    again = run(2, asked, settings(random_model))
    assert [ran.reused for ran in again.stages] == [True, False, True, False]
    assert again.scores == first.scores and weights.read_bytes() == before
    folder = tmp_path / "trials" / "002"
    told = [row["text"] for row in files.rows(folder / "events.jsonl") if row["event"] == "damaged"]
    assert told == ["model.safetensors has changed", "scores.json has changed"]
    assert f"{sft} in the store is damaged (model.safetensors has changed), and is made again" in (
        folder / "log.txt"
    ).read_text()


def test_an_export_that_is_not_the_trials_model(tmp_path: Path, random_model: Path, run: Run) -> None:
    """It is not scored on test, and the trial says why; one item more or less is let pass, and no score of its own."""
    asked = job(tmp_path, random_model)
    (score,) = run(1, asked, settings(random_model)).scores
    tail = (Step("export", "export"), DEV, Step("score", "score", {"split": "test", "shots": 0}))
    steps = (*STEPS[:3], *tail)
    near = replace(score, value=abs(score.value - 1 / 12))
    good = run(2, replace(asked, steps=steps, expected=(near,)), settings(random_model))
    assert good.state == "COMPLETE" and [s.split for s in good.scores] == ["test"]
    assert [ran.reused for ran in good.stages] == [True] * 3 + [False] * 3
    far = replace(score, value=abs(score.value - 3 / 12))
    bad = run(3, replace(asked, steps=steps, expected=(far,)), settings(random_model))
    assert (bad.state, bad.scores) == ("FAIL", ()) and "test was not touched" in (bad.reason or "")
    assert bad.reason.startswith(f"the export scores {score.value:.4f} on sums (dev), and the trial's checkpoint")
    assert [ran.stage for ran in bad.stages] == ["data", "sft", "grpo", "export"]


def test_a_server_that_hangs_is_done_without(
    tmp_path: Path, random_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trial runs in a fresh interpreter, and so do those after it."""
    from multiprocessing import forkserver

    from intern.launchers import local

    monkeypatch.setattr(local, "ANSWER", 2.0)
    opened = local.Local(warm=True, threads=1)
    server = forkserver._forkserver._forkserver_pid
    os.kill(server, signal.SIGSTOP)
    try:
        folder = tmp_path / "trial"
        jobs.write(folder, job(tmp_path, random_model, steps=(Step("data", "data"),)), settings(random_model))
        assert finished(opened, folder).state == "COMPLETE"
        assert opened.context.get_start_method() == "spawn" and not alive(server)
    finally:
        opened.close()


def test_a_server_dies_with_its_coordinator(tmp_path: Path) -> None:
    """At once, in the midst of its imports."""
    text = "import os, time; from multiprocessing import forkserver; from intern.launchers import local\n"
    text += "local.Local(True, 1); print(forkserver._forkserver._forkserver_pid, flush=True); time.sleep(60)"
    coordinator = subprocess.Popen([sys.executable, "-c", text], stdout=subprocess.PIPE, text=True, cwd=HERE)
    assert coordinator.stdout
    server = int(coordinator.stdout.readline())
    time.sleep(1.0)  # it asks the kernel for it first of all, some imports later
    assert alive(server)
    coordinator.kill()
    coordinator.communicate()
    assert until(lambda: not alive(server), 2.0)


def alive(process: int) -> bool:
    """Whether a process runs."""
    stat = Path("/proc") / str(process) / "stat"
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z"


STILL = """
import time
from dataclasses import dataclass

MAKES = "rows"


@dataclass
class Settings:
    seconds: float = 0.0
    told: bool = False


def run(task):
    until = time.monotonic() + task.settings.seconds
    while time.monotonic() < until:
        time.sleep(0.05)
        if task.settings.told:
            print("still at it", flush=True)
    (task.out / "rows.jsonl").write_text("")
"""


@pytest.mark.parametrize("told", [False, True])
def test_a_stage_that_stands_still(
    tmp_path: Path, random_model: Path, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    """It is ended, and the reason says that it hung; one that logs a line now and then may take its time."""
    from intern.trial import worker

    place = tmp_path / "own" / "stages"
    place.mkdir(parents=True)
    (place / "slow.py").write_text(STILL)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "own"))
    folder = tmp_path / "trial"
    steps = (Step("slow", "slow", {"seconds": 3.0 if told else 60.0, "told": told}),)
    config = settings(random_model)
    config.compute = replace(config.compute, still_minutes=0.02)
    jobs.write(folder, job(tmp_path, random_model, steps=steps), config)
    with (folder / "log.txt").open("w") as log, monkeypatch.context() as now:
        now.setattr(sys, "stdout", log)
        begun = time.monotonic()
        worker.run(folder)
    result = jobs.read_result(folder)
    assert result and time.monotonic() - begun < 30
    if told:
        assert (result.state, result.reason) == ("COMPLETE", None)
    else:
        assert result.state == "FAIL" and not list(folder.glob("*.part"))
        told_why = r"slow: no step, no token and no line of its log in \d+ seconds: it hung"
        assert re.fullmatch(told_why, result.reason or "")


RULE = """
from intern.config.changes import times
from intern.diagnosis import Symptom

REMEDIES = (("learning_rate", times(0.1)), ("max_grad_norm", times(0.1)), ("nothing", times(2)))


def check(run):
    seen = "loss" in run.last and run.last["step"] == {step}
    return Symptom(f"loss is {{run.last['loss']:.0f}}", REMEDIES) if seen else None
"""


@pytest.mark.parametrize("step", [1, 2])
def test_what_a_rule_sees_at_the_last_step_is_noted(
    tmp_path: Path, random_model: Path, monkeypatch: pytest.MonkeyPatch, step: int
) -> None:
    """The finished checkpoint is kept and goes on to what follows; a step earlier the stage is stopped."""
    from intern.trial import worker

    rules = tmp_path / "own" / "diagnosis"
    rules.mkdir(parents=True)
    (rules / "late.py").write_text(RULE.format(step=step))
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "own"))
    folder = tmp_path / "trials" / "001"
    config = settings(random_model)
    config.recipe = replace(config.recipe, tunable={"sft.learning_rate": {"low": 1e-6, "high": 1e-2, "log": True}})
    steps = (Step("data", "data"), Step("sft", "sft"), Step("synthetic", "synthetic", {"rows": 20}))
    jobs.write(folder, job(tmp_path, random_model, steps=steps), config)
    try:
        worker.run(folder)
    finally:
        sys.modules.pop("intern.diagnosis.late", None)
    result = jobs.read_result(folder)
    told = [row for row in files.rows(folder / "events.jsonl") if row["event"] == "symptom"]
    kept = store.LocalStore(tmp_path / "store").get(result.stages[1].out)
    assert (kept / "model.safetensors").exists() == (step == 2)
    if step == 2:
        assert (result.state, result.diagnosis, len(result.stages)) == ("COMPLETE", None, 3)
        assert [(row["rule"], row["place"], row["step"]) for row in told] == [("late", 1, 2)]
        assert told[0]["text"].startswith("loss is ") and told[0]["closed"] == ["sft.max_grad_norm"]
        assert [line.partition("=")[0] for (line,) in told[0]["remedies"]] == ["recipe.sft.learning_rate"]
        return
    assert (result.state, len(result.stages), told) == ("PRUNED", 2, [])
    assert result.diagnosis.closed == ("sft.max_grad_norm",)  # which the report names
