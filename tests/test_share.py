"""Recipes as people share them: a winner's file says what it measured, passes the lint and composes again."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import scope

from intern import files
from intern.config import library as libraries
from intern.config import lint, schema
from intern.config.library import Library
from intern.errors import UserError
from intern.overrides import Overrides
from intern.records import Score, Trial
from intern.report import share
from intern.study.ledger import Ledger
from intern.study.reader import Reader
from intern.trial import job as jobs
from intern.trial.job import Input, Job, Result

OWN = ("goal=arithmetic", "model=tiny", "goal.dev_items=12")
RATE = Overrides({"sft.learning_rate": 0.004})
SCORES = (("baseline", "dev", 0.15), ("propose", "dev", 0.9), ("confirm", "test", 0.8))


@pytest.fixture
def ledger(tmp_path: Path, library: Library) -> Ledger:
    """The ledger of a study whose trial 1 won with another learning rate and, pinned by hand, too many steps."""
    folder = tmp_path / "study"
    config = scope(library, *OWN, "recipe=generated/sft", *RATE.lines(), "recipe.sft.max_steps=1000").config
    nothing = Input("0", "store", "none")
    jobs.write(folder / "trials" / "001", Job(1, 3, (), nothing, nothing, nothing, "nowhere"), config)
    made = Ledger(folder)
    made.start(" ".join(["python -m intern", *OWN, "budget.trials=3"]), {"torch": "9.9.9"})
    for number, (kind, split, value) in enumerate(SCORES):
        made.propose(Trial(number, kind, "RUNNING", None, "generated/sft", RATE, seed=3 if number else 0))
        made.finish(number, Result("COMPLETE", (Score("arithmetic", split, "exact_match", value, 0.02, 12),)))
    return made


def test_export(ledger: Ledger, tmp_path: Path) -> None:
    """There and back: the winner's values, the evidence above them, no fault, no warning, the same recipe composed."""
    ledger.finish_study("done", 1)
    file = tmp_path / "mine.yaml"
    file.write_text(share.exported(ledger.study, file), encoding="utf-8")
    assert lint.faults(file) == []
    head = libraries.header(file)
    told = ("SFT on generated", "dev 15.0 ± 2.0 %", "dev 90.0", "test 80.0", "seed 3", "torch 9.9.9", *RATE.lines())
    for part in told:
        assert part in head, part
    assert f"python -m intern {' '.join(OWN)}" in head and f"recipe={file}" in head and "budget" not in head
    recipes = Library()
    recipe, was = recipes.load(recipes.adopt(file)), Reader(ledger.study).recipe(1)
    assert recipe.sft == was.sft and recipe.sft.learning_rate == 0.004 and recipe.stages == was.stages
    assert "sft.max_steps" not in recipe.tunable and "sft.learning_rate" in recipe.tunable
    words = [sys.executable, "-m", "intern", "check", *OWN[:2], f"recipe={file}"]
    ended = subprocess.run(words, cwd=schema.ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout) == (0, "ok: file/mine with its own values\n"), ended.stderr


def test_a_cheap_winner(ledger: Ledger, tmp_path: Path) -> None:
    """A winner of 30 % of the steps is exported with the steps that it took."""
    ledger.propose(Trial(3, "propose", "RUNNING", None, "generated/sft", RATE, seed=3, fidelity=0.3))
    (ledger.study / "trials" / "003").symlink_to(ledger.study / "trials" / "001")
    ledger.finish_study("done", 3)
    file = tmp_path / "mine.yaml"
    file.write_text(share.exported(ledger.study, file), encoding="utf-8")
    recipes = Library()
    assert recipes.load(recipes.adopt(file)).sft.max_steps == 300


def test_a_comment_stays_one(ledger: Ledger, tmp_path: Path) -> None:
    """A line break in the study's own command ends no comment."""
    ledger.start("python -m intern 'goal.prompt=a\nsft: {x: 1}'", {})
    ledger.finish_study("done", 1)
    file = tmp_path / "mine.yaml"
    file.write_text(share.exported(ledger.study, file), encoding="utf-8")
    recipes = Library()
    assert recipes.load(recipes.adopt(file)).sft.learning_rate == 0.004 and "sft: {x: 1}" in libraries.header(file)


