"""Follows one trial from outside: shows how it gets on, and ends it when its time is up. It decides nothing
about the training itself; the rules that do run inside the trainer, at the same step on every machine.

    python -m intern goal=arithmetic model=tiny          a live view where there is a terminal
    python -m intern goal=arithmetic model=tiny | cat    a line for each stage
    python -m intern goal=arithmetic model=tiny quiet=true"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.live import Live

from intern.launchers import Running
from intern.records import Diagnosis, Trial
from intern.report import live
from intern.report.estimate import Look, Standing, named
from intern.report.live import label

PAUSE = 0.25  # seconds between looks; a look costs a few small reads
TAIL = 1 << 17  # bytes of metrics.jsonl that are read: more rows than a terminal has columns


def follow(
    running: Running, folder: Path, limit: float, trial: Trial, standing: Standing, console: Console, quiet: bool
) -> str | None:
    """Wait for the worker; returns None when it ended by itself, or why it was killed. `limit` in seconds."""
    watch = Watch(folder)
    try:
        with shown(folder.parent.parent.name, trial, standing, console, quiet) as show:
            while running.exit_status() is None:
                if watch.seconds() > limit:
                    running.kill()
                    return f"time is up after {limit / 60:.1f} minutes"
                show(watch.look())
                time.sleep(PAUSE)
            show(watch.look())  # what came after the last look
    except BaseException:
        running.kill()  # interrupted: nothing may outlive the coordinator
        raise
    return None


class Watch:
    """What has been seen of one attempt at a trial, and when."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.stages = folder, folder.parent.parent / "stages"
        self.start = time.monotonic()
        self.earlier = len(stage_rows(folder))  # an earlier attempt's
        self.steps = json.loads((folder / "trial.json").read_text())["steps"]
        self.began: list[float] = []
        self.trained: int | None = None
        self.marks: list[tuple[float, int]] = []

    def seconds(self) -> float:
        """Since the attempt began."""
        return time.monotonic() - self.start

    def look(self) -> Look:
        """The folder as it is now."""
        begun = stage_rows(self.folder)[self.earlier :]
        now = self.seconds()
        self.began += [now] * (len(begun) - len(self.began))
        trained, rows = self.metrics(begun)
        if rows:
            self.mark(trained, now, rows[-1]["step"])
        found = diagnosis(self.stages / begun[-1]["out"]) if begun else None
        return Look(
            now, tuple(self.steps), tuple(begun), tuple(self.began), trained, tuple(rows), tuple(self.marks), found
        )

    def metrics(self, begun: list[dict[str, Any]]) -> tuple[int | None, list[dict[str, Any]]]:
        """The last stage that has metrics, and the last of them."""
        for place in reversed(range(len(begun))):
            out = self.stages / begun[place]["out"]
            if rows := tail(out.with_name(out.name + ".tmp") / "metrics.jsonl") or tail(out / "metrics.jsonl"):
                return place, rows
        return None, []

    def mark(self, trained: int | None, now: float, step: int) -> None:
        """Note when a step was seen; a stage that goes on from a checkpoint starts with steps of an earlier attempt."""
        if trained != self.trained or not self.marks or step < self.marks[-1][1]:
            self.trained, self.marks = trained, [(now, step)]
        elif step > self.marks[-1][1]:
            self.marks[1:] = [(now, step)]


@contextmanager
def shown(
    name: str, trial: Trial, standing: Standing, console: Console, quiet: bool
) -> Iterator[Callable[[Look], None]]:
    """How looks are shown: drawn, as lines where nothing can be drawn, or not at all."""
    if quiet:
        yield lambda look: None
    elif not console.is_terminal or console.is_dumb_terminal or not console.encoding.startswith("utf"):
        yield Lines(console, trial).show
    else:
        with Live(console=console, auto_refresh=False, transient=True, vertical_overflow="crop") as live:
            yield Drawing(live, name, trial, standing).show


class Drawing:
    """The live view, drawn again only when it has changed: nothing flickers."""

    def __init__(self, live: Live, name: str, trial: Trial, standing: Standing) -> None:
        self.live, self.name, self.trial, self.standing = live, name, trial, standing
        self.last: Any = None

    def show(self, look: Look) -> None:
        """Draw what this look changes."""
        console = self.live.console
        frame = live.frame(look, self.trial, self.standing, self.name, console.width, console.height)
        lines = console.render_lines(frame)
        if lines != self.last:
            self.last = lines
            self.live.update(frame, refresh=True)


class Lines:
    """One line for each stage as it begins, and one for a rule that fires."""

    def __init__(self, console: Console, trial: Trial) -> None:
        self.console, self.trial = console, trial
        self.told = 0
        self.diagnosis: Diagnosis | None = None

    def show(self, look: Look) -> None:
        """Print what this look adds."""
        for stage in look.begun[self.told :]:
            self.say(named(stage) + ("  (reused)" if stage["reused"] else ""))
        self.told = len(look.begun)
        if (found := look.diagnosis) and found != self.diagnosis:
            self.diagnosis = found
            self.say(f"{found.stage}  stopped by {found.rule} at step {found.step}: {found.symptom}")

    def say(self, what: str) -> None:
        """One line, under the trial's name."""
        self.console.print(f"    {label(self.trial)}  {what}", highlight=False, markup=False, soft_wrap=True)


def stage_rows(folder: Path) -> list[dict[str, Any]]:
    """The stages that the worker says it has begun, over all attempts."""
    return tail(folder / "stages.jsonl")


def diagnosis(out: Path) -> Diagnosis | None:
    """The rule that stopped a stage; the folder has its final name, so the file is whole."""
    path = out / "diagnosis.json"
    if not path.exists():
        return None
    raw = json.loads(path.read_text())
    return Diagnosis(**{**raw, "remedies": tuple(tuple(remedy) for remedy in raw["remedies"])})


def tail(path: Path) -> list[dict[str, Any]]:
    """The last whole rows of a JSON-lines file that may be written or renamed meanwhile; [] where there is none."""
    try:
        with path.open("rb") as file:
            cut = file.seek(0, 2) > TAIL
            file.seek(-TAIL if cut else 0, 2 if cut else 0)
            lines = file.read().decode(errors="replace").split("\n")
    except OSError:
        return []
    return [json.loads(line) for line in lines[1 if cut else 0 : -1]]
