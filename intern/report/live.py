"""What a person sees while a trial runs: pure functions from records to one screenful, so that every number on
it can be tested without a terminal. intern.monitor reads the files and draws.

    python scripts/picture.py outputs/arithmetic-tiny docs/run.svg"""

import math
import statistics
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from intern.records import Trial
from intern.report.estimate import Look, Standing, duration, named, stage_left, study_left, trial_left, usual

WIDEST = 100  # columns; longer bars say no more
BLOCKS = "▁▂▃▄▅▆▇"  # no full block: it would touch the line above
HUGE = 1e100  # squares of less can be summed
METRICS = {
    "reward": "reward",
    "loss": "loss",
    "mean_token_accuracy": "accuracy",
    "completions/mean_length": "length",
    "entropy": "entropy",
    "right_rate": "held out",
}
NAME, COUNT, TIME = 11, 11, 25  # widths of columns: fixed, or all would move when a number gains a digit
Cell = RenderableType
Row = tuple[Cell, Cell, Cell, Cell, Cell]


def label(trial: Trial) -> str:
    """A trial's name in a progress line."""
    return f"trial {trial.number} {trial.recipe or trial.kind}"


def drawable(value: Any) -> bool:
    """Whether it is a number of a sane size: a diverged run logs NaN or 1e300, and some rows lack a key."""
    return isinstance(value, int | float) and abs(value) < HUGE