def test_how_to_go_on(ledger: Ledger, library: Library) -> None:
    """Two commands that compose: the winner as base, its recipe on the old base; nothing of budget, proposer, study."""
    more = ["proposer=fixed", "study=study", "recipe.sft.max_steps=1000", "recipe=generated/sft", "study=other"]
    ledger.start(" ".join(["python -m intern", *OWN, "budget.trials=3", *more]), {})
    ledger.finish_study("done", 1)
    (ledger.study.parent / "study-2").mkdir()
    study = Reader(ledger.study)
    export = ledger.study / "export"
    (_, further), (_, around) = share.onward(study, study.winner)
    own = "goal=arithmetic goal.dev_items=12 recipe.sft.max_steps=1000 recipe=generated/sft"
    loading = f"model={export} model.dtype=float32 model.context=512 'model.eos_token='\"'\"'<|im_end|>'\"'\"''"
    assert further == f"python -m intern {own} {loading} study=study-3"
    again = f"python -m intern {' '.join(OWN)} budget.trials=3 proposer=fixed {own[34:]} study=study-3"
    assert share.again(study) == again
    export.mkdir()
    model = scope(library, *shlex.split(further)[3:]).config.model
    assert (model.path, model.eos_token, model.context) == (str(export), "<|im_end|>", 512)
    made, command = around.split(" && ")  # a pinned value lies outside of the contract
    assert made == f"python -m intern recipes export {ledger.study} study.yaml"
    assert command == f"python -m intern {' '.join(OWN)} recipe=study.yaml study=study-3"


def test_how_to_go_on_inside_the_contract(ledger: Ledger) -> None:
    """The exported recipe is taken as it is, and a token that the export's tokenizer has is not named again."""
    config = ledger.study / "trials" / "001" / "config.yaml"
    config.write_text(config.read_text().replace("max_steps: 1000", "max_steps: 100"))
    ledger.finish_study("done", 1)
    files.write_whole(folder(ledger.study / "export") / "tokenizer_config.json", {"eos_token": "<|im_end|>"})
    study = Reader(ledger.study)
    (_, further), (_, around) = share.onward(study, study.winner)
    assert "eos_token" not in further and "budget" not in further
    assert around == f"python -m intern {' '.join(OWN)} recipe={ledger.study}/export/recipe.yaml study=study-2"
    config.write_text(config.read_text().replace("launcher:", "launchr:"))
    assert share.onward(Reader(ledger.study), study.winner) == []  # another version wrote it


def folder(path: Path) -> Path:
    """A new folder."""
    path.mkdir()
    return path


def test_words_of_a_command(ledger: Ledger) -> None:
    """Flags and their values stay; of a key that stands twice the last counts; without a start goal and model do."""
    flags = ["--config-dir", "my/conf", "--config-dir", "other"]
    kept = [*flags, "goal=b", "~recipe.tunable.x", "+goal.prompt=a b", "quiet=true"]
    ledger.start(shlex.join(["python", "-m", "intern", "goal=a", *kept]), {})
    study = Reader(ledger.study)
    assert share.words(study) == kept
    rest = "goal=b '~recipe.tunable.x' '+goal.prompt=a b' study=study-2"
    assert share.again(study) == f"python -m intern {' '.join(flags)} {rest}"
    ledger.starts.clear()
    (ledger.study / "trials" / "000").symlink_to(ledger.study / "trials" / "001")
    alone = Reader(ledger.study, ledger)
    assert share.words(alone) == ["goal=arithmetic", "model=tiny"]


def test_no_winner(ledger: Ledger) -> None:
    """A study under way, and one that found nothing."""
    with pytest.raises(UserError, match="has not ended"):
        share.exported(ledger.study, Path("mine.yaml"))
    ledger.finish_study("done", None)
    with pytest.raises(UserError, match="nothing better"):
        share.exported(ledger.study, Path("mine.yaml"))


def test_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's own recipes too; a broken one does not stop the list."""
    for name in ("broken", "a b"):
        (tmp_path / f"{name}.yaml").write_text("sft: 3")
    monkeypatch.setenv("INTERN_RECIPES", str(tmp_path))
    rows = {row[0]: row for row in share.rows(Library())}
    assert "broken; see: recipes show broken" in rows["broken"][1] and "arithmetic" in rows["generated/sft"][2]
    assert "left out: " in rows[str(tmp_path / "a b.yaml")][1]


def test_contract_rows(library: Library) -> None:
    """Every key that is open, with the recipe's own value and what is legal."""
    rows = {key: (own, legal) for key, own, legal in share.contract_rows(library.load("generated/sft"))}
    assert rows["sft.learning_rate"][1].endswith("(log)") and rows["sft.weight_decay"][0] == "unset"


def test_measures() -> None:
    """Only a figure counts, and not a quoted one of what is not measured."""
    assert share.measures("98.0 ± 0.7 % on dev") and not share.measures("SFT (arXiv:1)")
    assert not share.measures("14.1 % in the paper. Not measured yet.")
