"""The library: what a recipe file may say, all its faults at once, and a file that runs anywhere."""

import os
from pathlib import Path

import pytest

from intern.config import library
from intern.config.schema import Recipe, Source
from intern.errors import UserError

SOUND = """
summary: a recipe
suits: [arithmetic]
stages: [data, sft, grpo]
data:
  mix: [{goal: true}, {hub: owner/name, revision: abc, format: mcq, columns: {question: q}, limit: 5}]
  rows: 100
sft: {learning_rate: 1e-3, max_steps: 5, packing: true}
grpo: {beta: 0, max_completion_length: 48}
rewards: {answer_line: 1.0}
lora: 8
tunable:
  sft.learning_rate: {low: 1e-4, high: 1e-2, log: true}
  grpo.beta: [0.0, 0.04]
"""


def load(tmp_path: Path, text: str) -> Recipe:
    """The recipe of a file with that text."""
    path = tmp_path / "recipe.yaml"
    path.write_text(text, encoding="utf-8")
    return library.load(library.adopt(path))


def faults(tmp_path: Path, text: str) -> list[str]:
    """The lines of the error that a file with that text makes."""
    with pytest.raises(UserError) as error:
        load(tmp_path, text)
    return str(error.value).splitlines()


def test_a_sound_file(tmp_path: Path) -> None:
    """Every value arrives with the type of the schema, entries of the mix too."""
    recipe = load(tmp_path, SOUND)
    assert recipe.name == "file/recipe" and recipe.sft.learning_rate == 1e-3 and recipe.grpo.beta == 0.0
    assert recipe.rewards == {"answer_line": 1.0} and recipe.lora == 8
    hub = Source(hub="owner/name", revision="abc", format="mcq", columns={"question": "q"}, limit=5)
    assert recipe.data.mix == [Source(goal=True), hub]


def test_dump_runs_anywhere(tmp_path: Path) -> None:
    """Written out and read again, a recipe is the same but for its name; so is every recipe of the library."""
    first = load(tmp_path, SOUND)
    text = library.dump(first)
    assert "name:" not in text.replace("hub: owner/name", "")
    assert load(tmp_path, text) == first
    for path in library.FOLDER.rglob("*.yaml"):
        own = library.load(path.relative_to(library.FOLDER).with_suffix("").as_posix())
        again = load(tmp_path, library.dump(own))
        assert {**vars(again), "name": ""} == {**vars(own), "name": ""}


def test_every_fault_at_once(tmp_path: Path) -> None:
    """Eleven faults of form, eleven lines, each naming its key."""
    text = """
name: mine
summary: ${oc.env:HOME}
stages: sft
sft: {learning_rat: 1e-3, learning_rate: fast, max_steps: 1.5, packing: '???'}
grpo: 3
data: {mix: [{hug: owner/name}]}
_target_: os.system
rewards: {goal: much}
"""
    lines = faults(tmp_path, text)
    keys = "name summary stages sft.learning_rat sft.learning_rate sft.max_steps sft.packing grpo data.mix _target_"
    assert [line.strip(" -").partition(":")[0] for line in lines[1:]] == [*keys.split(), "rewards"]
    assert lines[0].endswith("is not a valid recipe:") and 'Did you mean "sft.learning_rate"?' in lines[4]


