"""Whole studies on the embedded model: the scores that they have always had, a collapse that ends in a remedy, two
trials at once, a trial found again by its handle."""

import json
import multiprocessing
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import HERE, scope
from made import IDLE

from intern.cli.study import nothing_ran
from intern.config import choices, gate
from intern.config.library import Library
from intern.config.schema import Compute
from intern.data import items
from intern.records import Trial
from intern.study import events
from intern.study import run as studies
from intern.study.ledger import Ledger
from intern.study.reader import Reader

FIGURES = json.loads(Path(__file__).with_name("figures.json").read_text())
COLLAPSE = """\
summary: GRPO with an absurd learning rate
stages: [data, grpo]
data: {rows: 100}
grpo: {learning_rate: 3e-2, max_steps: 40, per_device_train_batch_size: 16, num_generations: 4,
       max_completion_length: 32, logging_steps: 1, activation_checkpointing: false}
rewards: {goal: 1.0}
tunable: {grpo.learning_rate: {low: 1e-5, high: 1e-1, log: true}}
"""
BROKEN = """\
summary: a column that the data set has not
stages: [data, sft]
data: {mix: [{hub: some/set, columns: {question: asked, answer: a}}]}
sft: {max_steps: 1, max_length: 64}
"""
SMALL = ("goal=arithmetic", "model=tiny", "goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0")


def finished(scope: gate.Scope, library: Library) -> list[events.Event]:
    """Run a study to its end; return what it told."""

    def publish(study: Reader, winner: Trial) -> None:
        raise AssertionError("nothing is confirmed here")

    return list(studies.run(scope, library, publish))


def test_the_same_scores_as_ever(tmp_path: Path) -> None:
    """SFT, then GRPO, then the export on test, as a person runs it. The committed figures are older than this house;
    they were the same to the digit on three instruction sets, and one item of a hundred is let pass."""
    command = [sys.executable, "-m", "intern", *FIGURES["words"]]
    ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=600)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    study = Reader(tmp_path / "outputs" / "figures")
    assert [trial.state for trial in study.trials] == ["COMPLETE"] * 3 and study.winner == study.trials[1]
    for trial, wanted in zip(study.trials, FIGURES["scores"], strict=True):
        assert [(s.split, s.shots, s.n) for s in trial.scores] == [tuple(w[:3]) for w in wanted]
        for score, (_, _, _, value) in zip(trial.scores, wanted, strict=True):
            assert score.value == pytest.approx(value, abs=0.0 if trial.kind == "baseline" else 0.01)
    made = [run.stage for run in study.trials[1].stages]
    assert made == ["synthetic", "sft", "grpo", "score"]
    assert (study.folder / "export" / "README.md").exists() and (study.folder / "export" / "recipe.yaml").exists()


