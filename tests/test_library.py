"""The library: what a recipe file may say, all its faults at once, and a file that runs anywhere."""

import os
from pathlib import Path

import pytest

from intern.config import library as files
from intern.config.library import FOLDER, Library
from intern.config.schema import Goal, Recipe
from intern.errors import UserError

SOUND = """
summary: a recipe
suits: [arithmetic]
stages: [data, sft, grpo]
data:
  mix:
    - {goal: true}
    - {hub: owner/name, revision: abc, format: mcq, columns: {question: q, choices: c, answer: a}, limit: 5}
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
    library = Library()
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
    columns = {"question": "q", "choices": "c", "answer": "a"}
    hub = {"hub": "owner/name", "revision": "abc", "format": "mcq", "columns": columns, "limit": 5}
    assert recipe.data.mix == [{"goal": True}, hub]


def test_dump_runs_anywhere(tmp_path: Path) -> None:
    """Written out and read again, a recipe is the same but for its name; so is every recipe of the library."""
    first = load(tmp_path, SOUND)
    text = files.dump(first)
    assert "name:" not in text.replace("hub: owner/name", "")
    assert load(tmp_path, text) == first
    library = Library()
    for path in FOLDER.rglob("*.yaml"):
        own = library.load(path.relative_to(FOLDER).with_suffix("").as_posix())
        again = load(tmp_path, files.dump(own))
        assert {**vars(again), "name": ""} == {**vars(own), "name": ""}


def test_every_fault_at_once(tmp_path: Path) -> None:
    """Faults of form and of type, a line for each, naming its key."""
    text = """
name: mine
summary: ${oc.env:HOME}
stages: sft
sft: {learning_rat: 1e-3, learning_rate: fast, max_steps: 1.5, packing: '???'}
grpo: 3
data: {mix: owner/name}
_target_: os.system
"""
    lines = faults(tmp_path, text)
    keys = "name summary sft stages sft.learning_rate sft.max_steps sft.learning_rat grpo data.mix _target_"
    assert sorted(line.strip(" -").partition(":")[0] for line in lines[1:]) == sorted(keys.split())
    assert lines[0].endswith("is not a valid recipe:") and 'Did you mean "sft.learning_rate"?' in "\n".join(lines)


def test_every_fault_of_meaning_at_once(tmp_path: Path) -> None:
    """What the types cannot say is collected too."""
    text = """
stages: [grpo, data, sft]
data: {mix: [{hub: ../name}, {}, {goal: true, hub: a/b}, {goal: true, format: chat}]}
rewards: {gaol: 1.0, goal: much}
sft: {learning_rate: 1.0}
tunable:
  sft.learning_rate: {low: 1e-4, high: 1e-2}
  stages: [sft]
"""
    lines = faults(tmp_path, text)[1:]
    assert [line.strip(" -").partition(":")[0] for line in lines] == [
        *("stages", "rewards", "rewards.goal", "data.mix", "data.mix", "data.mix", "data.mix"),
        *("tunable.stages", "tunable.sft.learning_rate"),
    ]
    assert "grpo needs rows" in lines[0] and 'Did you mean "goal"?' in lines[1] and "outside" in lines[-1]


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
        ("stages: []", "train nothing. Add one of grpo, sft"),
        ("stages: [sft, sft]", "names one twice"),
        ("stages: [sft, synthetic]", "sft needs rows, which no stage before it makes"),
        ("stages: [stf]", 'Unknown stage "stf". Did you mean "sft"?'),
        ("stages: [data, sft]\nsft:", "sft: "),
        ("stages: [data, sft]\nsft: [1]", "sft: "),
        ("stages: [data, sft]\ntunable: 3", "tunable: "),
        ("1: 2", "1: a key is text"),
        ("stages: [data, sft]\ntunable: {1: 2}", "tunable.1: a key is text"),
        ("stages: [data]\ndata: {mix: [{goal: true, columns: {~: 2}}]}", "data.mix.columns.None: a key is text"),
        ("stages: {sft: 1}", "stages: a list of names"),
        ("stages: [{sft: 1}]", "stages: a list of names"),
        ("stages: [data, sft]\nrewards: {goal: 1" + "0" * 400 + "}", "cannot be read as int"),
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
    library = Library()
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
    library, path = Library(), tmp_path / "recipe.yaml"
    path.write_text(SOUND)
    first = library.load(library.adopt(path))
    path.write_text(SOUND.replace("lora: 8", "lora: 16"))
    assert library.load("file/recipe") is first and first.lora == 8
    assert library.load(library.adopt(path)).lora == 16
    assert library.path("file/recipe") == path and library.origin("file/recipe") == str(path)
    assert library.origin("generated/sft") == "generated/sft"


def test_names() -> None:
    """A name is the place under recipes/."""
    library = Library()
    assert library.path("generated/sft") == FOLDER / "generated/sft.yaml"
    assert "generated/sft" in library.names()


def test_own_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INTERN_RECIPES adds folders; what would be named twice, or is not there, says where."""
    mine, more = tmp_path / "mine", tmp_path / "more"
    for file in (mine / "chem/sft.yaml", mine / ".git/x.yaml", more / "broken.yaml"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SOUND if file.stem == "sft" else "sft: 3")
    monkeypatch.setenv("INTERN_RECIPES", f"{mine}{os.pathsep}{more}{os.pathsep}{mine}")
    assert files.listed()[0].keys() - {"chem/sft", "broken"} == stock() and not files.listed()[1]
    library = Library()
    assert library.load("chem/sft").suits == ["arithmetic"] and library.path("chem/sft") == mine / "chem/sft.yaml"
    with pytest.raises(UserError, match="not a valid recipe"):
        library.load("broken")
    monkeypatch.setenv("INTERN_RECIPES", f"{tmp_path / 'no'}{os.pathsep}{mine}")
    with pytest.raises(UserError, match=f"INTERN_RECIPES names no folder: {tmp_path / 'no'}"):
        files.listed()


