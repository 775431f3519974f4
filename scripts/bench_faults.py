"""What becomes of studies that are broken while they run, or whose files are damaged: one table.

First one study is run unbroken. Then the same study is run again and again, and its processes are killed at random
moments: the coordinator, the trial's worker, the warm server, the stage's child. Winner, scores and weights must be
those of the unbroken run, no finished output may be made twice, and no process may be left ten seconds after its
coordinator died. Then each of the files of a finished study is damaged, and what is said is looked at. Last, how far
studies overrun their hours. About an hour on two cores:

    python scripts/bench_faults.py outputs/faults --kills 100"""

import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from intern import digests
from intern.study.reader import Reader

STUDY = (
    *("goal=mixed", "model=tiny", "goal.dev_items=60", "goal.test_items=60", "goal.few_shot=0", "quiet=true"),
    *("budget.trials=4", "budget.hours=100", "compute.checkpoint_minutes=0.02", "compute.threads=1"),
)
LONGEST = 6.0  # seconds that a process is let live once it is there
TARGETS = ("coordinator", "worker", "server", "child")
Row = tuple[str, str, bool]


@dataclass
class Run:
    """A command whose processes are known by a mark in their environment."""

    words: list[str]
    """The command's words."""
    mark: str = field(default_factory=lambda: uuid.uuid4().hex)
    """What marks them."""
    process: subprocess.Popen[str] | None = None
    """The coordinator."""

    def start(self) -> None:
        """Start it, or start it again."""
        command = [sys.executable, "-m", "intern", *self.words]
        env = {**os.environ, "FAULTS_MARK": self.mark}
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, env=env, stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def processes(self) -> dict[str, list[int]]:
        """Return its processes by what they are."""
        found: dict[str, list[int]] = {name: [] for name in TARGETS}
        marked = {pid: parent for pid, parent in living() if self.mark.encode() in environment(pid)}
        assert self.process
        for pid, parent in marked.items():
            if pid == self.process.pid:
                found["coordinator"].append(pid)
            elif b"forkserver" in command_of(pid) and parent == self.process.pid:
                found["server"].append(pid)
        for pid, parent in marked.items():
            if parent in found["server"]:
                found["worker"].append(pid)
        for pid, parent in marked.items():
            if parent in found["worker"]:
                found["child"].append(pid)
        return found

    def left(self) -> int:
        """Return how many of its processes there are."""
        return sum(self.mark.encode() in environment(pid) for pid, _ in living())


def living() -> Iterator[tuple[int, int]]:
    """Yield (process, its parent) for every process that is no zombie."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                told = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if told[0] != "Z":
                yield int(entry.name), int(told[1])


def environment(pid: int) -> bytes:
    """Return a process's environment as it started, or nothing if that may not be read."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""


def command_of(pid: int) -> bytes:
    """Return a process's command line."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def outcome(folder: Path) -> dict[str, object]:
    """Return what must not depend on kills: trials, scores, winner, and the digests of all weights."""
    study = Reader(folder)
    trials = [
        (t.kind, t.recipe, t.state, t.overrides.lines(), [(s.split, s.value) for s in t.scores]) for t in study.trials
    ]
    weights = {
        run.out: json.loads((study.output(run) / digests.NAME).read_text())["model.safetensors"]
        for trial in study.trials
        for run in trial.stages
        if (study.output(run) / "model.safetensors").exists()
    }
    return {"trials": trials, "winner": study.winner and study.winner.number, "weights": weights}


def finished(folder: Path) -> dict[str, int]:
    """Return the inode of every finished output."""
    made = (path for path in (folder / "store").glob("*") if "." not in path.name)
    return {path.name: path.stat().st_ino for path in made}


def broken_study(out: Path, number: int, rng: random.Random, kills: Counter[str], faults: list[str], most: int) -> None:
    """Run the study once more until it ends, and kill its processes in turn, each at a random moment of its life; count
    the kills, note what went wrong.

    A worker, a server or a child is killed once a stage: a second death in one stage is taken for the stage's fault."""
    folder = out / f"broken-{number}"
    run, met = Run([*STUDY, f"outputs={out}", f"study={folder.name}"]), set[tuple[str, ...]]()
    run.start()
    assert run.process
    turn, wait = rng.choice(TARGETS), rng.uniform(0.0, LONGEST)
    while run.process.poll() is None:
        time.sleep(0.1)
        there, stage = run.processes(), under_way(folder)
        if not there[turn] or kills.total() >= most or (turn != "coordinator" and stage in met):
            continue
        if (wait := wait - 0.1) > 0:
            continue
        before = finished(folder)
        if turn != "coordinator":
            met.add(stage)
        os.kill(there[turn][0], signal.SIGKILL)
        kills[turn] += 1
        if turn == "coordinator":
            run.process.communicate()
            faults += orphans(run, folder.name)
            run.start()
        if not before.items() <= finished(folder).items():
            faults.append(f"{folder.name}: an output was made twice")
        turn, wait = rng.choice(TARGETS), rng.uniform(0.0, LONGEST)
    said, _ = run.process.communicate()
    if run.process.returncode:
        faults.append(f"{folder.name}: exit {run.process.returncode}: {said.strip()[-200:]}")


def under_way(folder: Path) -> tuple[str, ...]:
    """Return the outputs that are being made."""
    return tuple(sorted(path.name for path in folder.glob("trials/*/*.part")))


