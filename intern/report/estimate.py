"""How long it will take: from what is seen of a trial under way and from what earlier trials took.

Pure functions of records; None where nothing is known. `python -m intern goal=arithmetic model=tiny` shows them."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intern.config.schema import Budget
from intern.records import UNCOUNTED, Diagnosis, Left, Trial


@dataclass(frozen=True)
class Standing:
    """Where the study stands while a trial runs."""

    trials: tuple[Trial, ...]
    """The ledger, with the trial under way."""
    incumbent: Trial
    """The best trial so far by paired comparison; the baseline at first."""
    budget: Budget
    """What the study may spend."""
    left: Left
    """What remains of it, the trial under way counted as a trial but not yet as time."""


@dataclass(frozen=True)
class Look:
    """What a trial's folder says at one moment; times in seconds since its worker was started."""

    seconds: float
    """The moment."""
    steps: tuple[Mapping[str, Any], ...]
    """The stages asked for, in order, as in trial.json."""
    begun: tuple[Mapping[str, Any], ...] = ()
    """The stages begun, as in stages.jsonl; all but the last have ended."""
    began: tuple[float, ...] = ()
    """When each of them was first seen."""
    trained: int | None = None
    """Place of the last stage that has metrics."""
    rows: tuple[Mapping[str, Any], ...] = ()
    """Its last rows of metrics.jsonl."""
    marks: tuple[tuple[float, int], ...] = ()
    """(time, step) of the first and the last of its rows that were seen to arrive."""
    diagnosis: Diagnosis | None = None
    """The rule that stopped the last stage begun, if one did."""


def named(stage: Mapping[str, Any]) -> str:
    """A stage's name, with the split and the shots that it scores."""
    shots = f"{stage['shots']}-shot" if stage["shots"] else ""
    return " ".join(word for word in (stage["stage"], stage["split"], shots) if word)


def remaining(marks: Sequence[tuple[float, int]], steps: int, now: float) -> float | None:
    """Seconds to step `steps` at the pace between the first and last (time, step); None before there is a pace."""
    if len(marks) < 2:
        return None
    (since, first), (until, step) = marks[0], marks[-1]
    if until <= since or step <= first:
        return None
    return max(0.0, (until - since) / (step - first) * (steps - step) - (now - until))


def usual(stage: Mapping[str, Any], trials: Sequence[Trial]) -> float | None:
    """Median seconds of this stage where earlier trials ran it."""
    took = [row["seconds"] for t in trials for row in t.stages if not row["reused"] and named(row) == named(stage)]
    return statistics.median(took) if took else None


def stage_left(look: Look, trials: Sequence[Trial]) -> float | None:
    """Seconds left of the stage under way: by its pace, or by earlier trials before it has one."""
    stage, place = look.begun[-1], len(look.begun) - 1
    if look.trained == place and (left := remaining(look.marks, look.rows[-1]["steps"], look.seconds)) is not None:
        return left
    whole = usual(stage, trials)
    return None if whole is None else max(0.0, whole - (look.seconds - look.began[place]))


def trial_left(look: Look, trials: Sequence[Trial]) -> float | None:
    """Seconds left of the trial; None where a stage of it has never been run."""
    parts = [stage_left(look, trials)] if look.begun else []
    parts += [usual(step, trials) for step in look.steps[len(look.begun) :]]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def study_left(look: Look, trial: Trial, standing: Standing) -> float | None:
    """At most so many seconds of the study: trials left at the median time of a whole one, within the hours left."""
    now = trial_left(look, standing.trials)
    if trial.kind == "confirm":
        return now
    took = [t.seconds / t.fidelity for t in standing.trials if t.seconds and t.kind not in UNCOUNTED]
    if not took:
        return None
    whole = (now or 0.0) + max(standing.left.trials, 0) * statistics.median(took)
    return min(whole, max(standing.left.hours * 3600 - look.seconds, 0.0))


def duration(seconds: float | None) -> str:
    """Whole seconds as a person says them; "?" where unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
