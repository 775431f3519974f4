"""The one way to write a number, a score, a trial: everything that a person reads calls this."""

import math
import statistics
from collections.abc import Sequence
from typing import Any

from intern.records import Diagnosis, Score, StageRun, Trial, Verdict
from intern.text import one_line

KEPT = "seen at the end, checkpoint kept"  # of a rule that fired at a stage's last step
HUGE = 1e100  # squares of less can be summed


def duration(seconds: float | None) -> str:
    """Return whole seconds as a person says them; "?" if unknown."""
    if seconds is None or not math.isfinite(seconds):
        return "?"
    minutes, rest = divmod(round(max(seconds, 0)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s" if minutes else f"{rest} s"


def percent(value: float, stderr: float | None = None) -> str:
    """Return a share in per cent, with its standard error if that is given."""
    return f"{100 * value:.1f} %" if stderr is None else f"{100 * value:.1f} ± {100 * stderr:.1f} %"


def points(gain: float) -> str:
    """Return a difference of two shares, in percentage points, with its sign."""
    return f"{100 * gain:+.1f}".replace("-", "−")


def rate(trial: Trial, split: str = "dev", shots: int = 0) -> str:
    """Return a trial's mean over the tasks of a split with its standard error, or ""."""
    mean = trial.mean(split, shots)
    return "" if mean is None else percent(mean, trial.stderr(split, shots))


def score(score: Score) -> str:
    """Return a score with its standard error, where it was measured, and what was amiss."""
    where = f"{score.task} {score.split}" + (f" {score.shots}-shot" if score.shots else "")
    unparsed = f", {score.parse_rate:.0%} parsed" if score.parse_rate is not None and score.parse_rate < 0.95 else ""
    cut = f", {score.truncation_rate:.0%} cut" if score.truncation_rate else ""
    return f"{where} {percent(score.value, score.stderr)} (n={score.n}{unparsed}{cut})"


def verdict(verdict: Verdict) -> str:
    """Return a paired comparison: wins, losses, the other trial and the p-value."""
    return f"+{verdict.wins} -{verdict.losses} against trial {verdict.against}, p = {verdict.p:.2g}"


def pair(verdict: Verdict) -> str:
    """Return a paired comparison for a page: items won, items lost and the p-value."""
    return f"+{verdict.wins} −{verdict.losses}, p = {verdict.p:.2g}"


def changes(trial: Trial) -> str:
    """Return what sets a trial apart from its recipe's file."""
    words = list(trial.overrides.short())
    if trial.fidelity < 1.0:
        words.append(f"{trial.fidelity:.0%} of the steps")
    if trial.kind == "repeat":
        words.append(f"seed={trial.seed}")
    return one_line(" ".join(words))


def what(trial: Trial) -> str:
    """Return what was tried: the recipe, and what sets the trial apart from it."""
    return one_line(f"{trial.recipe or ('base model' if not trial.number else '?')} {changes(trial)}".rstrip())


def note(seen: Diagnosis) -> str:
    """Return what a rule saw at the last step of a stage."""
    return f"{seen.rule} in {seen.stage}, {KEPT}: {seen.symptom}"


def split(run: StageRun) -> str:
    """Return with how many rows less at once a stage ran than its settings say, for want of memory."""
    return f"{run.name}: 1/{run.parts} of the rows at once, for want of memory; the same batch"


def line(trial: Trial, notes: Sequence[Diagnosis] = ()) -> str:
    """Return one line for one trial: what was tried, what it scored, what was made of it, what was noted at its end."""
    parts = [score(s) for s in trial.scores if not s.shots and (s.split == "dev" or trial.kind == "confirm")]
    if trial.verdict:
        parts.append(f"{trial.verdict.call}: {verdict(trial.verdict)}")
    if trial.diagnosis:
        parts.append(f"{trial.diagnosis.rule} at step {trial.diagnosis.step}: {trial.diagnosis.symptom}")
    parts += [note(one) for one in notes]
    parts += [split(run) for run in trial.stages if run.parts > 1]
    if trial.reason:
        parts.append(trial.reason)
    if trial.seconds is not None:
        parts.append(f"{trial.seconds:.0f} s")
    return one_line(" | ".join([f"{trial.number:>3} {trial.kind:<8} {trial.state:<8} {what(trial)}", *parts]))


def drawable(value: Any) -> bool:
    """Return whether it is a number of a sane size: a diverged run logs NaN or 1e300, and some rows lack a key."""
    return isinstance(value, int | float) and abs(value) < HUGE


def trend(values: Sequence[Any]) -> str:
    """Return ↑ or ↓ if the halves' means differ by more than the standard error of that difference, else →."""
    numbers = [float(value) for value in values if drawable(value)]
    half = len(numbers) // 2
    if half < 2:
        return " "
    old, new = numbers[:half], numbers[-half:]
    change = statistics.fmean(new) - statistics.fmean(old)
    noise = math.sqrt((statistics.variance(old) + statistics.variance(new)) / half)
    return "→" if abs(change) <= noise else "↑" if change > 0 else "↓"
