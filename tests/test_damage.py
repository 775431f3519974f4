"""Damaged files: whatever is left of any file of a study, each command that reads it says so in one line with the way
on, or does without it; and the way on that it names is one."""

import json
import math
import re
import shutil
import subprocess
from pathlib import Path

import commandline
import pytest
from commandline import Ended, Run
from conftest import HERE
from made import IDLE

from intern import damage, files
from intern.errors import UserError
from intern.overrides import Overrides
from intern.records import Proposal, StageRun, Trial, Verdict
from intern.search import sampler
from intern.study import ledger
from intern.study.ledger import Ledger
from intern.trial.job import Result

run = commandline.run  # the fixture
GARBAGE = {
    "empty": lambda whole: b"",
    "half": lambda whole: whole[: len(whole) // 2],
    "zeros": lambda whole: bytes(len(whole)),
    "a garbage line": lambda whole: whole.replace(b"\n", b"\n\xff{garbage\n", 2),
    "a list": lambda whole: b"[1]\n",
    "another object": lambda whole: b'{"a": 1}\n',
    "deep": lambda whole: b"[" * 10_000 + b"\n",
}
FILES = (
    *("study.json", "ledger.jsonl", "store/items-*/dev.jsonl", "store/items-*/constant.json"),
    *("trials/000/job.json", "trials/001/config.yaml", "trials/001/events.jsonl"),
    *("trials/001/1-sft/metrics.jsonl", "trials/001/0-data/cleaning.json", "trials/001/2-score/samples.jsonl"),
    *("trials/000/0-score/samples.jsonl", "trials/002/1-score/samples.jsonl"),
)
READS = (("trials", "idle"), ("report", "idle"), ("recipes", "export", "idle"))
WORDS = ("goal=arithmetic", "recipe=idle.yaml", "study=idle", "proposer=random", "proposer.confirm=false", "quiet=true")
SMALL = ("goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0", "compute.threads=1", "budget.trials=1")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, random_model: Path) -> Path:
    """A folder with a real study of one trial."""
    folder = tmp_path_factory.mktemp("made")
    (folder / "idle.yaml").write_text(IDLE)
    ended = commandline.shell(*words(random_model), cwd=folder, PYTHONPATH=str(HERE))
    assert ended.returncode == 0, ended.stderr
    return folder


def words(model: Path) -> tuple[str, ...]:
    """The study's command."""
    return (*WORDS, *SMALL, f"model={model}")


