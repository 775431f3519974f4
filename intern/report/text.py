"""What a study found, as text.

    python -m intern trials mixed-tiny
"""

from intern.data.items import shortened
from intern.records import Trial
from intern.report import advice, answers, calibration, evidence, fmt, share, shown
from intern.study.evidence import of as kept
from intern.study.reader import Reader
from intern.text import one_line

CLAIMS = 10  # of papers that are shown
NOTED = 200  # trials whose events are read, those that matter most and the newest


def whole(study: Reader) -> str:
    """Return the whole report."""
    trials = study.trials
    spent = sum(t.seconds or 0 for t in trials)
    lines = ["", one_line(f"Study {study.folder}: {len(trials)} trials, {spent / 60:.1f} minutes of work")]
    noted = {t.number: study.notes(t) for t in shown.chosen(study, NOTED)}
    lines += [fmt.line(trial, noted.get(trial.number, ())) for trial in trials]
    if len(noted) < len(trials):
        lines.append(f"What rules saw at the ends of stages is told of {len(noted)} of the trials.")
    lines += [mended(trial, study) for trial in study.history.stopped() if study.remedies(trial)]
    end = study.ledger.end
    if end is None:
        lines.append("Not confirmed on test (proposer.confirm=true exports the winner and ends the study).")
        return "\n".join([*lines, *findings(study)])
    lines.append(f"The search ended: {end['reason']}.")
    if study.winner is None:
        lines.append("No trial was better than the base model on dev by a paired test: nothing is exported.")
        lines.append("Its test items are unspent: the same command with more budget goes on (budget.trials=…).")
        return "\n".join([*lines, *findings(study)])
    return "\n".join([*lines, "", *confirmed(study, study.winner), *findings(study), *onward(study, study.winner)])


def findings(study: Reader) -> list[str]:
    """Return what is known beyond the scores: of the rows, of the answers, and with nothing learnt what to try next."""
    first = study.foremost
    lines = [*calibration.lines(study), *papers(study), *(cleaned(study, first) if first else [])]
    if not study.learnt:
        return [*lines, *written(study), *advised(study)]
    same = answers.alike(study, first) if first else None
    return [*lines, f"Beware: {same}."] if same else lines


def papers(study: Reader) -> list[str]:
    """Return what papers suggest for the goal, and the best trial that it bears on, for what was tried of it."""
    followed = evidence.followed(study, kept(study.folder))
    lines = [f"  {one_line(evidence.line(study, row))}" for row in followed if row.trials]
    head = "What papers suggest, and the best trial of it here, beside the base (no proof of the claim):"
    return [head, *lines[:CLAIMS]] if lines else []


def cleaned(study: Reader, trial: Trial) -> list[str]:
    """Return what training rows of a trial were held against, and a line for each reason for which some went."""
    lines: list[str] = []
    for stage, cleaning in study.cleanings(trial):
        lines.append(f"Rows of trial {trial.number}, {stage}: {cleaning.kept} of {cleaning.gathered} kept")
        lines += [f"  {one_line(line)}" for line in [cleaning.receipt(), *cleaning.lines()]]
    return lines


def written(study: Reader) -> list[str]:
    """Return what was written on dev beside what was expected."""
    told = answers.answers(study)
    if told is None:
        return []
    lines = ["", f"Answers on dev, {len(told.shown)} of {told.of}:"]
    lines += [f"  {who}: {counts}" for who, counts in told.counts]
    for item in told.shown:
        lines += [f"  - asked: {short(item.question)}", f"    expected: {short(item.expected)}"]
        lines += [f"    {one.who}, {one.kind}: {short(one.text)}" for one in item.written]
    return lines


def short(text: str) -> str:
    """Return foreign text on one line, its middle left out if it is long."""
    return one_line(shortened(text)) or "(nothing)"


def advised(study: Reader) -> list[str]:
    """Return what to try next, with the command of a new study."""
    told = advice.advice(study)
    if not told:
        return []
    lines = ["", f"What to try next, each in a new study: {share.again(study)} …"]
    return [*lines, *(f"  - {one_line(one.line())}" for one in told)]


def onward(study: Reader, winner: Trial) -> list[str]:
    """Return how to go on from a confirmed winner."""
    lines = ["To go on, start a new study: the test items of this one are spent, and are the same there."]
    for what, command in share.onward(study, winner):
        lines += [f"  {what}:", f"    {command}"]
    return lines


def mended(stopped: Trial, study: Reader) -> str:
    """Return which remedy of a stopped trial helped, and by how much."""
    assert stopped.diagnosis
    best = study.effective(stopped)
    if best is None or best.recovery is None:
        return f"Trial {stopped.number} ({stopped.diagnosis.rule}): no remedy has helped."
    v = best.recovery
    against = f"+{v.wins} -{v.losses} on dev against trial {v.against}, the stage's input checkpoint, p = {v.p:.2g}"
    words = " ".join(best.overrides.short())
    helped = f"trial {best.number} helped, {words}: {against}."
    return one_line(f"Trial {stopped.number} ({stopped.diagnosis.rule}): {helped}")


def confirmed(study: Reader, winner: Trial) -> list[str]:
    """Return the claim, its evidence on test, and where the export is."""
    base, final = study.baseline, study.final
    assert base and final
    lines = [one_line(f"Winner: trial {winner.number}, {winner.recipe} {' '.join(winner.overrides.lines())}".rstrip())]
    for score in sorted(base.scores, key=lambda s: s.shots):
        lines.append(f"  base   {fmt.score(score)}")
    if study.constant:
        said = one_line(study.constant["text"])
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
