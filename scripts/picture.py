"""Draw the live view of a real run from its study's folder: the lines of the trials before, then the view at one
moment of one trial. Only the clock is drawn, not read: a stage's recorded seconds, shared evenly over its steps.

    python scripts/picture.py outputs/arithmetic-tiny docs/run.svg --trial 3 --stage grpo --share 0.6
"""

import argparse
import re
from dataclasses import replace
from itertools import accumulate
from pathlib import Path

from rich.console import Console
from rich.text import Text

from intern.records import Trial
from intern.report import fmt, view
from intern.search.history import History
from intern.study import budget
from intern.study.events import Overview
from intern.study.reader import Reader
from intern.trial import job as jobs
from intern.trial.reader import Progress


def main() -> None:
    """Read the words, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--trial", type=int, default=3)
    parser.add_argument("--stage", default="grpo", help="its name in the recipe")
    parser.add_argument("--share", type=float, default=0.6, help="of the stage's steps, in (0, 1]")
    parser.add_argument("--width", type=int, default=100)
    parser.add_argument("--height", type=int, default=24)
    asked = parser.parse_args()
    with Path("/dev/null").open("w") as nowhere:
        console = Console(record=True, file=nowhere, width=asked.width, force_terminal=True, color_system="truecolor")
        draw(console, asked)
    svg = console.export_svg(title=f"intern, trial {asked.trial} of {asked.study.name}")
    asked.svg.write_text(re.sub(r",\s*url\([^)]*\) format\([^)]*\)", "", svg))  # no font from the network


def draw(console: Console, asked: argparse.Namespace) -> None:
    """Print what the terminal held at that moment."""
    study = Reader(asked.study)
    before, trial = study.trials[: asked.trial], study.trials[asked.trial]
    for past in before:
        line = fmt.one_line(fmt.line(past))
        for start in range(0, len(line), console.width):  # as a terminal folds it
            console.print(Text(line[start : start + console.width]))
    running = replace(
        trial, state="RUNNING", scores=(), diagnosis=None, verdict=None, recovery=None, seconds=None, stages=()
    )
    now = [*before, running]
    spends = study.config(asked.trial).budget
    history, spent = History(now), sum(past.seconds or 0.0 for past in before)
    best = study.trials[History(before or now).incumbent.number]
    overview = Overview(asked.study.name, now, best, spends, budget.left(spends, history, spent), spent)
    progress = at(study, trial, asked.stage, asked.share)
    console.print(view.frame(progress, running, overview, asked.width, asked.height))


def at(study: Reader, trial: Trial, stage: str, share: float) -> Progress:
    """Return what the folder said when this share of the stage's steps had been logged."""
    begun = study.begun(trial)
    place = [one.name for one in begun].index(stage)
    ends = [0.0, *accumulate(run.seconds for run in trial.stages)]
    rows = study.metrics(trial, begun[place])
    seen = rows[: max(round(len(rows) * share), 1)]
    pace = trial.stages[place].seconds / rows[-1]["steps"]
    marks = tuple((ends[place] + row["step"] * pace, row["step"]) for row in (seen[0], seen[-1]))
    return Progress(
        seconds=marks[-1][0],
        steps=tuple(step.title for step in jobs.read(study.place(trial.number)).steps),
        begun=tuple(begun[: place + 1]),
        began=tuple(ends[: place + 1]),
        trained=place,
        rows=tuple(seen),
        marks=marks,
    )


if __name__ == "__main__":
    main()