def test_a_winner_whose_weights_are_damaged_is_made_again(tmp_path: Path) -> None:
    """Before it is exported: the export is what the trial scored; and once more if the export itself is damaged before
    the study has ended."""
    words = [*SMALL, "recipe=generated/sft", "recipe.sft.max_steps=12", "proposer=fixed", "quiet=true", "study=mended"]
    words += ["recipe.sft.per_device_train_batch_size=16", "recipe.synthetic.rows=400"]

    def run(*more: str) -> Reader:
        command = [sys.executable, "-m", "intern", *words, *more]
        ended = subprocess.run(command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=600)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return Reader(tmp_path / "outputs" / "mended")

    study = run("proposer.confirm=false")
    winner = study.trials[1]
    assert winner.verdict and winner.verdict.call == "keep"
    weights = study.output(winner.stages[1]) / "model.safetensors"
    before = weights.read_bytes()
    with weights.open("r+b") as file:
        file.seek(len(before) // 2)
        file.write(bytes(200))
    study = run("proposer.confirm=true")
    assert weights.read_bytes() == before and study.winner == winner
    confirmed = study.trials[2]
    assert [(run.name, run.reused) for run in confirmed.stages] == [
        ("synthetic", True), ("sft", False), ("export", False), ("score", False), ("score", False)
    ]  # fmt: skip
    assert [score.split for score in confirmed.scores] == ["test"]
    ledger = study.folder / "ledger.jsonl"
    lines = ledger.read_text().splitlines(keepends=True)
    assert '"end"' in lines[-1]
    ledger.write_text("".join(lines[:-1]))  # a kill before it was written
    (study.output(study.exported) / "model.safetensors").write_bytes(before[:1000])
    study = run("proposer.confirm=true")
    assert [trial.kind for trial in study.trials] == ["baseline", "propose", "confirm", "confirm"]
    assert study.final == study.trials[3] and study.final.scores == confirmed.scores
    assert (study.folder / "export" / "model.safetensors").read_bytes() == before
    assert not (study.folder / "export" / "digests.json").exists()


def environment() -> dict[str, str]:
    """The environment of a run from another folder."""
    return {**os.environ, "PYTHONPATH": str(HERE)}


def test_a_study_goes_on_after_a_failure_and_mends_a_collapse(
    tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The broken recipe FAILs, the collapsing one is PRUNED without weights, and its remedy is the next trial."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "mirror" / "some" / "set"
    folder.mkdir(parents=True)
    items.write(folder / "train.jsonl", [{"q": "Which?", "a": "1"}])
    recipes = {}
    for name, text in (("broken", BROKEN), ("collapse", COLLAPSE)):
        (tmp_path / f"{name}.yaml").write_text(text)
        adopted = library.adopt(tmp_path / f"{name}.yaml")
        recipes[adopted] = library.load(adopted)
    words = (
        *SMALL,
        *("study=mends", "budget.trials=1", "proposer.confirm=false", "compute.threads=1"),
        f"compute.mirror={folder.parents[1]}",
    )
    asked = gate.Scope(scope(library, *words).config, recipes, {}, "python -m intern")
    told = finished(asked, library)
    study = Reader(tmp_path / "outputs" / "mends")
    baseline, broken, collapsed, mended = study.trials  # three cheap ones fit into one
    assert [event.trial.number for event in told if isinstance(event, events.Settled)] == [0, 1, 2, 3]
    assert baseline.state == "COMPLETE"
    assert (broken.recipe, broken.state) == ("file/broken", "FAIL")
    assert broken.reason == "data: some/set has no column asked; it has q, a."
    assert (collapsed.recipe, collapsed.state, collapsed.scores) == ("file/collapse", "PRUNED", ())
    found = collapsed.diagnosis
    assert found and found.rule in ("reward_collapse", "divergence", "decline", "format_problem", "truncation")
    assert found.stage == "grpo" and found.step < 12 and len(found.remedies) == 2
    out = study.output(collapsed.stages[-1])
    assert {path.name for path in out.iterdir()} == {"metrics.jsonl", "diagnosis.json", "digests.json"}
    rows = study.metrics(collapsed, study.begun(collapsed)[-1])
    steps = [row for row in rows if "reward" in row]
    assert [row["step"] for row in steps] == list(range(1, len(steps) + 1)) and rows[-1]["step"] == found.step
    assert "rewards/exact_answer/mean" in steps[0] and "rewards/answer_line/mean" not in steps[0]
    assert (mended.parent, mended.recipe) == (collapsed.number, collapsed.recipe)
    assert mended.overrides == found.remedies[0] and 0.0 < mended.overrides["grpo.learning_rate"] < 0.03
    assert mended.stages[0].reused and mended.stages[0].out == collapsed.stages[0].out
    assert mended.state in ("COMPLETE", "PRUNED")


def test_a_study_without_a_winner_goes_on_with_more_budget(
    tmp_path: Path, random_model: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its test items are unspent. The baseline may use up the budget; then it is said that nothing was run."""
    monkeypatch.chdir(tmp_path)
    Path("idle.yaml").write_text(IDLE)
    words = ("goal=arithmetic", f"model={random_model}", "recipe=idle.yaml", "proposer=random", *SMALL[2:])
    told = studies.run(scope(library, *words, "study=more", "compute.threads=1"), library, lambda study, winner: None)
    next(event for event in told if isinstance(event, events.Ended))
    told.close()
    used = f"budget.hours={Ledger(Path('outputs') / 'more').spent / 3600}"
    for more, ran in ((used, 0), ("budget.trials=1", 1), ("budget.trials=2", 2), ("budget.trials=2", 2)):
        asked = scope(library, *words, "study=more", "compute.threads=1", more)
        finished(asked, library)
        study = Reader(Path("outputs") / "more")
        assert [trial.kind for trial in study.trials] == ["baseline"] + ["propose"] * ran
        assert study.ledger.end and study.ledger.end["winner"] is None and not study.ledger.closed
        failure = nothing_ran(study, asked)
        if ran:
            assert failure is None
        else:
            assert failure and failure.startswith("No trial of study outputs/more was run: ") and "dev_items" in failure


def test_two_trials_at_once(tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """They overlap, each runs once and is judged, and the budget is not overrun."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short.yaml").write_text(
        "summary: short\nstages: [data, sft]\ndata: {rows: 40}\nsft: {max_steps: 2, max_length: 64, logging_steps: 1, "
        "activation_checkpointing: false}\ntunable: {sft.learning_rate: {low: 1e-5, high: 1e-2, log: true}}\n"
    )
    words = (*SMALL, "recipe=short.yaml", "study=two", "proposer=random", "budget.trials=3", "proposer.confirm=false")
    asked = scope(library, *words, "compute.slots=2")
    told = finished(asked, library)
    study = Reader(tmp_path / "outputs" / "two")
    assert [t.state for t in study.trials] == ["COMPLETE"] * 4 and all(t.verdict for t in study.trials[1:])
    assert len({t.overrides for t in study.trials[1:]}) == 3
    running, most = set(), 0
    for event in told:
        if isinstance(event, events.Started):
            running.add(event.trial.number)
        elif isinstance(event, events.Ended):
            running.discard(event.trial.number)
        most = max(most, len(running))
    assert most == 2


@pytest.fixture
def detached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A launcher whose trials outlive their coordinator, as a cluster's do, as a plug-in."""
    (tmp_path / "plugins" / "launchers").mkdir(parents=True)
    (tmp_path / "plugins" / "launchers" / "detached.py").write_text(DETACHED)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "plugins"))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    yield tmp_path


