"""What a trial's folder says to whoever watches it from outside; nothing here decides anything about the training."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern import damage, files, records
from intern.config import stages
from intern.errors import UserError
from intern.records import Diagnosis
from intern.trial import job as jobs
from intern.trial.job import part_folder, stage_folder

TAIL = 1 << 17  # bytes of metrics.jsonl that are read of a run under way: more rows than a terminal has columns


@dataclass(frozen=True)
class Begun:
    """A stage that has begun."""

    place: int
    """Its place in the job, from 0."""
    title: str
    """Its name, with the split and the shots that it scores."""
    name: str
    """Its name in the recipe, or "score", or "export"."""
    stage: str
    """File name under intern/stages."""
    out: str
    """Its output's name in the store."""
    reused: bool
    """Whether the output was there already."""


@dataclass(frozen=True)
class Progress:
    """What a trial's folder says at one moment; times in seconds since its worker was submitted."""

    seconds: float
    """The moment."""
    steps: tuple[str, ...]
    """Titles of the stages asked for, in order."""
    begun: tuple[Begun, ...] = ()
    """The stages begun; all but the last have ended."""
    began: tuple[float, ...] = ()
    """When each of them was first seen."""
    trained: int | None = None
    """Place of the last stage that has metrics."""
    rows: tuple[Mapping[str, Any], ...] = ()
    """Its last rows of metrics."""
    marks: tuple[tuple[float, int], ...] = ()
    """(time, step) of the first and the last of its rows that were seen to arrive."""
    diagnosis: Diagnosis | None = None
    """The rule that stopped the last stage begun, if one did."""
    notes: tuple[Diagnosis, ...] = ()
    """What rules saw at the last steps of stages: it stopped nothing, and the checkpoints were kept."""