def sparkline(values: Sequence[Any], width: int) -> str:
    """The last `width` values, a block each, between their lowest and highest; × where there is no number."""
    last = values[-width:] if width > 0 else ()
    numbers = [float(value) for value in last if drawable(value)]
    low, high = (min(numbers), max(numbers)) if numbers else (0.0, 0.0)
    top = len(BLOCKS) - 1

    def block(value: float) -> str:
        return BLOCKS[round(top * (value - low) / (high - low)) if high > low else top // 2]

    return "".join(block(value) if drawable(value) else "×" for value in last)


def trend(values: Sequence[Any]) -> str:
    """↑ or ↓ where the halves' means differ by more than the standard error of that difference, else →."""
    numbers = [float(value) for value in values if drawable(value)]
    half = len(numbers) // 2
    if half < 2:
        return " "
    old, new = numbers[:half], numbers[-half:]
    change = statistics.fmean(new) - statistics.fmean(old)
    noise = math.sqrt((statistics.variance(old) + statistics.variance(new)) / half)
    return "→" if abs(change) <= noise else "↑" if change > 0 else "↓"


def dev(trial: Trial) -> str:
    """Mean over the dev tasks with its standard error, in per cent."""
    mean = trial.mean("dev")
    return "not scored" if mean is None else f"{100 * mean:.1f} ± {100 * trial.stderr('dev'):.1f} %"


def tried(trial: Trial) -> str:
    """What sets the trial apart from its recipe's file."""
    words = [word.removeprefix("recipe.") for word in trial.overrides]
    words += [f"seed={trial.seed}"] if trial.kind == "repeat" else []
    words += [f"({trial.fidelity:.0%} of the steps)"] if trial.fidelity < 1 else []
    return " ".join(words)


def outcome(trial: Trial) -> str:
    """One word for what came of a trial."""
    if trial.state != "COMPLETE":
        return trial.diagnosis.rule if trial.diagnosis else trial.state
    return trial.verdict.call if trial.verdict else ""


def cell(text: str, style: str = "") -> Text:
    """One line whatever the text holds: a refused override may carry any character, escape codes too."""
    clean = "".join(char if char.isprintable() else "?" for char in text)
    return Text(clean, style, no_wrap=True, overflow="ellipsis")


def bar(done: float, total: float, width: int) -> Cell:
    """A bar that is full at `total`."""
    share = min(max(done / total, 0.0), 1.0) if total > 0 else 1.0
    return ProgressBar(1.0, share, width, style="bright_black", complete_style="cyan", finished_style="cyan")


def grid(rows: Sequence[Row], width: int) -> Table:
    """Rows of mark, name, bar, count and time, of one line each."""
    table = Table.grid(padding=(0, 1, 0, 0))
    for wide, justify in ((1, "left"), (NAME, "left"), (rest(width), "left"), (COUNT, "right"), (TIME, "right")):
        table.add_column(width=wide, justify=justify, no_wrap=True)
    for row in rows:
        table.add_row(*row)
    return table


def rest(width: int) -> int:
    """Columns that the bars get."""
    return max(width - 1 - NAME - COUNT - TIME - 5, 1)


def study_rows(look: Look, standing: Standing, width: int) -> list[Row]:
    """The budget, as bars."""
    budget, left, wide = standing.budget, standing.left, rest(width)
    used, hours = budget.trials - left.trials, (budget.hours - left.hours) * 3600 + look.seconds
    spent = f"{duration(hours)} of {duration(budget.hours * 3600)}"
    return [
        ("", cell("trials"), bar(used, budget.trials, wide), cell(f"{used:.3g} of {budget.trials}"), ""),
        ("", cell("time"), bar(hours, budget.hours * 3600, wide), "", cell(spent)),
    ]


def best(standing: Standing) -> Text:
    """The best trial so far beside the baseline."""
    top, base = standing.incumbent, standing.trials[0]
    line = cell("  best        ").append(dev(top), "bold green" if top.number else "bold")
    if top.number:
        line.append(f" by {label(top)}").append(f"   base {dev(base)}", "dim")
    return line


def stage_rows(look: Look, trials: Sequence[Trial], width: int) -> list[Row]:
    """The trial's stages in order, the metrics under the last that has some."""
    found: list[Row] = []
    for place, step in enumerate(look.steps):
        found.append(stage_row(look, place, step, trials, rest(width)))
        if place == look.trained:
            found += metric_rows(look.rows, rest(width))
    return found


def stage_row(look: Look, place: int, step: Mapping[str, Any], trials: Sequence[Trial], wide: int) -> Row:
    """One stage: ended, reused, under way or to come."""
    if place >= len(look.begun):
        about = usual(step, trials)
        note = f"about {duration(about)}" if about is not None else ""
        return cell("·", "dim"), cell(named(step), "dim"), "", "", cell(note, "dim")
    if look.begun[place]["reused"]:
        return cell("✓", "green"), cell(named(step)), cell("reused", "dim"), "", ""
    ended = look.began[place + 1] if place + 1 < len(look.begun) else None
    if ended is not None:
        return cell("✓", "green"), cell(named(step)), "", "", cell(duration(ended - look.began[place]))
    left = stage_left(look, trials)
    time = duration(look.seconds - look.began[place]) + (f", {duration(left)} left" if left is not None else "")
    mark, name = cell("▸", "bold cyan"), cell(named(step), "bold")
    if place != look.trained:
        return mark, name, "", "", cell(time)
    step_now, steps = look.rows[-1]["step"], look.rows[-1]["steps"]
    return mark, name, bar(step_now, steps, wide), cell(f"{step_now}/{steps}"), cell(time)


def metric_rows(rows: Sequence[Mapping[str, Any]], wide: int) -> list[Row]:
    """A sparkline for each metric that the stage logs, with the latest value and the first of those shown.

    Few rows are stretched to end where the bar of steps above them ends."""
    rows, found = rows[-wide:], []
    done = max(int(wide * rows[-1]["step"] / max(rows[-1]["steps"], 1)), len(rows))
    for key, name in METRICS.items():
        if values := [row[key] for row in rows if key in row]:
            now, first = (f"{v:.3g}" if isinstance(v, int | float) else "?" for v in (values[-1], values[0]))
            line = sparkline([values[i * len(values) // done] for i in range(done)], wide)
            style = "cyan" if name in ("reward", "loss") else "dim cyan"
            shown = cell(now, "" if drawable(values[-1]) else "bold red")
            found.append(
                ("", cell(f"  {name}", "dim"), cell(line, style), shown, cell(f"{trend(values)} from {first}"))
            )
    return found


def diagnoses(look: Look, trial: Trial, trials: Sequence[Trial], width: int) -> list[Text]:
    """The last two rules that fired: what was seen, and what became of the remedies."""
    fired = [(t.number, t.diagnosis) for t in trials if t.diagnosis and t.number != trial.number]
    fired += [(trial.number, look.diagnosis)] if look.diagnosis else []
    found: list[Text] = []
    for number, one in fired[-2:]:
        seen = f"! trial {number} stopped by {one.rule} at {one.stage} step {one.step}: {one.symptom}"
        found += [
            cell(line, "yellow")
            for line in textwrap.wrap(seen, max(width, 9), subsequent_indent="  ", max_lines=2, placeholder=" …")
        ]
        remedies = [t for t in trials if t.kind == "remedy" and t.parent == number]
        if remedies:
            told = (f"trial {t.number} {t.recovery.call if t.recovery else outcome(t)}" for t in remedies)
            found.append(cell(f"  remedies: {', '.join(told)}", "dim yellow"))
    return found


def ended(trial: Trial, trials: Sequence[Trial], most: int, width: int) -> Table:
    """The last `most` trials that have ended, a line each."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.width = width
    for justify in ("right", "left", "left", "right", "left", "right"):
        table.add_column(justify=justify, no_wrap=True)
    table.columns[2].ratio = 1
    past = [t for t in trials if t.number != trial.number and t.state != "RUNNING"]
    for t in past[max(len(past) - most, 0) :]:
        what = f"{t.recipe or 'base model'} {tried(t)}"
        words = (
            f"{t.number:>3}",
            t.kind,
            what,
            dev(t) if t.scores else "",
            outcome(t),
            duration(t.seconds) if t.seconds else "",
        )
        table.add_row(*(cell(word, "dim") for word in words))
    return table


def frame(look: Look, trial: Trial, standing: Standing, name: str, width: int, height: int) -> RenderableType:
    """One screenful of at most `width` columns and `height` lines; what matters least is left out first."""
    width = min(width, WIDEST)
    inner = width - 4
    about = [cell(line, "cyan") for line in textwrap.wrap(tried(trial), max(inner, 9), max_lines=2, placeholder=" …")]
    rows = stage_rows(look, standing.trials, inner)
    room = height - len(about) - len(rows) - 2
    if room < 0:
        return grid(rows[max(len(look.begun) - 1, 0) :][:height], width)
    parts: list[RenderableType] = []
    if room >= 5:
        left = study_left(look, trial, standing)
        note = f"at most {duration(left)} left" if left is not None else ""
        parts.append(panel(Group(grid(study_rows(look, standing, inner), inner), best(standing)), name, note, width))
        room -= 5
    left = trial_left(look, standing.trials)
    note = duration(look.seconds) + (f", about {duration(left)} left" if left is not None else "")
    title = " · ".join((f"trial {trial.number}", trial.kind, trial.recipe or "base model"))
    parts.append(panel(Group(*about, grid(rows, inner)), title, note, width))
    notes = diagnoses(look, trial, standing.trials, width - 2)[:room]
    return Group(*parts, *notes, ended(trial, standing.trials, min(room - len(notes), 5), width))


def panel(inside: RenderableType, title: str, note: str, width: int) -> Panel:
    """A box with its title above on the left, and a time below on the right."""
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
