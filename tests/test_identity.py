"""A study's folder belongs to one goal, one base model, one set of pins, and the recipes as first used."""

from dataclasses import replace
from pathlib import Path

import pytest

from intern.config.gate import Scope
from intern.config.library import Library
from intern.config.schema import Budget, Config, Goal, Model, Proposer
from intern.errors import UserError
from intern.overrides import Overrides
from intern.study import identity
from intern.study.identity import Inputs
from intern.trial.store import LocalStore

PINS = {"generated/sft": Overrides({"sft.learning_rate": 1e-3})}


def identify(folder: Path, config: Config, pins: dict[str, Overrides] = PINS) -> Inputs:
    """Identify a study of one recipe."""
    return identity.identify(folder, Scope(config, {}, pins), LocalStore(folder / "store"))


@pytest.fixture
def config(random_model: Path) -> Config:
    """A small generated goal on the random model."""
    return Config(
        goal=Goal("arithmetic", generator="arithmetic", dev_items=20, test_items=20),
        model=Model("random", str(random_model), dtype="float32"),
        proposer=Proposer("heuristic"),
    )


def test_the_same_study_again(tmp_path: Path, config: Config) -> None:
    """Budget and proposer may change; the items are written once."""
    first = identify(tmp_path, config)
    items = tmp_path / "store" / first.items.address
    made = (items / "dev.jsonl").stat().st_ino
    changed = replace(config, budget=Budget(99, 99.0), proposer=Proposer("random"))
    assert identify(tmp_path, changed) == first
    assert (items / "dev.jsonl").stat().st_ino == made and not (tmp_path / "items.part").exists()


def test_the_commits_of_its_data_sets(tmp_path: Path, config: Config) -> None:
    """Are kept beside what it is, and added to; without new ones they stay."""
    store, scope = LocalStore(tmp_path / "store"), Scope(config, {}, PINS)
    for commits in ({"a/b": "1"}, {"a/c": "2"}, {}):
        identity.identify(tmp_path, scope, store, commits)
    assert identity.commits(tmp_path) == {"a/b": "1", "a/c": "2"}


def test_another_goal(tmp_path: Path, config: Config) -> None:
    """Refused, with the key, what it had and what it has."""
    identify(tmp_path, config)
    other = replace(config, goal=replace(config.goal, max_new_tokens=7))
    with pytest.raises(UserError, match=r"goal.max_new_tokens: it has 64, now 7(.|\n)*study=NAME"):
        identify(tmp_path, other)


def test_other_weights(tmp_path: Path, config: Config) -> None:
    """Refused by content, wherever the folder lies."""
    identify(tmp_path, config)
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in Path(config.model.path).iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    moved = replace(config, model=replace(config.model, path=str(copy)))
    identify(tmp_path, moved)
    (copy / "generation_config.json").write_text("{}")
    with pytest.raises(UserError, match="model_hash"):
        identify(tmp_path, moved)


def test_other_pins(tmp_path: Path, config: Config) -> None:
    """Refused, but for proposer=fixed, whose overrides are its trial."""
    identify(tmp_path, config)
    other = {"generated/sft": Overrides({"sft.learning_rate": 2e-3})}
    with pytest.raises(UserError, match="pinned on the command line"):
        identify(tmp_path, config, other)
    identify(tmp_path, replace(config, proposer=Proposer("fixed")), other)


def test_a_changed_recipe(tmp_path: Path, config: Config) -> None:
    """Refused from its first use on."""
    identify(tmp_path, config)
    mine = tmp_path / "mine.yaml"
    mine.write_text("stages: [synthetic, sft]\n")
    library = Library()
    name = library.adopt(mine)
    identity.freeze(tmp_path, library, name)
    identity.freeze(tmp_path, library, name)
    mine.write_text("stages: [synthetic, sft]\nsummary: another\n")
    with pytest.raises(UserError, match="has changed since"):
        identity.freeze(tmp_path, library, name)