def orphans(run: Run, name: str) -> list[str]:
    """Return a fault if processes are left ten seconds after their coordinator died."""
    deadline = time.monotonic() + 10
    while run.left() and time.monotonic() < deadline:
        time.sleep(0.1)
    return [f"{name}: {run.left()} processes 10 s after their coordinator"] if run.left() else []


def killed(out: Path, most: int, seed: int) -> Iterator[Row]:
    """Yield what came of studies whose processes were killed."""
    subprocess.run([sys.executable, "-m", "intern", *STUDY, f"outputs={out}", "study=whole"], check=True)
    whole, kills, faults, rng = outcome(out / "whole"), Counter[str](), list[str](), random.Random(seed)
    number = 0
    while kills.total() < most:
        number += 1
        broken_study(out, number, rng, kills, faults, most)
        if outcome(out / f"broken-{number}") != whole:
            faults.append(f"broken-{number}: another outcome")
        print(f"{kills.total()} of {most} kills in {number} studies; {len(faults)} faults", file=sys.stderr)
    told = ", ".join(f"{count} of the {name}" for name, count in sorted(kills.items()))
    trials = len(Reader(out / "whole").trials)
    what = f"{kills.total()} kills in {number} studies of {trials} trials: {told}"
    yield what, "; ".join(faults) or "the same", not faults


def emptied(path: Path) -> None:
    """Leave nothing in a file."""
    path.write_bytes(b"")


def garbled(path: Path) -> None:
    """Put a line that is no JSON into the middle of a file."""
    lines = path.read_bytes().splitlines(keepends=True)
    lines.insert(len(lines) // 2, b"\x00\xff garbage {\n")
    path.write_bytes(b"".join(lines))


def flipped(path: Path) -> None:
    """Change 200 bytes in the middle of a file."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 200] = bytes(byte ^ 0xFF for byte in data[middle : middle + 200])
    path.write_bytes(bytes(data))


DAMAGES: tuple[tuple[Callable[[Path], None], str], ...] = (
    (emptied, "study.json"),
    (Path.unlink, "study.json"),
    (garbled, "ledger.jsonl"),
    (emptied, "ledger.jsonl"),
    (garbled, "optuna.journal"),
    (emptied, "trials/001/job.json"),
    (emptied, "trials/001/config.yaml"),
    (emptied, "trials/001/result.json"),
    (garbled, "trials/001/events.jsonl"),
    (emptied, "trials/001/*-score/samples.jsonl"),
    (garbled, "trials/001/*-sft/metrics.jsonl"),
    (flipped, "store/sft-*/model.safetensors"),
    (flipped, "store/export-*/model.safetensors"),
    (Path.unlink, "store/items-*/dev.jsonl"),
)
COMMANDS = {"trials": ("trials", "STUDY"), "report": ("report", "STUDY")}  # and the study's own, twice


def damaged(out: Path) -> Iterator[Row]:
    """Yield what is said of damaged files: a line, or nothing if it does not matter, but never a traceback."""
    again = (*STUDY, f"outputs={out}", "study=damaged")
    for damage, pattern in DAMAGES:
        if not any((out / "whole").glob(pattern)):
            yield f"{damage.__name__} {pattern}", "the study has no such file", False
            continue
        said, raw = [], False
        for what, words in (*COMMANDS.items(), ("again", again), ("more", (*again, "budget.trials=5"))):
            folder = out / "damaged"
            shutil.rmtree(folder, ignore_errors=True)
            shutil.copytree(out / "whole", folder, symlinks=True)
            damage(min(folder.glob(pattern)))
            command = [sys.executable, "-m", "intern", *(word.replace("STUDY", str(folder)) for word in words)]
            ended = subprocess.run(command, capture_output=True, text=True)
            last = (ended.stderr.strip().splitlines() or ["nothing"])[-1][:120]
            said.append(f"{what}: exit {ended.returncode}: {last}")
            raw = raw or "Traceback" in ended.stderr
        yield f"{damage.__name__} {pattern}", "\n".join(said), not raw


def overrun(out: Path) -> Iterator[Row]:
    """Yield by how many seconds studies exceed their hours, from the start of the command to its end."""
    for hours in (0.02, 0.05, 0.2):
        words = [*STUDY[:5], "quiet=true", f"budget.hours={hours}", "budget.trials=99", f"outputs={out}"]
        began = time.monotonic()
        subprocess.run([sys.executable, "-m", "intern", *words, f"study=hours-{hours}"], capture_output=True)
        over = time.monotonic() - began - 3600 * hours
        yield f"budget.hours={hours}", f"{over:+.0f} s of {3600 * hours:.0f}", over < 60


def main() -> None:
    """Run what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=("kills", "damage", "hours"), action="append")
    args = parser.parse_args()
    out, wanted = args.out.resolve(), args.only or ["kills", "damage", "hours"]
    out.mkdir(parents=True, exist_ok=True)
    table = Table("what was done", "what came of it", "as it should be")
    if "kills" in wanted:
        for row in killed(out, args.kills, args.seed):
            table.add_row(row[0], row[1], "yes" if row[2] else "NO")
    for part, rows in (("damage", damaged), ("hours", overrun)):
        for row in rows(out) if part in wanted else ():
            table.add_row(row[0], row[1], "yes" if row[2] else "NO")
    Console(width=190).print(table)


if __name__ == "__main__":
    main()
