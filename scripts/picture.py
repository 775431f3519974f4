"""Draw the live view of a real run from its study's folder: the lines of the trials before, then the view at one
moment of one trial. Only the clock is drawn, not read: a stage's recorded seconds, shared evenly over its steps.

    python scripts/picture.py outputs/arithmetic-tiny docs/run.svg --trial 3 --stage grpo --share 0.6"""

import argparse
import json
import re
from itertools import accumulate
from pathlib import Path

from rich.console import Console
from rich.text import Text

from intern.data import items
from intern.records import Trial
from intern.report import live, text
from intern.report.estimate import Look, Standing
from intern.stats import paired
from intern.study import budget, ledger
from intern.trial import worker


def main() -> None:
    """Read the words, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("study", type=Path)
    parser.add_argument("svg", type=Path)
    parser.add_argument("--trial", type=int, default=3)
    parser.add_argument("--stage", default="grpo")
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
    """What the terminal held at that moment."""
    trials = ledger.trials(asked.study)
    before, trial = trials[: asked.trial], trials[asked.trial]
    for past in before:
        line = text.line(past)
        for start in range(0, len(line), console.width):  # as a terminal folds it
            console.print(Text(line[start : start + console.width]))
    folder = asked.study / "trials" / f"{asked.trial:03d}"
    spends = worker.read_job(folder)[1].budget
    running = Trial(
        trial.number,
        trial.kind,
        "RUNNING",
        trial.parent,
        trial.recipe,
        trial.overrides,
        trial.seed,
        fidelity=trial.fidelity,
    )
    now = (*before, running)
    standing = Standing(now, paired.incumbent(before or now), spends, budget.left(spends, now))
    look = at(asked.study, folder, trial, asked.stage, asked.share)
    console.print(live.frame(look, running, standing, asked.study.name, asked.width, asked.height))


def at(study: Path, folder: Path, trial: Trial, stage: str, share: float) -> Look:
    """What the folder said when this share of the stage's steps had been logged."""
    place = [row["stage"] for row in trial.stages].index(stage)
    ends = [0.0, *accumulate(row["seconds"] for row in trial.stages)]
    rows = items.read(study / "stages" / trial.stages[place]["out"] / "metrics.jsonl")
    seen = rows[: max(round(len(rows) * share), 1)]
    pace = trial.stages[place]["seconds"] / rows[-1]["steps"]
    marks = tuple((ends[place] + row["step"] * pace, row["step"]) for row in (seen[0], seen[-1]))
    steps = json.loads((folder / "trial.json").read_text())["steps"]
    return Look(
        marks[-1][0], tuple(steps), trial.stages[: place + 1], tuple(ends[: place + 1]), place, tuple(seen), marks
    )


if __name__ == "__main__":
    main()
