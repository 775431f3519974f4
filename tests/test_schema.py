"""The schema against what it names: TRL's fields, and the files of conf/ and recipes/."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest
import yaml
from conftest import skip_without_library

from intern import plugins
from intern.cli.compose import compose
from intern.config import choices, contract, library, schema, typed
from intern.config.choices import GROUPS, options
from intern.config.library import Library
from intern.config.stages import recipe_stages, stage
from intern.stages import _schedule

YAMLS = sorted([*(schema.ROOT / "conf").rglob("*.yaml"), *library.FOLDER.rglob("*.yaml")])
RECIPES = [p.relative_to(library.FOLDER).with_suffix("").as_posix() for p in sorted(library.FOLDER.rglob("*.yaml"))]
CHOICES = [(group, name) for group in GROUPS if group != "recipe" for name in options(group)]


def short(path: Path) -> str:
    """A file as a test's name."""
    return path.relative_to(schema.ROOT).as_posix()


@pytest.mark.parametrize("name", ["sft", "grpo"])
def test_fields_are_trls_own(name: str) -> None:
    """Every field of a stage exists in the installed TRL under that name."""
    from trl import GRPOConfig, SFTConfig

    theirs = {f.name for f in fields({"sft": SFTConfig, "grpo": GRPOConfig}[name])}
    assert {f.name for f in fields(stage(name).settings)} <= theirs


def test_schedulers_are_transformers_own() -> None:
    """All but those that need a loss on held-out rows at each step."""
    from transformers.trainer_utils import SchedulerType

    theirs = {kind.value for kind in SchedulerType} - {"greedy", "reduce_lr_on_plateau"}
    assert set(get_args(_schedule.Scheduler)) == theirs


@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_composes(library: Library, group: str, name: str) -> None:
    """Each option of each group, on the typed schema, with nothing left to resolve but what a person must give."""
    skip_without_library(name)
    words = [f"{group}={name}", "goal.data_dir=/data", *(["model.path=/model"] if name == "local" else [])]
    composed = typed.config(compose(words, library))
    section = getattr(composed, group)
    assert isinstance(composed, schema.Config) and getattr(section, "name", name) == name
    assert not typed.plugin_faults(composed)
    for kind, plugin in (("proposers", composed.proposer.name), ("launchers", composed.compute.launcher)):
        assert plugin in plugins.names(kind)
    assert composed.goal.scorer in plugins.names("rewards")
    assert composed.goal.generator in (None, *plugins.names("generators"))


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_loads(library: Library, name: str) -> None:
    """Each is sound, suits goals or kinds of goal that exist, and is composed as it was written."""
    recipe = library.load(name)
    kinds = {kind for goal in options("goal") for kind in typed.config(compose([f"goal={goal}"], library)).goal.kinds}
    assert recipe.summary and set(recipe.suits) <= kinds.union(options("goal")) and recipe.suits
    assert typed.config(compose([f"recipe={name}"], library)).recipe == recipe


@pytest.mark.parametrize("path", YAMLS, ids=short)
def test_every_yaml_says_what_it_is(path: Path) -> None:
    """A comment above all else, with a command whose choices exist."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = "\n".join(line for n, line in enumerate(lines) if all(x.startswith("#") for x in lines[: n + 1]))
    commands = re.findall(r"python -m intern (.*)", header)
    assert commands and len(header) > 80
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)
    for word in shlex.split(" ".join(commands)):
        key, _, value = word.partition("=")
        if key in GROUPS and not value.isupper():
            assert value in options(key) or (key == "model" and "/" in value), word
        elif "=" in word and key not in GROUPS:
            assert config_key(key), word


def config_key(key: str) -> bool:
    """Whether the schema has the key, or a mapping that may hold it; or a plug-in adds it."""
    return any(f"{key}.".startswith(f"{known}.") for known in keys())


def keys() -> Iterator[str]:
    """Every key of a config, with those that stages and other plug-ins add."""
    yield from (key for key, _ in schema.flat(schema.Config()))
    yield from (f"recipe.{name}.{f.name}" for name in recipe_stages() for f in fields(stage(name).settings))
    for group, kind in choices.PLUGGED.items():
        for name in plugins.names(kind):
            settings = getattr(plugins.load(kind, name), "Settings", None)
            yield from (f"{group}.{f.name}" for f in (fields(settings) if settings else ()))


def test_only_what_a_stage_marks_is_tunable() -> None:
    """Nothing of goal, model, budget, compute or the study; of a recipe the stages' own fields and LoRA's rank."""
    leaves = contract.leaves(schema.Config)
    assert [key for key, (_, tunable) in leaves.items() if tunable] == ["recipe.lora"]
    kinds = typed.recipe_class(tuple((name, name) for name in recipe_stages()))
    opened = {key for key, (_, tunable) in contract.leaves(kinds).items() if tunable}
    assert {"sft.learning_rate", "grpo.beta", "data.rows", "synthetic.style", "lora"} <= opened
    assert {"sft.logging_steps", "grpo.use_vllm", "data.mix", "rewards", "stages", "tunable", "name"}.isdisjoint(opened)
