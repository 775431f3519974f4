"""A multirun's table, and the commands that read studies of another folder: on studies that were run."""

import json
import subprocess
from pathlib import Path

import commandline
import pytest
import yaml
from commandline import BASE, Run, refused, shell, written

from intern.cli import sweep
from intern.cli.sweep import Job
from intern.config import schema
from intern.overrides import Overrides
from intern.records import Score, Trial, Verdict
from intern.study.ledger import Ledger

run = commandline.run  # the fixture
SMALL = ["goal=arithmetic", "model=tiny", "recipe=generated/sft", "budget.trials=1", "goal.few_shot=0", "quiet=true"]
SMALL += ["goal.dev_items=60", "goal.test_items=40"]


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A multirun of a study that confirms its winner and of one whose seed is none, in a folder of its own."""
    outputs = tmp_path_factory.mktemp("away") / "runs"
    words = ["-m", *SMALL, "seed=0,x", f"outputs={outputs}"]
    return outputs, shell(*words, cwd=outputs.parent, PYTHONPATH=str(schema.ROOT))


def rows(text: str) -> list[list[str]]:
    """The cells of the table that a text ends with."""
    lines = text[text.rindex("\nstudy ") :].strip().splitlines()
    return [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]


@pytest.mark.slow
def test_a_table_at_the_end(ended: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """A row for each study, with what its ledger says; the exit status is the worst."""
    outputs, told = ended
    assert told.returncode == 2 and "seed: 'x' is not a whole number" in told.stderr
    head, first, second = rows(told.stdout)
    assert head == [*sweep.COLUMNS]
    assert second == ["seed=x", "-", "-", "-", "-", "-", "2"]
    study = outputs / "arithmetic-tiny"
    base, best, final = Ledger(study).trials
    assert final.kind == "confirm" and base.mean("dev") is not None and best.verdict
    proof = f"{best.verdict.call}: +{best.verdict.wins} -{best.verdict.losses}, p = {best.verdict.p:.2g}"
    assert first[0] == str(study) and first[1] == "1 generated/sft" and first[4] == proof and first[6] == "0"
    for place, trial, split in ((2, base, "dev"), (3, best, "dev"), (5, final, "test")):
        assert first[place] == f"{100 * (trial.mean(split) or 0):.1f} ± {100 * (trial.stderr(split) or 0):.1f} %"


@pytest.mark.slow
def test_a_multirun_that_goes_on(ended: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """Over studies that have ended it shows the same, and ends with 0."""
    outputs, told = ended
    again = shell("-m", *SMALL, "seed=0", f"outputs={outputs}", cwd=outputs.parent, PYTHONPATH=str(schema.ROOT))
    assert again.returncode == 0 and rows(again.stdout)[1] == rows(told.stdout)[1]
    alone = shell(*SMALL, "seed=0", f"outputs={outputs}", cwd=outputs.parent, PYTHONPATH=str(schema.ROOT))
    assert alone.returncode == 0 and "\nstudy " not in alone.stdout


@pytest.mark.slow
def test_studies_elsewhere(run: Run, ended: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    """outputs=DIR, before the study or behind it, and its path; what is there is listed, not what is elsewhere."""
    outputs = ended[0]
    place, name = f"outputs={outputs}", "arithmetic-tiny"
    written(Path("outputs/here"), BASE)
    for words in ([name, place], [place, name], [str(outputs / name)], [f"{outputs}/{name}/"]):
        told = run("trials", *words, "--json")
        assert told.status == 0 and [t["kind"] for t in json.loads(told.out)] == ["baseline", "propose", "confirm"]
    assert "Winner: trial 1" in run("trials", name, place).out
    assert run("report", place, name).out.startswith(f"{outputs / name / 'report.html'} (")
    assert run("recipes", "export", name, "got.yaml", place).status == 0
    assert yaml.safe_load(Path("got.yaml").read_text())["stages"] == ["synthetic", "sft"]
    assert run("recipes", "export", place, name).out.rstrip() + "\n" == Path("got.yaml").read_text().replace(
        "got.yaml", "path/to/this/file.yaml"
    ).replace("arithmetic-got", "arithmetic-file")
    for command in (["trials"], ["report"], ["recipes", "export"]):
        refused(run(*command, "arithmetic-tni", place), 'Did you mean "arithmetic-tiny"? Available: arithmetic-tiny.')
        refused(run(*command, name), 'Unknown study "arithmetic-tiny"', "Available: here.", "outputs=DIR")
        refused(run(*command, name, "outputs=nowhere"), "There is no folder nowhere")
        refused(run(*command, name, place, place), "outputs=… is given twice")
    refused(run("trials", place), "Missing argument 'STUDY'", "[outputs=DIR]")


def test_a_name_in_both(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The folder that is given comes before one of that name here."""
    for place, number in (("both", 1), ("away/both", 2)):
        written(Path(place), BASE, *(Trial(n, "propose", "FAIL", reason="x") for n in range(1, number)))
    assert len(json.loads(run("trials", "both", "--json").out)) == 1
    assert len(json.loads(run("trials", "both", "--json", "outputs=away").out)) == 2


def test_trials_of_one_study_share_a_row(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the worst of their statuses; a study without a baseline has no figures, one that is no better says so."""
    score = Score("arithmetic", "dev", "exact_match", 0.5, 0.025, 400)
    tried = Trial(1, "propose", "COMPLETE", recipe="generated/sft", overrides=Overrides({"lora": 8}), scores=(score,))
    written(tmp_path / "one", BASE, tried).judge(1, Verdict("keep", 0, 120, 20, 1e-9))
    written(tmp_path / "same", BASE)
    written(tmp_path / "none")
    (tmp_path / "none" / "ledger.jsonl").write_text("")
    jobs = [
        Job(["goal=mixed", "seed=0"], tmp_path / "one", 0),
        Job(["goal=mixed", "seed=1"], tmp_path / "one", 2),
        Job(["goal=mixed", "seed=2"], tmp_path / "same", 0),
        Job(["goal=mixed", "seed=3"], tmp_path / "none", 0),
        Job(["goal=mixed", "++goal.x=3"]),
    ]
    sweep.show(jobs)
    assert rows(capsys.readouterr().out)[1:] == [
        [str(tmp_path / "one"), "1 generated/sft lora=8", "25.0 ± 2.0 %", "50.0 ± 2.5 %", "keep: +120 -20, p = 1e-09",
         "not confirmed", "2"],
        [str(tmp_path / "same"), "0 base model", "25.0 ± 2.0 %", "25.0 ± 2.0 %", "none is better",
         "not confirmed", "0"],
        [str(tmp_path / "none"), "-", "-", "-", "-", "-", "0"],
        ["goal.x=3", "-", "-", "-", "-", "-", "2"],
    ]  # fmt: skip


def test_no_table_of_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    """If no study was begun, the messages have said it all."""
    sweep.show([Job(["seed=x"]), Job(["seed=y"])])
    assert capsys.readouterr().out == ""
