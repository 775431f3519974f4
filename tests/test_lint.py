"""The lint: all faults of a file at once, each at its line, and the stock recipes without one."""

from pathlib import Path

import pytest

from intern.config import lint
from intern.config.library import FOLDER, Library

HEAD = "# Two words about it.\n#   python -m intern goal=arithmetic model=tiny recipe=mine.yaml\n"


@pytest.fixture(autouse=True)
def registered(library: Library) -> None:
    """The schema and the library, as the command line knows them."""


def said(tmp_path: Path, text: str) -> list[str]:
    """The faults of a file with that text, its folder left out."""
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return [str(fault).removeprefix(f"{tmp_path}/") for fault in lint.faults(path)]


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.yaml")), ids=lambda path: path.as_posix()[-20:])
def test_stock(path: Path) -> None:
    """No fault and no warning."""
    assert lint.faults(path) == []


def test_faults_of_form(tmp_path: Path) -> None:
    """Every one, at its line."""
    text = HEAD + "stages: [data, sft]\nsft:\n  learning_rat: 3\n  max_steps: x\n"
    assert [line.partition(": ")[0] + " " + line.split(": ")[1] for line in said(tmp_path, text)] == [
        "mine.yaml:5 sft.learning_rat",
        "mine.yaml:6 sft.max_steps",
    ]
    assert said(tmp_path, "a: [1\nb")[0].startswith("mine.yaml:2: is not valid YAML")
    (missing,) = lint.faults(tmp_path / "nothing.yaml")
    assert missing.stops and missing.line is None and "No such file" in missing.text


def test_faults_across_fields(tmp_path: Path) -> None:
    """With the goals that it suits and the model of its command, whose context is 512; nothing else of the comment."""
    text = "suits: [arithmetic, local]\nstages: [synthetic, sft, grpo]\nsft: {max_length: 600}\n"
    text += "grpo:\n  num_generations: 7\n"
    lines = said(tmp_path, HEAD.replace("tiny", "tiny goal.target=${oc.env:HOME}") + text)
    faults = [line for line in lines if "warning" not in line]
    assert len(faults) == 3
    assert faults[0].startswith("mine.yaml:5: recipe.sft.max_length=600 exceeds model.context=512 (goal arithmetic, ")
    assert faults[1].startswith("mine.yaml:7: recipe.grpo.num_generations=7 does not divide the GRPO batch of 8")
    assert "needs a goal with a generator, and goal local has none (goal local; model tiny)" in faults[2]


def test_faults_with_a_kind_of_goal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe may suit a kind: it is set beside every goal of that kind, those of INTERN_CONF too."""
    (tmp_path / "goal").mkdir()
    head = "# A goal.\n#   python -m intern goal=sums\ndefaults: [arithmetic]\nkinds: [additions]\nname: "
    for name in ("sums", "totals"):
        (tmp_path / "goal" / f"{name}.yaml").write_text(f"{head}{name}\n")
    monkeypatch.setenv("INTERN_CONF", str(tmp_path))
    lines = said(tmp_path, HEAD + "suits: [additions]\nstages: [synthetic, sft]\nsft: {max_length: 600}\n")
    assert [line for line in lines if "warning" not in line] == [
        "mine.yaml:5: recipe.sft.max_length=600 exceeds model.context=512 (goal sums, totals; model tiny)"
    ]
    assert not [line for line in lines if "suits" in line]


def test_warnings(tmp_path: Path) -> None:
    """What a reader misses: five of them, none a fault."""
    lines = said(tmp_path, "stages: [data, sft]\nsuits: [arithmetik]\n")
    keys = [line.split("warning: ")[1].partition(":")[0] for line in lines]
    assert keys == ["header", "header", "summary", "tunable", "suits"]
    assert lines[-1].startswith("mine.yaml:2: ") and 'Did you mean "arithmetic"?' in lines[-1]
    text = "summary: x\nstages: [data, sft]\ntunable: {lora: [8]}\n"
    lines = said(tmp_path, f"#   python -m intern recipe=mine.yaml\n{text}")
    assert len(lines) == 1 and "no comment at the top" in lines[0]