@pytest.fixture
def study(made: Path, tmp_path: Path) -> Path:
    """A copy of that study."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True, symlinks=True)
    return tmp_path / "outputs" / "idle"


@pytest.fixture
def won(study: Path) -> Path:
    """One whose trial has won."""
    kept = Ledger(study)
    base, trial = kept.trials
    (test,) = [s for s in base.scores if s.split == "test"]
    folder = study / "trials" / "002"
    shutil.copytree(study / "trials" / "001", folder)
    shutil.rmtree(folder / "1-sft")
    shutil.copytree(study / "trials" / "000" / "1-score", folder / "1-score")
    kept.judge(1, Verdict("keep", 0, 9, 0, 0.01))
    kept.propose(Trial(2, "confirm", "RUNNING", 1, trial.recipe))
    runs = (StageRun("export", "export", "export-x", False, 1.0), StageRun("score", "score", "s", False, 1.0, "test"))
    kept.finish(2, Result("COMPLETE", (test,), stages=runs, seconds=2.0))
    kept.finish_study("done", 1)
    return study


def told(ended: Ended) -> str:
    """The one line that a command ended with; "" if it did without the file."""
    assert "Traceback" not in ended.out + ended.err and ended.status in (0, 2), ended
    lines = [line for line in ended.err.splitlines() if line.startswith("intern: ")]
    assert len(lines) == (ended.status == 2), ended
    return lines[0] if lines else ""


@pytest.mark.parametrize("name", FILES)
def test_every_command_tells_of_a_damaged_file(won: Path, run: Run, name: str) -> None:
    """Or does without it: never a traceback, and the line names the file, what is wrong with it and the way on."""
    (path,) = won.glob(name)
    whole, seen = path.read_bytes(), set()
    for how, change in GARBAGE.items():
        path.unlink()  # some are links to the store's
        path.write_bytes(change(whole))
        for command in READS:
            line = told(run(*command))
            if line and not (path.name == ledger.FILE and how == "half"):  # any beginning of a ledger is one
                assert path.name in line and re.search(r"is damaged: .+\. \w|has format None", line), line
                assert re.search(r"[Dd]elete it|[Pp]ut it back|Cut it|Use the version", line), line
                seen.add(how)
        path.write_bytes(whole)
    assert {"a garbage line", "zeros"} <= seen or path.name in ("cleaning.json", "constant.json", "job.json"), seen


@pytest.mark.parametrize("how", ["empty", "a garbage line"])
@pytest.mark.parametrize("name", ["study.json", "ledger.jsonl", "trials/001/result.json", "trials/001/job.json"])
def test_a_resume_tells_of_a_damaged_file(study: Path, random_model: Path, run: Run, name: str, how: str) -> None:
    """One line for what it reads; and after the ledger was cut or the result deleted, as the line says, the study goes
    on to the same end without a stage made twice."""
    path, before = study / name, Ledger(study).trials
    if name.startswith("trials"):  # what an interrupted trial leaves
        lines = (study / ledger.FILE).read_bytes().splitlines(keepends=True)
        cut = next(n for n, line in enumerate(lines) if b'"result", ' in line and b'"number": 1' in line)
        (study / ledger.FILE).write_bytes(b"".join(lines[:cut]))
    if path.name == "job.json":
        path.with_name("result.json").unlink()
    whole = path.read_bytes()
    path.write_bytes(GARBAGE[how](whole))
    line = told(run(*words(random_model)))
    assert f"{path.relative_to(study.parents[1])}" in line and "is damaged: " in line, line
    if command := re.search(r"\((sed .*?)\)", line):
        subprocess.run(command[1], shell=True, cwd=study.parents[1], check=True)
    elif "elete it" in line:
        path.unlink()
    else:
        path.write_bytes(whole)
    assert told(run(*words(random_model))) == ""
    trials = Ledger(study).trials
    assert [t.scores for t in trials] == [t.scores for t in before]
    assert [[run.out for run in t.stages] for t in trials] == [[run.out for run in t.stages] for t in before]


def test_a_study_whose_file_has_gone_is_not_made_anew(study: Path, random_model: Path, run: Run) -> None:
    """It could be given another goal or model, whose scores would stand beside the old ones."""
    (study / "study.json").unlink()
    line = told(run(*words(random_model)))
    assert "study.json has gone, and ledger.jsonl is there. It says what the study is: put it back" in line
    assert not (study / "study.json").exists()


def test_samples_come_from_the_store_or_are_left_out(won: Path, run: Run) -> None:
    """As the line says that is told of damaged ones."""
    path = won / "trials" / "000" / "0-score" / "samples.jsonl"
    path.unlink()
    assert told(run("report", "idle")) == ""
    for kept in won.glob("store/score-*/samples.jsonl"):
        kept.unlink()
    assert told(run("report", "idle")) == "" and told(run("trials", "idle")) == ""


def test_what_cannot_be_judged(won: Path) -> None:
    """A comparison needs the outcomes of both."""
    from intern.study.reader import Reader

    for kept in (*won.glob("store/score-*/samples.jsonl"), won / "trials" / "001" / "2-score" / "samples.jsonl"):
        kept.unlink()
    with pytest.raises(UserError, match=r"samples.jsonl has gone, and trial 1 cannot be compared without it: put it"):
        Reader(won).outcomes(1)


def test_a_ledger_that_lacks_a_line(tmp_path: Path) -> None:
    """A trial that no line begins is told at the line that speaks of it."""
    kept = Ledger(tmp_path)
    for number in range(3):
        kept.propose(Trial(number, "propose", "RUNNING"))
    lines = kept.path.read_bytes().splitlines(keepends=True)
    for lost, said in ((0, "line 1, is damaged: ValueError"), (1, "line 2, is damaged: .*begins trial 2, and")):
        kept.path.write_bytes(b"".join(line for n, line in enumerate(lines) if n != lost))
        with pytest.raises(UserError, match=said):
            Ledger(tmp_path)
    row = {"event": "verdict", "time": 1.0, "number": 7, "verdict": {}}
    kept.path.write_bytes(b"".join(lines) + json.dumps(row).encode() + b"\n")
    with pytest.raises(UserError, match=r"line 4, is damaged: .*\(sed -i '4,\$d' "):
        Ledger(tmp_path)


def test_a_damaged_journal_is_made_again(tmp_path: Path, study: Path) -> None:
    """From the ledger, once it is deleted as the line says; the same values are asked for."""
    from intern.study.reader import Reader

    reader = Reader(study)
    recipe = reader.recipe(1)
    proposal = Proposal(recipe.name, Overrides(), "sweep", sweep=tuple(recipe.contract))
    asked = sampler.ask(tmp_path, recipe, proposal, reader.trials, 0)
    journal = tmp_path / sampler.JOURNAL
    whole = journal.read_bytes()
    for change in GARBAGE.values():
        journal.write_bytes(change(whole))
        try:
            sampler.ask(tmp_path, recipe, proposal, reader.trials, 0)
        except UserError as error:
            assert "optuna.journal is damaged: " in str(error) and "Delete it" in str(error)
    journal.write_bytes(GARBAGE["a garbage line"](whole))
    with pytest.raises(UserError, match="Delete it, and the study's command makes it again"):
        sampler.ask(tmp_path, recipe, proposal, reader.trials, 0)
    journal.unlink()
    assert sampler.ask(tmp_path, recipe, proposal, reader.trials, 0) == asked


def test_whole_writes_are_on_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file before it gets its name, and then the name; of lines that are appended the first one's name as well."""
    synced: list[str] = []
    real = files.os.fsync

    def noted(number: int) -> None:
        synced.append(Path(f"/proc/self/fd/{number}").readlink().name)
        real(number)

    monkeypatch.setattr(files.os, "fsync", noted)
    files.write_whole(tmp_path / "a.json", {"a": 1})
    assert synced == ["a.json.part", tmp_path.name]
    synced.clear()
    for _ in range(2):
        files.append(tmp_path / "b.jsonl", {"b": 1})
    assert synced == ["b.jsonl", tmp_path.name, "b.jsonl"]


def test_lines(tmp_path: Path) -> None:
    """All at once or one by one, the same; what follows the last line break is under way."""
    path = tmp_path / "x.jsonl"
    number, text = damage.rows(path, b'{"a": NaN}\n{"b": "\\ud800"}\n{"c')
    assert math.isnan(number["a"]) and text == {"b": "\ud800"}
    assert damage.rows(path, b"") == []
    for text, line in ((b'{"a": 1}\n1, 2\n', 2), (b"\n", 1), (b'{"a": 1}\n{"a": [1\n2]}\n', 2), (b"{}, {}\n", 1)):
        with pytest.raises(UserError, match=f"x.jsonl, line {line}, is damaged"):
            damage.rows(path, text)
