"""Kill -9 the coordinator or the worker in the middle of each stage: the same command continues, repeats
nothing that had finished, and leaves no orphan."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from conftest import Marked, until

from intern.study.ledger import Ledger

RECIPE = """\
summary: every stage, short
suits: [arithmetic]
stages: [data, synthetic, sft, grpo]
sft: {max_steps: 40, per_device_train_batch_size: 16, max_length: 64, logging_steps: 1, activation_checkpointing: false}
grpo: {max_steps: 12, per_device_train_batch_size: 16, num_generations: 4, max_completion_length: 16, logging_steps: 1,
       activation_checkpointing: false}
"""


def words(tmp_path: Path, model: Path) -> list[str]:
    """A study of one trial that goes through every stage."""
    (tmp_path / "all.yaml").write_text(RECIPE)
    small = ["goal.dev_items=40", "goal.test_items=40", "goal.few_shot=0", "recipe.synthetic.rows=3000"]
    fixed = ["proposer=fixed", "compute.threads=1", "study=kill", "diagnose=false"]
    return ["goal=arithmetic", f"model={model}", "recipe=all.yaml", *fixed, *small]


def caught(folder: Path, stage: str) -> bool:
    """Whether an output of this stage is half made."""
    return any((folder / "trials").glob(f"*/{stage}-*.part"))


def finished(folder: Path) -> dict[str, int]:
    """Every finished stage output, with the inode that its making gave it."""
    return {path.name: path.stat().st_ino for path in (folder / "store").glob("*") if path.suffix != ".part"}


def worker_of(run: Marked) -> int:
    """The worker: leader of a session of its own, holding the trial's log."""
    leaders = [pid for pid in run.alive() if pid != run.process.pid and os.getsid(pid) == pid]
    return leaders[0]


def kill_coordinator(run: Marked) -> None:
    """The process that a person started; all that it started goes with it, and the same command starts again."""
    run.process.send_signal(signal.SIGKILL)
    run.process.communicate()
    assert run.gone(), f"orphans: {run.alive()}"
    run.start()


def kill_worker(run: Marked) -> None:
    """The trial's process: its stage's child dies with it, and the coordinator starts it again by itself."""
    os.kill(worker_of(run), signal.SIGKILL)


def test_killed_in_every_stage(tmp_path: Path, random_model: Path, marked: Callable[[list[str]], Marked]) -> None:
    """Now the worker, now the coordinator, while it scores, reads, makes rows and trains; then it runs to the end."""
    run, folder = marked(words(tmp_path, random_model)), tmp_path / "outputs" / "kill"
    before: dict[str, int] = {}
    run.start()
    for stage, kill in KILLS.items():
        assert until(lambda stage=stage: caught(folder, stage), 90), f"{stage} was never seen"
        kill(run)
        assert before.items() <= finished(folder).items(), f"a finished output was made again before {stage}"
        before = finished(folder)
        assert caught(folder, stage), f"{stage} had ended before the kill"
    status, out = run.finish()
    assert status == 0, out
    assert before.items() <= finished(folder).items()
    assert [t.state for t in Ledger(folder).trials] == ["COMPLETE", "COMPLETE"], out
    assert run.gone()


KILLS = {
    "score": kill_worker,
    "data": kill_worker,
    "synthetic": kill_coordinator,
    "sft": kill_worker,
    "grpo": kill_coordinator,
}
