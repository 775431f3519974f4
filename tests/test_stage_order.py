"""What a recipe may run, and in which order: what a stage uses has to be there, and something has to train."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made import recipe_of

from intern.config import library, stages
from intern.config.stages import order_faults, recipe_stages, stage
from intern.errors import UserError

MORE = {
    "polish": {"stage": "sft", "max_steps": 5},
    "again": {"stage": "grpo"},
    "more": {"stage": "synthetic", "rows": 9},
}
KINDS = {"data": "rows", "synthetic": "rows", "more": "rows", "sft": "", "grpo": "", "polish": "", "again": ""}


@pytest.mark.parametrize(
    "names",
    [
        ["data", "sft"],
        ["synthetic", "grpo"],
        ["data", "synthetic", "sft", "grpo"],
        ["synthetic", "data", "grpo", "sft"],
        ["data", "sft", "grpo", "polish"],
        ["data", "sft", "more", "polish", "again"],
        ["more", "polish"],
    ],
)
def test_sound(names: list[str]) -> None:
    """Any order in which rows come before what learns them, a stage twice under two names included."""
    recipe = recipe_of(stages=names, **{name: MORE[name] for name in names if name in MORE})
    assert order_faults(recipe) == []
    assert [name for name, _ in stages.entries(recipe)] == names
    assert stages.training(recipe) == [name for name in names if KINDS[name] != "rows"]


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["sft"], ["sft needs rows, which no stage before it makes. Put one of data, synthetic, teacher before it"]),
        (["sft", "data"], ["sft needs rows"]),
        (["polish", "data", "again"], ["polish needs rows"]),
        (["sft", "grpo"], ["sft needs rows", "grpo needs rows"]),
        (["data"], ["train nothing. Add one of grpo, sft"]),
        (["data", "more"], ["train nothing"]),
        ([], ["train nothing"]),
        (["data", "sft", "sft"], ["names one twice; name a section of its own for it, NAME: {stage: …}"]),
        (["data", "data"], ["names one twice", "train nothing"]),
        (["grpo", "grpo"], ["grpo needs rows", "grpo needs rows", "names one twice"]),
    ],
)
def test_faults(names: list[str], words: list[str]) -> None:
    """Each says what is missing and what would help; all of them at once."""
    found = order_faults(recipe_of(stages=names, **{name: MORE[name] for name in names if name in MORE}))
    assert len(found) == len(words) and all(fault.startswith("stages: ") for fault in found)
    assert all(word in fault for word, fault in zip(words, found, strict=True)), found


@given(st.lists(st.sampled_from(sorted(KINDS)), max_size=5))
def test_sound_if_and_only_if(names: list[str]) -> None:
    """Rows come first, something trains, nothing stands twice."""
    recipe = recipe_of(stages=names, **{name: MORE[name] for name in names if name in MORE})
    trains = [name for name in names if KINDS[name] != "rows"]
    sound = bool(trains) and names[:1] != trains[:1] and len(set(names)) == len(names)
    assert (order_faults(recipe) == []) == sound


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("stages: [data, sfd]", ["stages"]),
        ("stages: [data, score]", ["stages"]),  # made by the study, not by a recipe
        ("stages: [data, export]", ["stages"]),
        ("stages: [data, polish]\npolish: {stage: spin}", ["stages"]),
        ("stages: [data, my-sft]\nmy-sft: {stage: sft}", ["stages"]),
        ("stages: [data, contract]\ncontract: {stage: sft}", ["stages"]),
        ("stages: [data, score]\nscore: {stage: sft}", ["stages"]),
        ("stages: data", ["stages"]),
        ("stages: [data, [sft]]", ["stages"]),
        ("stages: [data, sft]\ngrpo: {beta: 0.1}\npolish: {stage: sft}", ["grpo", "polish"]),
        ("stages: [data, sft]\npolish: {max_steps: 3}", ["polish"]),
        ("stages: [data, polish]\npolish: {stage: sft, beta: 0.1, x: 1}", ["polish.beta", "polish.x"]),
        ("stages: [data, polish]\npolish: {stage: sft}\ntunable: {sft.max_steps: [1]}", ["tunable.sft.max_steps"]),
        ("stages: [data, sft]\ntunable: {grpo.beta: [0.1]}", ["tunable.grpo.beta"]),
        ("stages: [sft]\nrewards: {x: 1}\ndata: {}", ["data"]),
        ("stages: [sft]\nrewards: {x: 1}", ["stages", "rewards"]),
    ],
)
def test_files(tmp_path: Path, text: str, keys: list[str]) -> None:
    """The same in a recipe's file, where every fault names its key."""
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    found = library.read(path)[1]
    assert [fault.partition(":")[0] for fault in found] == keys, found


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("stages: [synthetic, sft]\ntunable: {synthetic.rows: {low: 0, high: 2000}}", "greater than or equal to 1"),
        ("stages: [synthetic, sft]\ntunable: {synthetic.style: [solution, verse]}", "'solution' or 'answer'"),
        ("stages: [data, sft]\ntunable: {lora: [8, 9999]}", "less than or equal to 4096"),
        ("stages: [data, polish]\npolish: {stage: sft}\ntunable: {polish.max_steps: {low: 1, high: 5}}", None),
    ],
)
def test_a_contract_opens_what_the_schema_takes(tmp_path: Path, text: str, fault: str | None) -> None:
    """Or a proposal could pass the gate and make a config that no worker reads."""
    path = tmp_path / "recipe.yaml"
    path.write_text(text)
    found = library.read(path)[1]
    assert (found == []) == (fault is None) and all(fault in line and line.startswith("tunable.") for line in found)


STAGE = """
from dataclasses import dataclass


@dataclass
class Settings:
    size: int = 1


MAKES = {makes!r}
NEEDS = {needs!r}


def run(task):
    pass
"""


def test_a_stage_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a file that says what it makes and needs: it may stand in a recipe by its name at once, or under another."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "distil.py").write_text(STAGE.format(makes="model", needs=("rows",)))
    (tmp_path / "stages" / "fetch.py").write_text(STAGE.format(makes="rows", needs=()))
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path))
    described = stage("distil")
    assert described.trains and described.needs == ("rows",) and described.version == 1 and not described.targets
    recipe = recipe_of(stages=["fetch", "distil", "twice"], distil={"size": 3}, twice={"stage": "distil"})
    assert order_faults(recipe) == [] and (recipe.distil.size, recipe.twice.size) == (3, 1)
    (fault,) = order_faults(recipe_of(stages=["distil", "fetch"]))
    assert fault.endswith("Put one of data, fetch, synthetic, teacher before it")
    with pytest.raises(UserError, match='Unknown stage "distill". Did you mean "distil"?'):
        stage("distill")


def test_a_file_that_is_no_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is told with all that it lacks."""
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "broken.py").write_text("MAKES = 'tea'\n")
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path))
    with pytest.raises(UserError) as error:
        stage("broken")
    first, *lines = str(error.value).splitlines()
    assert "broken.py is not a stage" in first
    assert [line.strip(" -").partition(":")[0] for line in lines] == ["Settings", "MAKES", "run"]


def test_what_a_recipe_may_name() -> None:
    """Stages that make rows or a checkpoint; scores and exports are the study's."""
    assert recipe_stages() == ["data", "grpo", "rejection", "sft", "synthetic", "teacher"]
    assert {stage(name).makes for name in ("score", "export")} == {"score", "export"}