class Follower:
    """Reads one attempt at a trial as it goes on, and notes when it saw what."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.start = time.monotonic()
        self.steps = tuple(step.title for step in jobs.read(folder).steps)
        self._offset = size(folder / jobs.EVENTS)  # what stands there is an earlier attempt's
        self._begun: list[Begun] = []
        self._began: list[float] = []
        self._notes: list[Diagnosis] = []
        self._trained: int | None = None
        self._marks: list[tuple[float, int]] = []
        self._heard: float | None = None

    def seconds(self) -> float:
        """Return the seconds since the attempt was submitted."""
        return time.monotonic() - self.start

    def silent(self) -> float:
        """Return the seconds since the worker was last heard of; 0 before it says that it has started."""
        return 0.0 if self._heard is None else time.monotonic() - self._heard

    def scoring(self) -> bool:
        """Return whether the last stage that was seen to begin is a score."""
        return bool(self._begun) and stages.stage(self._begun[-1].stage).makes == "score"

    def progress(self) -> Progress:
        """Read the folder as it is now."""
        now = self.seconds()
        self._read_events(now)
        trained, rows = self._metrics()
        if trained is not None:
            self._mark(trained, now, rows[-1]["step"])
        stopped = None
        if self._begun:
            last = self._begun[-1]
            stopped = diagnosis(stage_folder(self.folder, last.place, last.name))
        begun, began, marks = tuple(self._begun), tuple(self._began), tuple(self._marks)
        return Progress(now, self.steps, begun, began, trained, tuple(rows), marks, stopped, tuple(self._notes))

    def _read_events(self, now: float) -> None:
        """Take in the events that have come since."""
        path = self.folder / jobs.EVENTS
        if size(path) <= self._offset:
            return
        with path.open("rb") as file:
            file.seek(self._offset)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self._offset += len(whole)
        self._heard = time.monotonic()
        with damage.noticed(path):
            for event in damage.rows(path, whole):
                if event["event"] == "stage":
                    self._begun.append(begun_by(event))
                    self._began.append(now)
                elif event["event"] == "symptom":
                    self._notes.append(note(event, self._begun))

    def _metrics(self) -> tuple[int | None, list[dict[str, Any]]]:
        """Return the place of the last stage that has metrics, and the last of them."""
        for stage in reversed(self._begun):
            if rows := tail(metrics_path(self.folder, stage)):
                return stage.place, rows
        return None, []

    def _mark(self, trained: int, now: float, step: int) -> None:
        """Note when a step was seen; a stage that goes on from a checkpoint starts with steps of an earlier attempt."""
        if trained != self._trained or not self._marks or step < self._marks[-1][1]:
            self._trained, self._marks = trained, [(now, step)]
        elif step > self._marks[-1][1]:
            self._marks[1:] = [(now, step)]


def begun(folder: Path) -> list[Begun]:
    """Return the stages that the last attempt at a trial has begun."""
    return last_attempt(folder)[0]


def notes(folder: Path) -> list[Diagnosis]:
    """Return what rules saw at the last steps of stages, in the last attempt at a trial."""
    path = folder / jobs.EVENTS
    if not path.exists() or b'"symptom"' not in path.read_bytes():  # in most trials: a report asks it of every one
        return []
    return last_attempt(folder)[1]


def last_attempt(folder: Path) -> tuple[list[Begun], list[Diagnosis]]:
    """Return the stages that the last attempt at a trial has begun, and what rules saw at their ends."""
    stages: list[Begun] = []
    seen: list[Diagnosis] = []
    path = folder / jobs.EVENTS
    with damage.noticed(path):
        for event in files.rows(path):
            if event["event"] == "start":
                stages, seen = [], []
            elif event["event"] == "stage":
                stages.append(begun_by(event))
            elif event["event"] == "symptom":
                seen.append(note(event, stages))
    return stages, seen


def note(event: Mapping[str, Any], stages: Sequence[Begun]) -> Diagnosis:
    """Return what an event tells of a rule, with the name of the stage at whose place it was."""
    stage = next(stage.name for stage in reversed(stages) if stage.place == event["place"])
    known = {key: event.get(key, ()) for key in ("remedies", "closed")}
    told = {"stage": stage, "rule": event["rule"], "step": event["step"], "symptom": event["text"]}
    return records.load(Diagnosis, {**told, **known})


def begun_by(event: Mapping[str, Any]) -> Begun:
    """Return the stage that an event says has begun."""
    return Begun(**{key: event[key] for key in Begun.__dataclass_fields__})


def metrics(folder: Path, stage: Begun) -> list[dict[str, Any]]:
    """Return the rows that a stage has logged so far."""
    path = metrics_path(folder, stage)
    rows = files.rows(path)
    for number, row in enumerate(rows, 1):
        if not isinstance(row.get("step"), int):
            raise damage.damaged(path, "it has no step", number)
    return rows


def metrics_path(folder: Path, stage: Begun) -> Path:
    """Return where a stage's metrics are: it has ended, or is under way."""
    kept = stage_folder(folder, stage.place, stage.name) / "metrics.jsonl"
    part = part_folder(folder, stage.out) / "metrics.jsonl"
    return part if part.exists() and not stage.reused else kept


def diagnosis(folder: Path) -> Diagnosis | None:
    """Return the rule that stopped a stage; its folder was filled after it ended, so the file is whole."""
    path = folder / "diagnosis.json"
    return records.read(Diagnosis, path) if path.exists() else None


def tail(path: Path) -> list[dict[str, Any]]:
    """Return the last whole rows of metrics that may be written or moved meanwhile; [] if there are none, or
    if they are damaged: a live view stops no study."""
    try:
        with path.open("rb") as file:
            cut = file.seek(0, 2) > TAIL
            file.seek(-TAIL if cut else 0, 2 if cut else 0)
            text = file.read()
        rows = damage.rows(path, text[text.find(b"\n") + 1 :] if cut else text)
    except (OSError, UserError):
        return []
    return [row for row in rows if {"step", "steps"} <= row.keys()]


def size(path: Path) -> int:
    """Return a file's size; 0 if there is none."""
    return path.stat().st_size if path.exists() else 0
