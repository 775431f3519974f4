"""The lint: all faults of a file at once, each at its line, and the stock recipes without one."""

from pathlib import Path

import pytest

from intern.config import library, lint, schema

HEAD = "# Two words about it.\n#   python -m intern goal=arithmetic model=tiny recipe=mine.yaml\n"


@pytest.fixture(autouse=True)
def registered() -> None:
    """The schema and the library, as the command line knows them."""
    schema.register()
    library.register()


def said(tmp_path: Path, text: str) -> list[str]:
    """The findings of a file with that text, its folder left out."""
    path = tmp_path / "mine.yaml"
    path.write_text(text, encoding="utf-8")
    return [str(finding).removeprefix(f"{tmp_path}/") for finding in lint.findings(path)]


@pytest.mark.parametrize("path", sorted(library.FOLDER.rglob("*.yaml")), ids=lambda path: path.as_posix()[-20:])
def test_stock(path: Path) -> None:
    """No fault and no warning."""
    assert lint.findings(path) == []


def test_faults_of_form(tmp_path: Path) -> None:
    """Every one, at its line."""
    text = HEAD + "stages: [data, sft]\nsft:\n  learning_rat: 3\n  max_steps: x\n"
    assert [line.partition(": ")[0] + " " + line.split(": ")[1] for line in said(tmp_path, text)] == [
        "mine.yaml:5 sft.learning_rat",
        "mine.yaml:6 sft.max_steps",
    ]
    assert said(tmp_path, "a: [1\nb")[0].startswith("mine.yaml:2: is not valid YAML")
    (missing,) = lint.findings(tmp_path / "nothing.yaml")
    assert missing.fault and missing.line is None and "No such file" in missing.text


def test_faults_across_fields(tmp_path: Path) -> None:
    """With the goals that it suits and the model of its command, whose context is 512; nothing else of the comment."""
    text = "suits: [arithmetic, local]\nstages: [synthetic, sft, grpo]\nsft: {max_length: 600}\n"
    text += "grpo:\n  num_generations: 7\n"
    lines = said(tmp_path, HEAD.replace("tiny", "tiny goal.target=${oc.env:HOME}") + text)
    faults = [line for line in lines if "warning" not in line]
    assert len(faults) == 3 and faults[0].startswith("mine.yaml:7: the GRPO batch of 8")
    assert faults[1].startswith("mine.yaml:5: recipe.sft.max_length=600 exceeds model.context=512 (goal arithmetic, ")
    assert 'stage "synthetic" needs a goal with a generator, and goal local has none' in faults[2]


def test_warnings(tmp_path: Path) -> None:
    """What a reader misses: five of them, none a fault."""
    lines = said(tmp_path, "stages: [data, sft]\nsuits: [arithmetik]\n")
    keys = [line.split("warning: ")[1].partition(":")[0] for line in lines]
    assert keys == ["header", "header", "summary", "tunable", "suits"]
    assert lines[-1].startswith("mine.yaml:2: ") and 'Did you mean "arithmetic"?' in lines[-1]
    text = "summary: x\nstages: [data, sft]\ntunable: {lora: [8]}\n"
    lines = said(tmp_path, f"#   python -m intern recipe=mine.yaml\n{text}")
    assert len(lines) == 1 and "no comment at the top" in lines[0]