def test_a_file_that_cannot_be_used_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is wrong with its kind, name or text, every other recipe is at hand; who asks for it is told why."""
    text = {"generated/sft": SOUND, "none": SOUND, "a b": SOUND, "broken": "x: [", "summary": 'summary: "\\ud800"'}
    (tmp_path / "generated").mkdir()
    for name, content in text.items():
        (tmp_path / f"{name}.yaml").write_text(content)
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "good.yaml").write_text(SOUND)
    monkeypatch.setenv("INTERN_RECIPES", str(tmp_path))
    library = Library()
    suiting = library.suiting(Goal("arithmetic"))
    assert {"good", "generated/grpo"} <= set(suiting) <= stock() | {"good"}
    nameless = {str(tmp_path / "none.yaml"): "none and file", str(tmp_path / "a b.yaml"): "'a b'"}
    named = {
        "generated/sft": f"exists twice: {FOLDER / 'generated/sft.yaml'} and {tmp_path / 'generated/sft.yaml'}",
        "broken": "broken.yaml:1:5 is not valid YAML",
        "summary": "summary.yaml:1:10 is not valid YAML",
        "pipe": "no file",
        "zero": "no file",
        "folder": "directory",
    }
    assert library.left_out.keys() == {*nameless, *named}
    for name, part in {**nameless, **named}.items():
        assert part in library.left_out[name]
    for name, part in named.items():
        with pytest.raises(UserError) as told:
            library.load(name)
        assert part in str(told.value)
    assert library.load(library.adopt(tmp_path / "a b.yaml")).summary == "a recipe"


@pytest.mark.parametrize("sign", ["\x1b", "\x07", "\r", "\x85", "\u2028", "\ud800", "\udcff"])
def test_texts_that_no_file_holds(sign: str, tmp_path: Path) -> None:
    """They fail as the recipe is read, or vetted with what a person has set, and not when the winner is exported."""
    assert "which cannot be printed" in "\n".join(faults(tmp_path, f'summary: "a\\u{ord(sign):04x}b"'))
    recipe = load(tmp_path, SOUND)
    changed = recipe.with_({"summary": f"a{sign}b"})
    assert files.recipe_faults(recipe) == []
    assert [fault.partition(":")[0] for fault in files.recipe_faults(changed)][0] == "summary"


def test_texts_that_a_file_holds(tmp_path: Path) -> None:
    """Signs of YAML's own, other scripts and emoji come back from the file that is written."""
    summary = "- é # 'ж\": \U0001f468\u200d\U0001f52c \ufeff %\ta\n? [b"
    recipe = load(tmp_path, SOUND).with_({"summary": summary})
    assert files.recipe_faults(recipe) == [] and load(tmp_path, files.dump(recipe)).summary == summary


def stock() -> set[str]:
    """The names of the files under recipes/."""
    return {path.relative_to(FOLDER).with_suffix("").as_posix() for path in FOLDER.rglob("*.yaml")}


def test_suiting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Recipes that name a goal, or its kind, and no others."""
    (tmp_path / "kind.yaml").write_text(SOUND.replace("[arithmetic]", "[sums]"))
    monkeypatch.setenv("INTERN_RECIPES", str(tmp_path))
    library = Library()
    assert "generated/sft" in library.suiting(Goal("arithmetic")) and "kind" not in library.suiting(Goal("arithmetic"))
    assert library.suiting(Goal("mine", ["sums", "more"])) == ["kind"] and library.suiting(Goal("mine")) == []
