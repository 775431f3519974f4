"""A training stage that nobody here knows is one file: DPO on the embedded model, between SFT and GRPO, twice under two
names, in the contract, at the gate, shortened, watched, drawn in the report."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import scope

from intern.config import choices, gate, stages
from intern.config.library import Library
from intern.report import page
from intern.study import run as studies
from intern.study.reader import Reader

DPO = '''\
"""Stage dpo: direct preference optimisation with TRL (arXiv:2305.18290); a row's target against another row's."""

from dataclasses import dataclass

from intern.config.schema import tunable
from intern.data import items
from intern.stages import Task, _schedule

USES = ("model", "rows", "seed")
NEEDS = ("rows",)
READS = ("model.dtype", "model.eos_token", "recipe.lora", "diagnose")
MAKES = "model"
KEEPS = ("metrics.jsonl", "diagnosis.json")
PRELOADS = ("trl.trainer.dpo_trainer",)
DEFAULTS = {"learning_rate": 1e-6, "beta": 0.1}
CURVES = {"loss": "loss", "rewards/accuracies": "preferred"}
LENGTHS = _schedule.LENGTHS
shortened = _schedule.shortened


@dataclass
class Settings:
    """Fields of trl.DPOConfig; None means TRL's default."""

    learning_rate: float | None = tunable()
    beta: float | None = tunable()
    max_steps: int | None = tunable()
    num_train_epochs: float | None = tunable()
    per_device_train_batch_size: int | None = tunable()
    max_length: int | None = None
    activation_checkpointing: bool | None = None
    logging_steps: float | None = None


def faults(settings, config):
    longest = settings.max_length or 1024
    return [f"max_length={longest} exceeds model.context={config.model.context}"] * (longest > config.model.context)


def run(task: Task) -> None:
    """Prefer each row's target to that of the next row."""
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    from intern.stages import _trainer, _watch

    rows = items.read(task.rows)
    pairs = [(row, rows[(i + 1) % len(rows)]["target"]) for i, row in enumerate(rows)]
    said = lambda role, text: [{"role": role, "content": text}]
    data = [
        {"prompt": said("user", row["question"]), "chosen": said("assistant", row["target"]),
         "rejected": said("assistant", other)}
        for row, other in pairs if row["target"] != other
    ]
    trainer = DPOTrainer(
        model=task.model,
        args=DPOConfig(**_trainer.arguments(task)),
        train_dataset=Dataset.from_list(data),
        processing_class=_trainer.tokenizer(task),
        peft_config=_trainer.lora(task.config),
    )
    _trainer.fit(trainer, task, _watch.Watch(task, None, 0))
'''
RECIPE = """\
# SFT, then preferences, then rewards, then preferences again.
summary: a stage of a stranger between two of ours
stages: [synthetic, sft, dpo, grpo, polish]
synthetic: {rows: 64}
sft: {max_steps: 2, max_length: 96, per_device_train_batch_size: 8, logging_steps: 1, activation_checkpointing: false}
dpo: {max_steps: 4, max_length: 96, per_device_train_batch_size: 8, logging_steps: 1, activation_checkpointing: false}
grpo: {max_steps: 1, per_device_train_batch_size: 8, num_generations: 4, max_completion_length: 16, logging_steps: 1,
       activation_checkpointing: false}
polish: {stage: dpo, max_steps: 2, max_length: 96, per_device_train_batch_size: 8, logging_steps: 1,
         activation_checkpointing: false}
tunable:
  dpo.learning_rate: {low: 1.0e-7, high: 1.0e-4, log: true}
  polish.beta: [0.05, 0.1, 0.5]
  dpo.max_steps: {low: 2, high: 40}
"""
SMALL = ("goal=arithmetic", "model=tiny", "goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0")
WORDS = (*SMALL, "recipe=dpo.yaml")


@pytest.fixture
def library(tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> Library:
    """The recipes, and a stage in a folder of its own."""
    (tmp_path / "plugins" / "stages").mkdir(parents=True)
    (tmp_path / "plugins" / "stages" / "dpo.py").write_text(DPO)
    (tmp_path / "dpo.yaml").write_text(RECIPE)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.chdir(tmp_path)
    choices.register(library)
    return library


def test_what_others_know_of_it(library: Library) -> None:
    """Contract, gate, order, cheap trials and faults follow from what the file says."""
    asked = scope(library, *WORDS)
    (name,) = asked.recipes
    recipe = asked.recipes[name]
    assert list(recipe.contract) == ["dpo.learning_rate", "polish.beta", "dpo.max_steps"]
    assert stages.training(recipe) == ["sft", "dpo", "grpo", "polish"]
    passed = gate.vet_lines(asked, [f"recipe={name}", "recipe.dpo.learning_rate=1e-5", "recipe.polish.beta=0.5"])
    assert isinstance(passed, gate.Vetted) and passed.config.recipe.value("polish.beta") == 0.5
    assert isinstance(gate.vet_lines(asked, [f"recipe={name}", "recipe.dpo.beta=0.5"]), gate.Rejection)
    assert isinstance(gate.vet_lines(asked, [f"recipe={name}", "recipe.polish.beta=0.2"]), gate.Rejection)
    short = stages.stage("dpo").shortened(recipe.value("dpo"), 0.5)
    assert short.max_steps == 2
    long = replace(asked.config, recipe=replace(recipe, dpo=replace(recipe.value("dpo"), max_length=4096)))
    assert gate.config_faults(long) == ["recipe.dpo.max_length=4096 exceeds model.context=512"]
    with_no_rows = replace(recipe, stages=["dpo"])
    assert "needs rows" in stages.order_faults(with_no_rows)[0]


def test_it_trains_and_is_drawn(library: Library, tmp_path: Path) -> None:
    """A study with it runs to its end; the report has its curves, under each of its names."""
    asked = scope(library, *WORDS, "study=dpo", "proposer=fixed", "recipe.dpo.max_steps=3")
    list(studies.run(asked, library, lambda study, winner: None))
    study = Reader(tmp_path / "outputs" / "dpo")
    trial = study.trials[1]
    assert trial.state == "COMPLETE", (study.place(1) / "log.txt").read_text()
    assert [run.name for run in trial.stages] == ["synthetic", "sft", "dpo", "grpo", "polish", "score"]
    assert [run.stage for run in trial.stages][2::2] == ["dpo", "dpo"] and trial.overrides == {"dpo.max_steps": 3}
    for stage, steps in zip([study.begun(trial)[2], study.begun(trial)[4]], [3, 2], strict=True):
        rows = study.metrics(trial, stage)
        assert [row["step"] for row in rows] == list(range(1, steps + 1))
        assert {row["stage"] for row in rows} == {stage.name}
        assert all("rewards/accuracies" in row for row in rows)
    drawn = page.write(study.folder).read_text()
    assert "preferred" in drawn and json.dumps("dpo") in drawn and json.dumps("polish") in drawn