DETACHED = '''\
"""Trials as processes of their own, found again by their name in the process table."""

import os
import signal
import subprocess
import sys
from pathlib import Path


class Detached:
    def submit(self, folder, name):
        command = [sys.executable, "-c", "import sys; from intern.trial.worker import main; main(sys.argv[1])"]
        made = subprocess.Popen([*command, str(folder), name], start_new_session=True)
        return f"pid {made.pid}"

    def find(self, name):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    words = (entry / "cmdline").read_bytes().split(b"\\0")
                except OSError:
                    continue
                if name.encode() in words:
                    return f"pid {entry.name}"
        return None

    def state(self, handle):
        number = handle.split()[1]
        try:
            os.waitpid(int(number), os.WNOHANG)
        except ChildProcessError:
            pass
        stat = Path("/proc") / number / "stat"
        alive = stat.exists() and stat.read_text().split()[2] != "Z"
        return "running" if alive else "ended"

    def logs(self, handle):
        return ""

    def cancel(self, handle):
        os.kill(int(handle.split()[1]), signal.SIGKILL)

    def close(self):
        pass


def open_launcher(compute):
    return Detached()
'''


def test_a_trial_is_found_again(detached: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two coordinators die while a trial runs elsewhere, the first before it noted the handle: the second finds the
    trial by its name, the third by its handle; no second worker is started, and its result is taken."""
    monkeypatch.chdir(detached)
    choices.register(library)  # again: now there is a plug-in
    name = f"found{os.getpid()}"  # which no process of another run has
    asked = scope(library, *SMALL, "recipe=generated/sft", f"study={name}", "proposer=fixed", "compute=detached")
    folder = detached / "outputs" / name
    found = None
    for noted in (False, True):
        coordinator = multiprocessing.get_context("fork").Process(target=die, args=(asked, library, noted))
        coordinator.start()
        coordinator.join()
        (last,) = Ledger(folder).handles.values()
        assert (last["number"], last["attempt"]) == (0, 1) and ("handle" in last) == noted
        again = studies.open_launcher(Compute("detached")).find(f"{name}-000-1")
        assert again and found in (None, again) and last.get("handle", again) == again
        found = again
    told = studies.run(asked, library, lambda study, winner: None)
    for event in told:
        if isinstance(event, events.Ended):
            break
    told.close()
    study = Reader(folder)
    assert study.trials[0].state == "COMPLETE" and study.ledger.handles[0]["attempt"] == 1
    started = [row for row in rows(study.place(0) / "events.jsonl") if row["event"] == "start"]
    assert len(started) == 1


def die(asked: gate.Scope, library: Library, noted: bool) -> None:
    """Be a coordinator that dies right after it has submitted trial 0, or found it."""
    if not noted:
        Ledger.submitted = lambda self, number, handle: os._exit(1)  # type: ignore[method-assign]
    for event in studies.run(asked, library, lambda study, winner: None):
        if isinstance(event, events.Started):
            time.sleep(0.1)
            os._exit(1)


def rows(path: Path) -> list[dict[str, Any]]:
    """The lines of a JSON-lines file."""
    return [json.loads(line) for line in path.read_text().splitlines()]
