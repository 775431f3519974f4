"""What a study found, as text, from the ledger and the trial folders alone.

python -m intern trials arithmetic-tiny"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from intern.data import items
from intern.records import Score, Trial, Verdict
from intern.search import recovery
from intern.stats import paired
from intern.study import ledger


def line(trial: Trial) -> str:
    """One line for one trial: what was tried, what it scored, what was made of it."""
    tried = [trial.recipe or "base model", *(word.removeprefix("recipe.") for word in trial.overrides)]
    if trial.fidelity < 1.0:
        tried.append(f"{trial.fidelity:.0%} of the steps")
    if trial.kind == "repeat":
        tried.append(f"seed={trial.seed}")
    told = [shown(s) for s in trial.scores if not s.shots and (s.split == "dev" or trial.kind == "confirm")]
    if trial.verdict:
        v = trial.verdict
        told.append(f"{v.call}: +{v.wins} -{v.losses} against trial {v.against}, p = {v.p:.2g}")
    if trial.diagnosis:
        told.append(f"{trial.diagnosis.rule} at step {trial.diagnosis.step}: {trial.diagnosis.symptom}")
    if trial.reason:
        told.append(trial.reason)
    if trial.seconds is not None:
        told.append(f"{trial.seconds:.0f} s")
    return f"{trial.number:>3} {trial.kind:<8} {trial.state:<8} {' '.join(tried)}" + "".join(
        f" | {part}" for part in told
    )


def shown(score: Score) -> str:
    """A score with its standard error, in per cent."""
    where = f"{score.task} {score.split}" + (f" {score.shots}-shot" if score.shots else "")
    unparsed = f", {score.parse_rate:.0%} parsed" if score.parse_rate is not None and score.parse_rate < 0.95 else ""
    cut = f", {score.truncation_rate:.0%} cut" if score.truncation_rate else ""
    return f"{where} {100 * score.value:.1f} ± {100 * score.stderr:.1f} % (n={score.n}{unparsed}{cut})"


def percent(trial: Trial) -> str:
    """A trial's mean on dev."""
    return f"{100 * (trial.mean('dev') or 0.0):.1f} %"


def samples(folder: Path, trial: Trial, split: str, shots: int = 0) -> list[dict[str, Any]]:
    """A trial's outcomes, one per item, as its score stage left them."""
    out = next(
        row["out"] for row in trial.stages if (row["stage"], row["split"], row["shots"]) == ("score", split, shots)
    )
    return items.read(folder / "stages" / out / "samples.jsonl")


def text(folder: Path) -> str:
    """The whole report."""
    trials = ledger.trials(folder)
    spent = sum(t.seconds or 0 for t in trials)
    lines = ["", f"Study {folder}: {len(trials)} trials, {spent / 60:.1f} minutes of work"]
    lines += [line(trial) for trial in trials]
    lines += [mended(trial, trials) for trial in trials if trial.diagnosis and recovery.remedies_of(trial, trials)]
    end = ledger.end(folder)
    if end is None:
        return "\n".join(
            [*lines, "Not confirmed on test (proposer.confirm=true exports the winner and ends the study)."]
        )
    lines.append(f"The search ended: {end['reason']}.")
    if end["winner"] is None:
        return "\n".join(
            [*lines, "No trial was better than the base model on dev by a paired test: nothing is exported."]
        )
    return "\n".join([*lines, "", *confirmed(folder, trials, end["winner"])])


def mended(stopped: Trial, trials: tuple[Trial, ...]) -> str:
    """Which remedy of a stopped trial held, and by how much."""
    best = recovery.held(stopped, trials)
    if best is None:
        return f"Trial {stopped.number} ({stopped.diagnosis.rule}): no remedy has held."
    words = " ".join(word.removeprefix("recipe.") for word in best.overrides)
    v = best.recovery
    against = f"+{v.wins} -{v.losses} on dev against trial {v.against}, which entered the stage, p = {v.p:.2g}"
    return f"Trial {stopped.number} ({stopped.diagnosis.rule}): trial {best.number} held, {words}: {against}."


def proofs(folder: Path, base: Trial, final: Trial) -> list[tuple[int, Verdict]]:
    """(shots of the base, the paired comparison of the export with it on test)."""
    shots = sorted({s.shots for s in base.scores if s.split == "test"})
    after = samples(folder, final, "test")
    return [(n, paired.compare(after, samples(folder, base, "test", n), base.number)) for n in shots]


def repeats(trials: Sequence[Trial], winner: Trial) -> list[Trial]:
    """The scored trials of the winner's own config with another seed; an earlier winner's are not its evidence."""
    own = (winner.recipe, winner.overrides, winner.fidelity)
    scored = [t for t in trials if t.kind == "repeat" and t.mean("dev") is not None]
    return [t for t in scored if (t.recipe, t.overrides, t.fidelity) == own]


def confirmed(folder: Path, trials: tuple[Trial, ...], number: int) -> list[str]:
    """The claim, its evidence on test, and how to repeat it."""
    base, winner = trials[0], trials[number]
    final = next(t for t in reversed(trials) if t.kind == "confirm")
    lines = [f"Winner: trial {number}, {winner.recipe} {' '.join(winner.overrides)}".rstrip()]
    for shots in sorted({s.shots for s in base.scores}):
        lines += [f"  base   {shown(s)}" for s in base.scores if s.shots == shots]
    lines += [f"  winner {shown(s)}" for s in (*winner.scores, *final.scores)]
    for shots, found in proofs(folder, base, final):
        lines.append(
            f"  test, against the base {shots}-shot, item by item: +{found.wins} -{found.losses}, p = {found.p:.2g}"
        )
    if others := repeats(trials, winner):
        seeds = ", ".join(percent(t) for t in others)
        lines.append(f"  dev with other seeds: {seeds} (winner {percent(winner)})")
    return [*lines, f"Export: {folder / 'export'} (weights, tokenizer, recipe.yaml, model card)"]
