"""What a person sees while a trial runs: pure functions from records to one screenful, so that every number on it can
be tested without a terminal. `intern.report.live` draws it.
"""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from intern.config.stages import stage
from intern.records import Diagnosis, Trial
from intern.report import fmt
from intern.report.estimate import recent, stage_left, study_left, trial_left, usual
from intern.report.fmt import drawable, trend
from intern.study.events import Overview
from intern.text import one_line
from intern.trial.reader import Progress

WIDEST = 100  # columns; longer bars say no more
BLOCKS = "▁▂▃▄▅▆▇"  # no full block: it would touch the line above
CURVES = 5  # sparklines of a stage
NAME, COUNT, TIME = 13, 11, 25  # widths of columns: fixed, or all would move when a number gains a digit
Cell = RenderableType
Row = tuple[Cell, Cell, Cell, Cell, Cell]


def label(trial: Trial) -> str:
    """Return a trial's name in a progress line."""
    return one_line(f"trial {trial.number} {trial.recipe or trial.kind}")


def sparkline(values: Sequence[Any], width: int) -> str:
    """Return the last `width` values, a block each, between their lowest and highest; × where there is no number."""
    last = values[-width:] if width > 0 else ()
    numbers = [float(value) for value in last if drawable(value)]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    top = len(BLOCKS) - 1

    def block(value: float) -> str:
        return BLOCKS[round(top * (value - low) / (high - low)) if high > low else top // 2]

    return "".join(block(value) if drawable(value) else "×" for value in last)


def rated(trial: Trial) -> str:
    """Return the mean over the dev tasks with its standard error."""
    return fmt.rate(trial) or "not scored"


def outcome(trial: Trial) -> str:
    """Return one word for what came of a trial."""
    if trial.state != "COMPLETE":
        return trial.diagnosis.rule if trial.diagnosis else trial.state
    return trial.verdict.call if trial.verdict else ""


def cell(text: str, style: str = "") -> Text:
    """Return foreign text as one line of a style."""
    return Text(one_line(text), style, no_wrap=True, overflow="ellipsis")


def bar(done: float, total: float, width: int) -> Cell:
    """Return a bar that is full at `total`."""
    share = min(max(done / total, 0.0), 1.0) if total > 0 else 1.0
    return ProgressBar(1.0, share, width, style="bright_black", complete_style="cyan", finished_style="cyan")


def grid(rows: Sequence[Row], width: int) -> Table:
    """Return rows of mark, name, bar, count and time, of one line each."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for wide in (1, NAME, rest(width)):
        table.add_column(width=wide, no_wrap=True)
    for wide in (COUNT, TIME):
        table.add_column(width=wide, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def rest(width: int) -> int:
    """Return the columns that the bars get."""
    return max(width - 1 - NAME - COUNT - TIME - 5, 1)


def study_rows(overview: Overview, width: int) -> list[Row]:
    """Return the budget as bars."""
    budget, left, wide = overview.budget, overview.left, rest(width)
    used, seconds = budget.trials - left.trials, overview.spent
    spent = f"{fmt.duration(seconds)} of {fmt.duration(budget.hours * 3600)}"
    return [
        ("", cell("trials"), bar(used, budget.trials, wide), cell(f"{used:.3g} of {budget.trials:g}"), ""),
        ("", cell("time"), bar(seconds, budget.hours * 3600, wide), "", cell(spent)),
    ]


def best(overview: Overview) -> Text:
    """Return the best trial so far beside the baseline."""
    top, base = overview.incumbent, overview.trials[0]
    line = cell("  best".ljust(NAME + 3)).append(rated(top), "bold green" if top.number else "bold")
    if top.number:
        line.append(f" by {label(top)}").append(f"   base {rated(base)}", "dim")
    return line


def stage_rows(progress: Progress, trials: Sequence[Trial], width: int) -> list[Row]:
    """Return the trial's stages in order, the metrics under the last that has some."""
    rows: list[Row] = []
    for place, title in enumerate(progress.steps):
        rows.append(stage_row(progress, place, title, trials, rest(width)))
        if place == progress.trained:
            rows += metric_rows(progress.rows, stage(progress.begun[place].stage).curves, rest(width))
    return rows


def stage_row(progress: Progress, place: int, title: str, trials: Sequence[Trial], wide: int) -> Row:
    """Return one stage: ended, reused, under way or to come."""
    if place >= len(progress.begun):
        about = usual(title, trials)
        note = f"about {fmt.duration(about)}" if about is not None else ""
        return cell("·", "dim"), cell(title, "dim"), "", "", cell(note, "dim")
    if progress.begun[place].reused:
        return cell("✓", "green"), cell(title), cell("reused", "dim"), "", ""
    began = progress.began[place]
    if place + 1 < len(progress.began):
        return cell("✓", "green"), cell(title), "", "", cell(fmt.duration(progress.began[place + 1] - began))
    left = stage_left(progress, trials)
    time = fmt.duration(progress.seconds - began) + (f", {fmt.duration(left)} left" if left is not None else "")
    mark, name = cell("▸", "bold cyan"), cell(title, "bold")
    if place != progress.trained:
        return mark, name, "", "", cell(time)
    step, steps = progress.rows[-1]["step"], progress.rows[-1]["steps"]
    return mark, name, bar(step, steps, wide), cell(f"{step}/{steps}"), cell(time)


def metric_rows(rows: Sequence[Mapping[str, Any]], curves: Mapping[str, str], wide: int) -> list[Row]:
    """Return a sparkline for each metric worth drawing, with the latest value and the first of those shown.

    Few rows are stretched to end where the bar of steps above them ends."""
    rows = rows[-wide:]
    done = max(int(wide * rows[-1]["step"] / max(rows[-1]["steps"], 1)), len(rows))
    logged = [(name, [row[key] for row in rows if key in row]) for key, name in curves.items()]
    lines: list[Row] = []
    for place, (name, values) in enumerate([pair for pair in logged if pair[1]][:CURVES]):
        now, first = (f"{v:.3g}" if isinstance(v, int | float) else "?" for v in (values[-1], values[0]))
        line = sparkline([values[i * len(values) // done] for i in range(done)], wide)
        shown = cell(now, "" if drawable(values[-1]) else "bold red")
        style = "dim cyan" if place else "cyan"
        lines.append(("", cell(f"  {name}", "dim"), cell(line, style), shown, cell(f"{trend(values)} from {first}")))
    return lines


def beside(trial: Trial, trials: Sequence[Trial]) -> list[Text]:
    """Return a line that names the other trials under way, if there are some."""
    others = [label(t) for t in recent(trials) if t.state == "RUNNING" and t.number != trial.number]
    return [cell(f"▸ beside it: {', '.join(others)}", "cyan")] if others else []


def diagnoses(progress: Progress, trial: Trial, trials: Sequence[Trial], width: int) -> list[Text]:
    """Return the last two rules that fired lately: what was seen, and what became of the remedies."""
    trials = recent(trials)
    fired = [(t.number, stopped_by(t.diagnosis)) for t in trials if t.diagnosis and t.number != trial.number]
    fired += [(trial.number, fmt.note(note)) for note in progress.notes]
    fired += [(trial.number, stopped_by(progress.diagnosis))] if progress.diagnosis else []
    lines: list[Text] = []
    for number, what in fired[-2:]:
        seen = f"! trial {number} {what}"
        lines += [
            cell(line, "yellow")
            for line in textwrap.wrap(seen, max(width, 9), subsequent_indent="  ", max_lines=2, placeholder=" …")
        ]
        remedies = [t for t in trials if t.kind == "remedy" and t.parent == number]
        if remedies:
            told = (f"trial {t.number} {t.recovery.call if t.recovery else outcome(t)}" for t in remedies)
            lines.append(cell(f"  remedies: {', '.join(told)}", "dim yellow"))
    return lines


def stopped_by(one: Diagnosis) -> str:
    """Return what a rule saw that stopped a stage."""
    return f"stopped by {one.rule} at {one.stage} step {one.step}: {one.symptom}"


def ended(trial: Trial, trials: Sequence[Trial], most: int, width: int) -> Table:
    """Return the last `most` trials that have ended, a line each."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.width = width
    for justify in ("right", "left", "left", "right", "left", "right"):
        table.add_column(justify=justify, no_wrap=True)
    table.columns[2].ratio = 1
    past = [t for t in recent(trials) if t.number != trial.number and t.state != "RUNNING"]
    for t in past[max(len(past) - most, 0) :]:
        what = fmt.what(t)
        words = (
            f"{t.number:>3}",
            t.kind,
            what,
            rated(t) if t.scores else "",
            outcome(t),
            fmt.duration(t.seconds) if t.seconds else "",
        )
        table.add_row(*(cell(word, "dim") for word in words))
    return table


def frame(progress: Progress, trial: Trial, overview: Overview, width: int, height: int) -> RenderableType:
    """Return one screenful of at most `width` columns and `height` lines; what matters least is left out first."""
    width = min(width, WIDEST)
    inner = width - 4
    lines = textwrap.wrap(fmt.changes(trial), max(inner, 9), max_lines=2, placeholder=" …")
    about = [cell(line, "cyan") for line in lines]
    rows = stage_rows(progress, overview.trials, inner)
    room = height - len(about) - len(rows) - 2
    if room < 0:
        return grid(rows[max(len(progress.begun) - 1, 0) :][:height], width)
    parts: list[RenderableType] = []
    if room >= 5:
        left = study_left(progress, trial, overview)
        note = f"at most {fmt.duration(left)} left" if left is not None else ""
        inside = Group(grid(study_rows(overview, inner), inner), best(overview))
        parts.append(panel(inside, overview.name, note, width))
        room -= 5
    left = trial_left(progress, overview.trials)
    note = fmt.duration(progress.seconds) + (f", about {fmt.duration(left)} left" if left is not None else "")
    title = " · ".join((f"trial {trial.number}", trial.kind, trial.recipe or "base model"))
    parts.append(panel(Group(*about, grid(rows, inner)), title, note, width))
    notes = [*beside(trial, overview.trials), *diagnoses(progress, trial, overview.trials, width - 2)][:room]
    return Group(*parts, *notes, ended(trial, overview.trials, min(room - len(notes), 5), width))


def panel(inside: RenderableType, title: str, note: str, width: int) -> Panel:
    """Return a box with its title above on the left, and a time below on the right."""
    return Panel(
        inside,
        box=box.ROUNDED,
        border_style="bright_black",
        width=width,
        title=cell(title, "bold"),
        title_align="left",
        subtitle=cell(note, "") if note else None,
        subtitle_align="right",
    )
