"""The worker: every stage once and never again, failures as data, and a collapse that ends in a remedy."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest

from intern import plugins
from intern.config import library
from intern.config.schema import ROOT, Compute, Config, Data, Goal, Grpo, Model, Proposer, Recipe, Sft
from intern.data import items
from intern.stages import Step
from intern.study import ledger
from intern.trial import worker

TINY = ROOT / "intern" / "models" / "tiny"
GOAL = Goal("sums", generator="arithmetic", dev_items=12, test_items=12, few_shot=2, max_new_tokens=8)
STEPS = (Step("data"), Step("sft"), Step("grpo"), Step("score", "dev"))
BATCH = {"max_steps": 2, "per_device_train_batch_size": 4, "logging_steps": 1, "activation_checkpointing": False}
COLLAPSE = """\
summary: GRPO with an absurd learning rate
stages: [data, grpo]
data: {rows: 100}
grpo: {learning_rate: 3e-2, max_steps: 40, per_device_train_batch_size: 16, num_generations: 4,
       max_completion_length: 32, logging_steps: 1, activation_checkpointing: false}
rewards: {goal: 1.0}
tunable: {grpo.learning_rate: {low: 1e-5, high: 1e-1, log: true}}
"""
BROKEN = """\
summary: a column that the data set has not
stages: [data, sft]
data: {mix: [{hub: some/set, columns: {question: asked, answer: a}}]}
sft: {max_steps: 1, max_length: 64}
"""


@pytest.fixture(scope="module")
def launcher() -> Iterator[object]:
    """Trials as processes of their own, forked from one warm server."""
    from intern.launchers import local

    opened = local.open(Compute("local", threads=1))
    yield opened
    opened.close()


def job(model: Path, **changes: object) -> worker.Job:
    """A job of all four stages."""
    return replace(worker.Job(1, 0, STEPS, str(model), "model", "items"), **changes)


def settings(model: Path, **grpo: object) -> Config:
    """A config of short stages."""
    recipe = Recipe(
        data=Data(rows=20),
        sft=Sft(max_length=64, **BATCH),
        grpo=Grpo(num_generations=2, max_completion_length=8, **BATCH, **grpo),
    )
    model_ = Model("local", str(model), dtype="float32", eos_token="<|im_end|>", context=512)
    return Config(GOAL, model_, recipe, Proposer("fixed"), compute=Compute("local"), study="worker")


Trial = Callable[[int, worker.Job, Config], dict]


@pytest.fixture
def trial(tmp_path: Path, launcher: object) -> Trial:
    """Runs a job in a process of its own; returns its result."""
    items.materialise(GOAL, tmp_path / "items")

    def run(number: int, asked: worker.Job, config: Config) -> dict:
        folder = tmp_path / "trials" / f"{number:03d}"
        worker.write_job(folder, asked, config)
        running = launcher.start(folder)
        while running.exit_status() is None:
            time.sleep(0.02)
        return json.loads((folder / "result.json").read_text())

    return run


def test_a_job_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Every value and nothing else: defaults of mappings must not join what the config says."""
    config = settings(TINY)
    config.recipe.rewards = {"answer_line": 1.0}
    worker.write_job(tmp_path / "1", job(TINY), config)
    assert worker.read_job(tmp_path / "1") == (job(TINY), config)


def inodes(study: Path) -> dict[str, int]:
    """Every stage output, with the inode that its making gave it."""
    return {path.name: path.stat().st_ino for path in (study / "stages").iterdir()}


def test_nothing_is_run_twice(tmp_path: Path, random_model: Path, trial: Trial) -> None:
    """The same job is all reuse; another grpo value makes grpo and its score anew and keeps data and sft."""
    first = trial(1, job(random_model), settings(random_model))
    assert first["state"] == "COMPLETE" and [s["n"] for s in first["scores"]] == [12]
    made = inodes(tmp_path)
    assert len(made) == 4 and not any(row["reused"] for row in first["stages"])
    again = trial(2, job(random_model), settings(random_model))
    assert all(row["reused"] for row in again["stages"]) and inodes(tmp_path) == made
    assert again["scores"] == first["scores"]
    other = trial(3, job(random_model), settings(random_model, beta=0.1))
    assert [row["reused"] for row in other["stages"]] == [True, True, False, False]
    assert len(inodes(tmp_path)) == 6 and made.items() <= inodes(tmp_path).items()
    links = [(tmp_path / "trials" / "003" / f"{i}-{step.stage}").resolve().name for i, step in enumerate(STEPS)]
    assert links == [row["out"] for row in other["stages"]]
    written = [path for out in (tmp_path / "stages").iterdir() for path in out.rglob("*")]
    assert not [path for path in written if path.suffix in (".bin", ".pt", ".pth", ".tmp") or path.name == "partial"]


