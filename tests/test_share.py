"""Recipes as people share them: a winner's file says what it measured, passes the lint and composes again."""

import subprocess
import sys
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from omegaconf import OmegaConf

from intern.config import gate, library, lint, schema
from intern.errors import UserError
from intern.records import Score, Trial
from intern.report import share
from intern.study import ledger

OWN = ("goal=arithmetic", "model=tiny", "goal.dev_items=12")
RATE = "recipe.sft.learning_rate=0.004"

SCORES = (("baseline", "dev", 0.15), ("propose", "dev", 0.9), ("confirm", "test", 0.8))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The folder of a study whose trial 1 won with another learning rate and, pinned by hand, too many steps."""
    schema.register()
    library.register()
    library.load("generated/sft")
    folder = tmp_path / "study"
    (folder / "trials" / "001").mkdir(parents=True)
    with initialize_config_dir(str(schema.ROOT / "conf"), version_base="1.3"):
        node = gate.composed_config([*OWN, "recipe=generated/sft", RATE, "recipe.sft.max_steps=1000"])
    OmegaConf.save(node, folder / "trials" / "001" / "config.yaml", resolve=True)
    command = " ".join(["python -m intern", *OWN, "budget.trials=3"])
    ledger.append(folder, "start", command=command, versions={"torch": "9.9.9"})
    for number, (kind, split, value) in enumerate(SCORES):
        trial = Trial(number, kind, "RUNNING", recipe="generated/sft", overrides=(RATE,), seed=3 if number else 0)
        ledger.propose(folder, trial)
        scores = [vars(Score("arithmetic", split, "exact_match", value, 0.02, 12))]
        result = {"state": "COMPLETE", "scores": scores, "diagnosis": None, "reason": None, "stages": [], "seconds": 1}
        ledger.finish(folder, number, result)
    return folder


def test_export(study: Path, tmp_path: Path) -> None:
    """There and back: the winner's values, the evidence above them, no fault, no warning, the same recipe composed."""
    ledger.append(study, "end", reason="done", winner=1)
    file = tmp_path / "mine.yaml"
    file.write_text(share.exported(study, file), encoding="utf-8")
    assert lint.findings(file) == []
    head = library.header(file)
    for part in ("SFT on generated", "dev 15.0 ± 2.0 %", "dev 90.0", "test 80.0", "seed 3", "torch 9.9.9", RATE):
        assert part in head, part
    assert f"python -m intern {' '.join(OWN)}" in head and f"recipe={file}" in head and "budget" not in head
    recipe, was = library.load(library.adopt(file)), share.composed(study, ledger.trials(study)[1]).recipe
    assert recipe.sft == was.sft and recipe.sft.learning_rate == 0.004 and recipe.stages == was.stages
    assert "sft.max_steps" not in recipe.tunable and "sft.learning_rate" in recipe.tunable
    words = [sys.executable, "-m", "intern", "check", *OWN[:2], f"recipe={file}"]
    ended = subprocess.run(words, cwd=schema.ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "ok: file/mine with its own values\n"), ended.stderr


def test_a_comment_stays_one(study: Path, tmp_path: Path) -> None:
    """A line break in the study's own command ends no comment."""
    ledger.append(study, "start", command="python -m intern 'goal.prompt=a\nsft: {x: 1}'", versions={})
    ledger.append(study, "end", reason="done", winner=1)
    file = tmp_path / "mine.yaml"
    file.write_text(share.exported(study, file), encoding="utf-8")
    assert library.load(library.adopt(file)).sft.learning_rate == 0.004 and "sft: {x: 1}" in library.header(file)


def test_no_winner(study: Path) -> None:
    """A study under way, and one that found nothing."""
    with pytest.raises(UserError, match="has not ended"):
        share.exported(study, Path("mine.yaml"))
    ledger.append(study, "end", reason="done", winner=None)
    with pytest.raises(UserError, match="nothing better"):
        share.exported(study, Path("mine.yaml"))


def test_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's own recipes too; a broken one does not stop the list."""
    (tmp_path / "broken.yaml").write_text("sft: 3")
    monkeypatch.setenv("INTERN_RECIPES", str(tmp_path))
    library.register()
    rows = {row[0]: row for row in share.rows()}
    assert "broken; see: recipes check" in rows["broken"][1] and "arithmetic" in rows["generated/sft"][2]
    monkeypatch.delenv("INTERN_RECIPES")
    library.register()


def test_measures() -> None:
    """Only a figure counts, and not a quoted one of what is not measured."""
    assert share.measures("98.0 ± 0.7 % on dev") and not share.measures("SFT (arXiv:1)")
    assert not share.measures("14.1 % in the paper. Not measured yet.")
