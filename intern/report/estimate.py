"""How long it will take: from what is seen of a trial under way and from what earlier trials took.

Pure functions of records; None if nothing is known.
"""

import statistics
from collections.abc import Sequence

from intern.records import UNCOUNTED, StageRun, Trial
from intern.study.events import Overview
from intern.trial.reader import Progress

RECENT = 200  # trials that an estimate and a screen look back on: a screen is drawn four times a second


def recent(trials: Sequence[Trial]) -> Sequence[Trial]:
    """Return the newest trials, and the baseline, which alone has scored test."""
    return trials if len(trials) <= RECENT else [trials[0], *trials[-RECENT:]]


def title(run: StageRun) -> str:
    """Return a stage's name, with the split and the shots that it scored."""
    return " ".join(word for word in (run.name, run.split, f"{run.shots}-shot" if run.shots else "") if word)


def remaining(marks: Sequence[tuple[float, int]], steps: int, now: float) -> float | None:
    """Return the seconds to step `steps` at the pace between the first and last (time, step); None before there is a
    pace."""
    if len(marks) < 2:
        return None
    (since, first), (until, step) = marks[0], marks[-1]
    if until <= since or step <= first:
        return None
    return max(0.0, (until - since) / (step - first) * (steps - step) - (now - until))


def usual(stage: str, trials: Sequence[Trial]) -> float | None:
    """Return the median seconds of a stage, by its title, over the recent trials that ran it."""
    took = [run.seconds for t in recent(trials) for run in t.stages if not run.reused and title(run) == stage]
    return statistics.median(took) if took else None


def stage_left(progress: Progress, trials: Sequence[Trial]) -> float | None:
    """Return the seconds left of the stage under way: by its pace, or by earlier trials before it has one."""
    stage, place = progress.begun[-1], len(progress.begun) - 1
    if progress.trained == place:
        left = remaining(progress.marks, progress.rows[-1]["steps"], progress.seconds)
        if left is not None:
            return left
    whole = usual(stage.title, trials)
    return None if whole is None else max(0.0, whole - (progress.seconds - progress.began[place]))


def trial_left(progress: Progress, trials: Sequence[Trial]) -> float | None:
    """Return the seconds left of the trial; None if a stage of it has never been run."""
    parts = [stage_left(progress, trials)] if progress.begun else []
    parts += [usual(stage, trials) for stage in progress.steps[len(progress.begun) :]]
    known = [part for part in parts if part is not None]
    return sum(known) if len(known) == len(parts) else None


def study_left(progress: Progress, trial: Trial, overview: Overview) -> float | None:
    """Return at most how many seconds the study takes: the trials left at the median time of a whole one, within the
    hours left."""
    now = trial_left(progress, overview.trials)
    if trial.kind == "confirm":
        return now
    took = [t.seconds / t.fidelity for t in recent(overview.trials) if t.seconds and t.kind not in UNCOUNTED]
    if not took:
        return None
    whole = (now or 0.0) + max(overview.left.trials, 0) * statistics.median(took)
    return min(whole, max(overview.left.hours * 3600, 0.0))