def test_a_key_names_all_that_decides_an_output(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed, items, inputs, config, VERSION and library versions change it; what a stage does not read does not."""
    config, asked = settings(TINY), job(TINY)

    def key(stage: str, config: Config = config, job: worker.Job = asked, model: str = "m", rows: str = "r") -> str:
        return worker.stage_key(Step(stage), module(stage), config, job, model, rows)

    other_rate, other_rows = settings(TINY, learning_rate=1e-2), settings(TINY)
    other_rows.recipe.data.rows = 21
    quick = replace(config, compute=Compute("local", threads=7), seed=5)
    for stage in ("data", "synthetic", "sft", "grpo", "score"):
        assert key(stage) == key(stage, quick)
        assert key(stage) != key(stage, job=replace(asked, items_hash="other"))
        assert (key(stage) != key(stage, job=replace(asked, seed=1))) == ("seed" in module(stage).USES)
        assert (key(stage) != key(stage, model="n")) == ("model" in module(stage).USES)
        assert (key(stage) != key(stage, rows="s")) == ("rows" in module(stage).USES)
        assert (key(stage) != key(stage, other_rate)) == (stage == "grpo")
        assert (key(stage) != key(stage, other_rows)) == (stage == "data")
        with monkeypatch.context() as patched:
            before = key(stage)
            patched.setattr(module(stage), "VERSION", -1)
            assert key(stage) != before
        with monkeypatch.context() as patched:
            patched.setattr(worker.metadata, "version", lambda name: "0")
            assert key(stage) != before
    scores = {worker.stage_key(step, module("score"), config, asked, "m", "") for step in
              (Step("score", "dev"), Step("score", "test"), Step("score", "dev", 2))}  # fmt: skip
    assert len(scores) == 3


def module(stage: str) -> ModuleType:
    """A stage's module."""
    return plugins.load("stages", stage)


def test_a_stage_that_raises_fails_its_trial(tmp_path: Path, random_model: Path, trial: Trial) -> None:
    """One line of reason, the traceback in the log, nothing published; what had ended before stays."""
    config = settings(random_model, loss_type="nonsense")
    result = trial(1, job(random_model), config)
    assert result["state"] == "FAIL" and result["reason"].startswith("grpo: ") and "nonsense" in result["reason"]
    assert "\n" not in result["reason"] and result["scores"] == []
    assert "Traceback" in (tmp_path / "trials" / "001" / "log.txt").read_text()
    assert [row["stage"] for row in result["stages"]] == ["data", "sft"]
    assert not [name for name in inodes(tmp_path) if name.startswith("grpo") and not name.endswith(".tmp")]


@pytest.mark.usefixtures("composing")
def test_a_study_goes_on_after_a_failure_and_mends_a_collapse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The broken recipe FAILs, the collapsing one is PRUNED without weights, and its remedy is the next trial."""
    from hydra import compose
    from rich.console import Console

    from intern import __main__
    from intern.config import gate
    from intern.study import loop

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mirror" / "some" / "set"
    folder.mkdir(parents=True)
    items.write(folder / "train.jsonl", [{"q": "Which?", "a": "1"}])
    for name, text in (("broken", BROKEN), ("collapse", COLLAPSE)):
        (tmp_path / f"{name}.yaml").write_text(text)
    names = tuple(library.adopt(tmp_path / f"{name}.yaml") for name in ("broken", "collapse"))
    words = (
        *("goal=arithmetic", "model=tiny", "goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0"),
        *("study=mends", "budget.trials=1", "proposer.confirm=false", "compute.threads=1"),
        f"compute.mirror={folder.parents[1]}",
    )  # fmt: skip
    config = __main__.typed(compose("config", list(words)))
    assert loop.run(config, gate.Scene(words, names), Console(file=StringIO())) == 0
    baseline, broken, collapsed, mended = ledger.trials(tmp_path / "outputs" / "mends")  # three cheap ones fit into one
    assert baseline.state == "COMPLETE"
    assert (broken.recipe, broken.state) == ("file/broken", "FAIL")
    assert broken.reason == "data: some/set has no column asked; it has q, a."
    assert (collapsed.recipe, collapsed.state, collapsed.scores) == ("file/collapse", "PRUNED", ())
    found = collapsed.diagnosis
    assert found and found.rule in ("reward_collapse", "divergence", "decline", "format_problem")
    assert found.step < 12 and len(found.remedies) == 2
    out = tmp_path / "outputs" / "mends" / "stages" / collapsed.stages[-1]["out"]
    assert {path.name for path in out.iterdir()} == {"metrics.jsonl", "diagnosis.json"}
    rows = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    steps = [row for row in rows if "reward" in row]
    assert [row["step"] for row in steps] == list(range(1, len(steps) + 1)) and rows[-1]["step"] == found.step
    assert "rewards/exact_answer/mean" in steps[0] and "rewards/answer_line/mean" not in steps[0]
    assert (mended.parent, mended.recipe) == (collapsed.number, collapsed.recipe)
    assert mended.overrides == found.remedies[0] == ("recipe.grpo.learning_rate=0.003",)
    assert mended.stages[0]["reused"] and mended.stages[0]["out"] == collapsed.stages[0]["out"]
    assert mended.state in ("COMPLETE", "PRUNED")
