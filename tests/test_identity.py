"""A study's folder belongs to one goal, one base model, one set of pins, and the recipes as first used."""

from dataclasses import replace
from pathlib import Path

import pytest

from intern.config import library
from intern.config.gate import Scene
from intern.config.schema import Budget, Config, Goal, Model, Proposer
from intern.errors import UserError
from intern.study import identity

SCENE = Scene(("goal=arithmetic", "recipe.sft.learning_rate=1e-3"), ("generated/sft",))


@pytest.fixture
def config(random_model: Path) -> Config:
    """A small generated goal on the random model."""
    return Config(
        goal=Goal("arithmetic", "arithmetic", dev_items=20, test_items=20),
        model=Model("random", str(random_model), dtype="float32"),
        proposer=Proposer("heuristic"),
    )


def test_the_same_study_again(tmp_path: Path, config: Config) -> None:
    """Budget and proposer may change; the items are written once."""
    first = identity.identify(tmp_path, config, SCENE)
    made = (tmp_path / "items" / "dev.jsonl").stat().st_ino
    changed = replace(config, budget=Budget(99, 99.0), proposer=Proposer("random"))
    assert identity.identify(tmp_path, changed, SCENE) == first
    assert (tmp_path / "items" / "dev.jsonl").stat().st_ino == made


def test_another_goal(tmp_path: Path, config: Config) -> None:
    """Refused, with the key, what it had and what it has."""
    identity.identify(tmp_path, config, SCENE)
    other = replace(config, goal=replace(config.goal, max_new_tokens=7))
    with pytest.raises(UserError, match=r"goal.max_new_tokens: it has 64, now 7(.|\n)*study=NAME"):
        identity.identify(tmp_path, other, SCENE)


def test_other_weights(tmp_path: Path, config: Config) -> None:
    """Refused by content, wherever the folder lies."""
    identity.identify(tmp_path, config, SCENE)
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in Path(config.model.path).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    moved = replace(config, model=replace(config.model, path=str(copy)))
    identity.identify(tmp_path, moved, SCENE)
    (copy / "generation_config.json").write_text("{}")
    with pytest.raises(UserError, match="model_hash"):
        identity.identify(tmp_path, moved, SCENE)


def test_other_pins(tmp_path: Path, config: Config) -> None:
    """Refused, but for proposer=fixed, whose overrides are its trial."""
    identity.identify(tmp_path, config, SCENE)
    other = Scene(("goal=arithmetic", "recipe.sft.learning_rate=2e-3"), SCENE.recipes)
    with pytest.raises(UserError, match="pinned on the command line"):
        identity.identify(tmp_path, config, other)
    identity.identify(tmp_path, replace(config, proposer=Proposer("fixed")), other)


def test_a_changed_recipe(tmp_path: Path, config: Config) -> None:
    """Refused from its first use on."""
    identity.identify(tmp_path, config, SCENE)
    mine = tmp_path / "mine.yaml"
    mine.write_text("stages: [synthetic, sft]\n")
    name = library.adopt(mine)
    identity.freeze(tmp_path, name)
    identity.freeze(tmp_path, name)
    mine.write_text("stages: [synthetic, sft]\nsummary: another\n")
    with pytest.raises(UserError, match="has changed since"):
        identity.freeze(tmp_path, name)
