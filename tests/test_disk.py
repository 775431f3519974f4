"""A full disk, for real: a small tmpfs as the outputs of real runs. What does not fit fails or stops with one line,
and goes on once there is space."""

import errno
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import commandline
import pytest
from commandline import Ended, Run

from intern import digests, files
from intern.config import schema, typed
from intern.errors import UserError
from intern.study import ledger
from intern.study.ledger import Ledger
from intern.trial import job as jobs
from intern.trial.job import Input, Job, Step
from intern.trial.store import LocalStore

run = commandline.run  # the fixture
RECIPE = """\
summary: short
suits: [arithmetic]
stages: [data, sft]
data: {rows: 20}
sft: {max_steps: 2, per_device_train_batch_size: 4, max_length: 64, logging_steps: 1, activation_checkpointing: false}
tunable: {sft.learning_rate: {low: 1.0e-5, high: 1.0e-2, log: true}}
"""
SMALL = ["goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0", "compute.threads=1", "budget.trials=1"]
WORDS = [
    "goal=arithmetic",
    "model=tiny",
    "recipe=short.yaml",
    "study=full",
    "proposer=random",
    "proposer.confirm=false",
]
WORDS += SMALL


@pytest.fixture
def outputs(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MB; `resized` gives it another size."""
    folder = tmp_path / "outputs"
    folder.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no file system can be mounted here: {made.stderr.strip() or 'not allowed'}")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


def resized(folder: Path, size: str) -> None:
    """Give the file system another size, as a person who frees space."""
    subprocess.run(["mount", "-o", f"remount,size={size}", folder], check=True)


def fill(folder: Path) -> Path:
    """Take all the space that is left; deleting the file gives it back."""
    ballast = folder / "ballast"
    with pytest.raises(OSError, match="No space left"), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(4096))
    return ballast


def test_every_library_s_word_for_a_full_disk(outputs: Path, tmp_path: Path) -> None:
    """What saving weights, the trainer's state, a copy and a plain write make of it; other faults are not it."""
    import torch
    from safetensors.torch import save_file

    big = {"a": torch.zeros(500_000)}
    (tmp_path / "from").mkdir()
    (tmp_path / "from" / "big").write_bytes(bytes(2_000_000))
    writes: list[Callable[[], object]] = [
        lambda: save_file(big, outputs / "a.safetensors"),
        lambda: torch.save(big, outputs / "a.pt"),
        lambda: shutil.copytree(tmp_path / "from", outputs / "to"),
        lambda: (outputs / "a.txt").write_text("a" * 2_000_000),
    ]
    for write in writes:
        with pytest.raises(Exception) as caught:
            write()
        assert files.is_full(caught.value), repr(caught.value)
        for path in outputs.rglob("*"):
            path.is_file() and path.unlink()
    wrapped = RuntimeError("the trainer gave up")
    wrapped.__cause__ = OSError(errno.EDQUOT, "Disk quota exceeded")
    assert files.is_full(wrapped)
    for other in (OSError(errno.EACCES, "Permission denied"), ValueError("no"), FileNotFoundError(2, "No such file")):
        assert not files.is_full(other)


def test_a_line_is_there_whole_or_not_at_all(outputs: Path) -> None:
    """The ledger on a disk that fills up: the event that does not fit leaves no trace, and the next one is whole."""
    study = outputs / "study"
    refused = pytest.raises(UserError, match=r"Cannot write ledger.jsonl: no space left.* 0.0 MB free")
    with refused as stopped, ledger.locked(study) as kept:
        kept.start("a" * 3000, {})
        ballast = fill(outputs)
        kept.start("b" * 3000, {})  # the rest of the page holds a part of it
    assert "\n" not in str(stopped.value) and str(study) in str(stopped.value)
    assert (study / ledger.FILE).read_bytes().endswith(b"\n")
    assert [start["command"][0] for start in Ledger(study).starts] == ["a"]
    ballast.unlink()
    with ledger.locked(study) as kept:
        kept.start("c" * 3000, {})
    assert [start["command"][0] for start in Ledger(study).starts] == ["a", "c"]


def test_a_torn_line_is_cut_on_a_full_disk(outputs: Path) -> None:
    """Mending needs no space."""
    study = outputs / "study"
    study.mkdir()
    (study / ledger.FILE).write_text('{"event": "start"}\n{"event": "sta')
    fill(outputs)
    files.mend(study / ledger.FILE)
    assert (study / ledger.FILE).read_text() == '{"event": "start"}\n'


def test_a_worker_without_room_for_its_own_files(outputs: Path, random_model: Path) -> None:
    """It ends at once with a status of its own, and starts well when there is room."""
    from intern.launchers import local

    folder = outputs / "study" / "trials" / "000"
    kept = LocalStore(outputs / "study" / "store")
    kept.link("base", random_model)
    (kept.root / "items").mkdir()
    for split in ("dev", "test"):
        (kept.root / "items" / f"{split}.jsonl").touch()
    digests.seal(kept.root / "items")
    base, items = Input("b", "store", "base"), Input("i", "store", "items")
    asked = Job(0, 0, (Step("data", "data"),), base, base, items, str(kept.root))
    recipe, _ = typed.recipe({"stages": ["data"], "data": {"rows": 5}})
    goal = schema.Goal("sums", generator="arithmetic")
    settings = schema.Config(goal, schema.Model("m", str(random_model)), recipe, schema.Proposer("fixed"))
    settings.study, settings.compute.launcher = "study", "local"
    jobs.write(folder, asked, settings)
    ballast = fill(outputs)
    launcher = local.Local(warm=True, threads=1)
    assert ended(launcher, folder) == "full" and not (folder / "result.json").exists()
    assert not (folder / "events.jsonl").exists() or not (folder / "events.jsonl").read_text()
    ballast.unlink()
    assert ended(launcher, folder) == "ended"
    assert json.loads((folder / "result.json").read_text())["state"] == "COMPLETE"
    launcher.close()


def ended(launcher: Any, folder: Path) -> str:
    """How a worker on this folder has ended."""
    handle = launcher.submit(folder, folder.name)
    while launcher.state(handle) == "running":
        time.sleep(0.02)
    return str(launcher.state(handle))


def finished(folder: Path) -> dict[str, int]:
    """Every finished stage output, with the inode that its making gave it."""
    return {path.name: path.stat().st_ino for path in (folder / "store").glob("*") if path.suffix != ".part"}


def told(ended: Ended) -> list[str]:
    """The lines that say what stopped it, none of them a traceback."""
    lines = (ended.out + ended.err).splitlines()
    assert not any("Traceback" in line for line in lines)
    return [line for line in lines if line.startswith("intern: ")]


def test_a_checkpoint_that_does_not_fit(outputs: Path, tmp_path: Path, run: Run) -> None:
    """The trial is recorded as failed with how much was free, its half-made output is gone, and the study stops with
    one line; with more room the same command tries that config again, at no cost of budget."""
    (tmp_path / "short.yaml").write_text(RECIPE)
    folder = outputs / "full"
    ended = run(*WORDS)
    trials = Ledger(folder).trials
    assert ended.status == 2 and [t.state for t in trials] == ["COMPLETE", "FAIL"], ended
    assert trials[1].reason and trials[1].reason.startswith("sft: no space left on device: ")
    assert trials[1].reason.endswith(f"MB free at {folder / 'trials' / '001'}")
    assert len(told(ended)) == 1
    assert not list(folder.rglob("*.part"))
    before = finished(folder)
    resized(outputs, "32m")
    ended = run(*WORDS)
    assert (ended.status, Ledger(folder).trials[2].state) == (0, "COMPLETE"), ended
    assert Ledger(folder).trials[:2] == trials and before.items() <= finished(folder).items()


def test_records_that_do_not_fit(outputs: Path, tmp_path: Path, run: Run) -> None:
    """The study stops with one line; the same command goes on from there to the end."""
    (tmp_path / "short.yaml").write_text(RECIPE)
    folder = outputs / "full"
    resized(outputs, "44k")  # the baseline's scores do not fit
    ended = run(*WORDS)
    assert ended.status == 2 and len(told(ended)) == 1, ended
    assert "no space left on device: 0.0 MB free at" in told(ended)[0]
    assert Ledger(folder).trials[0].kind == "baseline"
    before = finished(folder)
    resized(outputs, "32m")
    ended = run(*WORDS)
    assert ended.status == 0 and [t.state for t in Ledger(folder).trials] == ["COMPLETE", "COMPLETE"], ended
    assert before and before.items() <= finished(folder).items()
