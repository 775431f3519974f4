"""What a study found, as text.

    python -m intern trials mixed-tiny
"""

from intern.records import Trial
from intern.report import fmt
from intern.study.reader import Reader


def whole(study: Reader) -> str:
    """Return the whole report."""
    trials = study.trials
    spent = sum(t.seconds or 0 for t in trials)
    lines = ["", f"Study {study.folder}: {len(trials)} trials, {spent / 60:.1f} minutes of work"]
    lines += [fmt.line(trial) for trial in trials]
    lines += [mended(trial, study) for trial in study.history.stopped() if study.remedies(trial)]
    end = study.ledger.end
    if end is None:
        lines.append("Not confirmed on test (proposer.confirm=true exports the winner and ends the study).")
        return "\n".join(lines)
    lines.append(f"The search ended: {end['reason']}.")
    if study.winner is None:
        lines.append("No trial was better than the base model on dev by a paired test: nothing is exported.")
        lines.append("Its test items are unspent: the same command with more budget goes on (budget.trials=…).")
        return "\n".join(lines)
    return "\n".join([*lines, "", *confirmed(study, study.winner)])


def mended(stopped: Trial, study: Reader) -> str:
    """Return which remedy of a stopped trial helped, and by how much."""
    assert stopped.diagnosis
    best = study.effective(stopped)
    if best is None or best.recovery is None:
        return f"Trial {stopped.number} ({stopped.diagnosis.rule}): no remedy has helped."
    v = best.recovery
    against = f"+{v.wins} -{v.losses} on dev against trial {v.against}, the stage's input checkpoint, p = {v.p:.2g}"
    words = " ".join(best.overrides.short())
    return f"Trial {stopped.number} ({stopped.diagnosis.rule}): trial {best.number} helped, {words}: {against}."


def confirmed(study: Reader, winner: Trial) -> list[str]:
    """Return the claim, its evidence on test, and where the export is."""
    base, final = study.baseline, study.final
    assert base and final
    lines = [f"Winner: trial {winner.number}, {winner.recipe} {' '.join(winner.overrides.lines())}".rstrip()]
    for score in sorted(base.scores, key=lambda s: s.shots):
        lines.append(f"  base   {fmt.score(score)}")
    if study.constant:
        said = fmt.one_line(study.constant["text"])
        lines += [f"  always {said!r}: {fmt.score(score)}" for score in study.constant_scores()]
    lines += [f"  winner {fmt.score(s)}" for s in (*winner.scores, *final.scores)]
    for shots, proof in study.proofs():
        counts = f"+{proof.wins} -{proof.losses}, p = {proof.p:.2g}"
        lines.append(f"  test, against the base {shots}-shot, item by item: {counts}")
    if constant := study.constant_proof():
        counts = f"+{constant.wins} -{constant.losses}, p = {constant.p:.2g}"
        lines.append(f"  test, against one answer to everything, item by item: {counts}")
    if others := study.repeats(winner):
        seeds = ", ".join(fmt.percent(t.mean("dev") or 0.0) for t in others)
        lines.append(f"  dev with other seeds: {seeds} (winner {fmt.percent(winner.mean('dev') or 0.0)})")
    return [*lines, f"Export: {study.folder / 'export'} (weights, tokenizer, recipe.yaml, model card)"]
