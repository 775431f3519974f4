"""What a stage must do."""

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from intern.config import contract, stages, typed
from intern.config.schema import Compute, Config, Goal, Model
from intern.data import items, splits
from intern.stages import Task
from intern.trial.key import select

GOAL = Goal("sums", generator="arithmetic", dev_items=4, test_items=4, few_shot=1, max_new_tokens=8)
QUICK = {  # what a training stage takes of this is set, so that it is short
    "max_steps": 2,
    "rows": 40,
    "per_device_train_batch_size": 4,
    "num_generations": 2,
    "max_length": 64,
    "max_completion_length": 8,
    "keep": "prompts",  # of what samples: a model that was not trained has nothing right
    "logging_steps": 1,
    "activation_checkpointing": False,
}


def check(name: str, folder: Path, model: Path) -> None:
    """It says all that others need to know of it, and makes what it says."""
    stage = stages.stage(name)
    settings = stage.settings()
    assert {f.name for f in fields(settings)} >= set(stage.defaults) | set(stage.lengths)
    assert contract.leaves(stage.settings) is not None
    assert set(stage.needs) <= set(stage.uses) <= {"model", "rows", "seed"}
    config = config_of(name, model)
    for path in stage.reads:
        select(config, path)  # raises AttributeError if the config has no such path
    assert stage.malformed(settings) == [] and isinstance(stage.faults(settings, config), list)
    assert all(len(pair) == 2 for pair in stage.plugins(settings, config))
    work, smaller = stage.cost(settings, config, 100).training, stage.halved(settings)
    if work and smaller:
        split = stage.cost(smaller, config, 100).training
        assert split and (split.batch, split.steps, 2 * split.at_once) == (work.batch, work.steps, work.at_once)
    if stage.lengths:
        whole = replace(settings, max_steps=100)
        assert stage.shortened(whole, 0.3).max_steps == 30 and stage.shortened(whole, 1.0) == whole
    made = run(name, folder, model)
    wanted = {"rows": "rows.jsonl", "model": "config.json", "score": "scores.json", "export": "config.json"}
    assert (made / wanted[stage.makes]).exists()
    if stage.makes == "rows":
        assert all({"question", "answer", "target", "key"} <= row.keys() for row in items.read(made / "rows.jsonl"))
    logged = {key for row in items.read(made / "metrics.jsonl") for key in row} if stage.curves else set()
    assert not stage.curves or logged & set(stage.curves), "none of its curves is ever logged"


def config_of(name: str, model: Path) -> Config:
    """A config whose recipe has this stage alone, short."""
    stage = stages.stage(name)
    named = [name] if stage.makes in ("rows", "model") else []
    quick = {f.name: QUICK[f.name] for f in fields(stage.settings) if f.name in QUICK}
    recipe, faults = typed.recipe({"stages": named, name: quick} if named else {"stages": ["data"]})
    assert not faults
    base = Model("local", str(model), dtype="float32", eos_token="<|im_end|>", context=512)
    return Config(GOAL, base, recipe, compute=Compute("local", checkpoint_minutes=0, look_share=1e6))


def run(name: str, folder: Path, model: Path) -> Path:
    """Run the stage by itself on forty sums; return its output."""
    splits.materialise(GOAL, folder / "items")
    rows = folder / "rows.jsonl"
    items.write(rows, items.take(items.generated(GOAL, "train", 0), 40))
    out = folder / "out"
    out.mkdir()
    config = config_of(name, model)
    own: Any = getattr(config.recipe, name, None) or stages.stage(name).settings()
    task = Task(name, own, config, str(model), str(model), rows, folder / "items", 0, out)
    stages.stage(name).run(task)
    return out