def test_every_fault_of_meaning_at_once(tmp_path: Path) -> None:
    """What the types cannot say is collected too."""
    text = """
stages: [grpo, sft, stf]
data: {mix: [{hub: ../name}, {}, {goal: true, hub: a/b}, {goal: true, format: chat}]}
rewards: {gaol: 1.0}
sft: {learning_rate: 1.0}
tunable:
  sft.learning_rate: {low: 1e-4, high: 1e-2}
  stages: [sft]
"""
    lines = faults(tmp_path, text)[1:]
    assert [line.strip(" -").partition(":")[0] for line in lines] == [
        *("stages", "stages", "rewards", "data.mix", "data.mix", "data.mix", "data.mix"),
        *("tunable.stages", "tunable.sft.learning_rate"),
    ]
    assert 'Did you mean "sft"?' in lines[0] and 'Did you mean "goal"?' in lines[2] and "outside" in lines[-1]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("", "a recipe is a mapping of keys, not NoneType"),
        ("[1, 2]", "a recipe is a mapping of keys, not list"),
        ("sft: {a: 1", ":1:11 is not valid YAML"),
        ("stages: [sft]\nsft:\n\tx: 1", ":3:1 is not valid YAML"),
        ("a: &x [1]\nb: *x", ":2:4 is not valid YAML: aliases (*name) are not allowed"),
        ("a: &x [*x]", "aliases"),
        ("sft: {}\nsft: {}", ":2:1 is not valid YAML: key sft stands twice"),
        ("sft: !!python/object/apply:os.system [id]", "is not valid YAML"),
        ("a: " + "[" * 3000, "nested too deeply"),
        ("stages: []", "train (sft or grpo)"),
        ("stages: [sft, sft]", "in the order"),
        ("stages: [data, sft]\nsft:", "sft: "),
        ("stages: [data, sft]\nsft: [1]", "sft: "),
        ("stages: [data, sft]\ntunable: 3", "tunable: "),
        ("1: 2", "1: no such key"),
        ("hydra: {run: {dir: /tmp}}", "hydra: no such key"),
        ("defaults: [/goal: svamp]", "defaults: no such key"),
        ("stages: [data, sft]\nrewards: {'${x}': 1}", "interpolation"),
    ],
)
def test_broken_files(tmp_path: Path, text: str, part: str) -> None:
    """Each says what is wrong, in a message that begins with the file."""
    lines = faults(tmp_path, text)
    assert lines[0].startswith(str(tmp_path)) and part in "\n".join(lines)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """No file, a folder, and a file that is not text."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(UserError, match="No recipe file"):
            library.adopt(path)
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="not UTF-8"):
        library.load(library.adopt(tmp_path / "binary.yaml"))
    with pytest.raises(UserError, match='Did you mean "generated/sft"'):
        library.load("generated/stf")


def test_adopt_again(tmp_path: Path) -> None:
    """A file is read once, and anew when it is named anew."""
    first = load(tmp_path, SOUND)
    (tmp_path / "recipe.yaml").write_text(SOUND.replace("lora: 8", "lora: 16"))
    assert library.load("file/recipe") is first
    assert load(tmp_path, SOUND.replace("lora: 8", "lora: 16")).lora == 16
    assert library.path("file/recipe") == tmp_path / "recipe.yaml"


def test_names() -> None:
    """A name is the place under recipes/."""
    assert library.path("generated/sft") == library.FOLDER / "generated/sft.yaml"
    assert "generated/sft" in library.names()


def test_own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INTERN_RECIPES adds folders; what would be named twice, or is not there, says where."""
    mine, more = tmp_path / "mine", tmp_path / "more"
    for file in (mine / "chem/sft.yaml", mine / ".git/x.yaml", more / "broken.yaml"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SOUND if file.stem == "sft" else "sft: 3")
    monkeypatch.setenv("INTERN_RECIPES", f"{mine}{os.pathsep}{more}{os.pathsep}{mine}")
    assert set(library.listed()) - {"chem/sft", "broken"} == stock()
    library.register()
    assert library.load("chem/sft").suits == ["arithmetic"] and library.path("chem/sft") == mine / "chem/sft.yaml"
    with pytest.raises(UserError, match="not a valid recipe"):
        library.load("broken")
    (mine / "generated").mkdir()
    for name, part in (("generated/sft", str(library.path("generated/sft"))), ("none", "taken"), ("a b", "'a b'")):
        file = mine / f"{name}.yaml"
        file.write_text(SOUND)
        with pytest.raises(UserError) as error:
            library.listed()
        assert str(file) in str(error.value) and part in str(error.value)
        file.unlink()
    monkeypatch.setenv("INTERN_RECIPES", f"{tmp_path / 'no'}{os.pathsep}{mine}")
    with pytest.raises(UserError, match=f"INTERN_RECIPES names no folder: {tmp_path / 'no'}"):
        library.listed()
    monkeypatch.delenv("INTERN_RECIPES")
    library.register()


def stock() -> set[str]:
    """The names of the files under recipes/."""
    return {p.relative_to(library.FOLDER).with_suffix("").as_posix() for p in library.FOLDER.rglob("*.yaml")}
