"""How long a long study's every step takes: a made-up study of N trials is laid out as a worker leaves one, then read,
asked what it does next, told as text and drawn as a page. One table, a row for each N; nothing is trained.

"first step" is that of a coordinator that has just started, "recorded" a step with a trial that is vetted, laid out,
ended and judged (a dozen waits for the disk, 3 ms each here), "frame" one screen of the live view; the commands are
processes, with their imports. Measured on two cores with six other processes on them, which makes all of it two to
three times as long (seconds; MB of the page):

     trials    read   first step   next steps   recorded    frame   `trials`   `report`    MB
        140    0.03        0.005       0.0005      0.035   0.0016       0.62       2.87   3.0
      1,076    0.14        0.009       0.0067      0.048   0.0033       0.78       3.52   3.4
     10,059    2.54        0.061       0.0217      0.052   0.0019       2.17       5.18   3.4

    python scripts/bench_scale.py /tmp/scale --trials 100 1000 10000
"""

import argparse
import math
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from intern import proposers
from intern.cli.compose import compose, scope_of
from intern.config import choices, stages
from intern.config.contract import Choices, Domain
from intern.config.gate import Scope
from intern.config.library import Library
from intern.config.schema import Recipe
from intern.data import items
from intern.overrides import Overrides
from intern.records import Diagnosis, Proposal, Score, StageRun, Trial, Verdict
from intern.report import view
from intern.study.decide import decide
from intern.study.identity import Inputs
from intern.study.ledger import Ledger
from intern.study.reader import Reader
from intern.study.scheduler import Scheduler
from intern.trial import job as jobs
from intern.trial.job import Input, Job, Result, Step
from intern.trial.reader import Progress

WORDS = ("goal=mixed", "model=tiny", "proposer=heuristic", "budget.trials=1000000", "budget.hours=1000000")
ITEMS, ROWS = 400, 120  # dev items; rows of metrics of one stage
DISTINCT = 8  # files of each sort; the others are links to them
STEPS = 20  # decisions that are timed after the first
PAGES = 3  # runs of a command; the quickest counts, the machine may have other work


class Maker:
    """Lays out a made-up study."""

    def __init__(self, folder: Path, scope: Scope) -> None:
        self.folder, self.scope = folder, scope
        self.random = random.Random(0)
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "store" / "items").mkdir(parents=True)
        items.write(folder / "store" / "items" / "dev.jsonl", [{"question": f"What is {i}?"} for i in range(ITEMS)])
        self.ledger = Ledger(folder)
        self.best = 0

    def make(self, count: int) -> None:
        """Lay out a study of so many trials."""
        self.ledger.start("python -m intern " + " ".join(WORDS), jobs.versions())
        self.run(Trial(0, "baseline", "RUNNING"), 0.2)
        for name in sorted(self.scope.recipes):
            self.run(self.next("propose", name, fidelity=0.3), 0.3)
        for name in sorted(self.scope.recipes):
            self.run(self.next("propose", name), 0.4)
        while len(self.ledger.trials) < count:
            self.one(self.random.random())

    def one(self, chance: float) -> None:
        """Add a trial, or a few that belong together."""
        name = self.random.choice(sorted(self.scope.recipes))
        parent = next(t for t in self.ledger.trials if t.recipe == name and t.fidelity == 1.0)
        found = self.next("sweep", name, self.drawn(name, 3), parent.number)
        if chance < 0.03:
            self.ledger.propose(replace(found, state="REJECTED", reason="sft.learning_rate: 1.0 is outside its range"))
        elif chance < 0.06:
            self.end(found, Result("FAIL", reason="sft: out of memory", seconds=9.0), ())
        elif chance < 0.11:
            self.stopped(found)
        elif chance < 0.12:
            self.stopped(replace(found, kind="propose"))
        else:
            self.run(found, 0.4 + 0.2 * self.random.random())

    def stopped(self, trial: Trial) -> None:
        """Add a trial that a rule stopped, and its remedies; a sweep has none."""
        assert trial.recipe
        recipe = self.scope.recipes[trial.recipe]
        last = stages.training(recipe)[-1]
        remedies = tuple(self.drawn(trial.recipe, 1) for _ in range(2))
        found = Diagnosis("reward_collapse", last, 40, "reward fell from 0.60 to 0.01", remedies)
        self.end(trial, Result("PRUNED", diagnosis=found, seconds=9.0), self.stages(trial)[:-1])
        if trial.kind == "sweep":
            return
        self.run(self.next("rollback", trial.recipe, trial.overrides, trial.number), 0.3)
        for change in remedies:
            self.run(self.next("remedy", trial.recipe, trial.overrides | change, trial.number), 0.35)

    def next(
        self, kind: Any, recipe: str, changes: Overrides | None = None, parent: int | None = None, **more: Any
    ) -> Trial:
        """Return the record of the next trial."""
        number = len(self.ledger.trials)
        return Trial(number, kind, "RUNNING", parent, recipe, changes or Overrides(), hypothesis="it may help", **more)

    def drawn(self, name: str, count: int) -> Overrides:
        """Return random legal values of some keys."""
        contract = self.scope.recipes[name].contract
        keys = self.random.sample(sorted(contract), min(count, len(contract)))
        return Overrides({key: self.value(contract[key]) for key in keys})

    def value(self, domain: Domain) -> Any:
        """Return a random value of a domain."""
        if isinstance(domain, Choices):
            return self.random.choice(domain.options)
        if domain.kind is int:
            return self.random.randint(int(domain.low), int(domain.high))
        if domain.log:
            return float(f"{math.exp(self.random.uniform(math.log(domain.low), math.log(domain.high))):.3g}")
        return float(f"{self.random.uniform(domain.low, domain.high):.3g}")

    def stages(self, trial: Trial) -> tuple[StageRun, ...]:
        """Return the stages that a trial ran."""
        recipe = self.scope.recipes[trial.recipe] if trial.recipe else None
        own = [(name, stage.name) for name, stage in stages.entries(recipe)] if recipe else []
        runs = [StageRun(name, stage, f"{stage}-{trial.number:016}", False, 9.0) for name, stage in own]
        return (*runs, StageRun("score", "score", f"score-{trial.number:016}", False, 1.5, "dev"))

    def run(self, trial: Trial, mean: float) -> None:
        """Add a trial that ran to its end."""
        error = math.sqrt(mean * (1 - mean) / ITEMS)
        score = Score("mixed", "dev", "exact_match", mean, error, ITEMS, 0, 1.0, 0.0)
        self.end(trial, Result("COMPLETE", (score,), seconds=20.0), self.stages(trial))
        if trial.kind == "baseline":
            return
        better = mean > (self.ledger.trials[self.best].mean("dev") or 0.0) + 0.05
        verdict = Verdict("keep" if better else "undecided", self.best, 40, 38, 0.01 if better else 0.9)
        self.ledger.judge(trial.number, verdict)
        if trial.kind == "remedy":
            self.ledger.judge(trial.number, replace(verdict, call="undecided"), "recovery")
        self.best = trial.number if better else self.best

    def end(self, trial: Trial, result: Result, runs: tuple[StageRun, ...]) -> None:
        """Record a trial and its end, and lay out its folder."""
        name = f"scale-{trial.number:03d}-1"
        self.ledger.propose(trial)
        self.ledger.submit(trial.number, 1, name)
        self.ledger.submitted(trial.number, f"{name}:4711")
        self.ledger.finish(trial.number, replace(result, stages=runs))
        folder = self.folder / "trials" / f"{trial.number:03d}"
        folder.mkdir(parents=True)
        for file in (jobs.JOB, jobs.CONFIG):
            os.link(self.job(trial.recipe) / file, folder / file)
        events = []
        for place, run in enumerate(runs):
            events.append({"event": "stage", "place": place, "title": run.name, "name": run.name, "stage": run.stage})
            events[-1].update(out=run.out, reused=False)
            kept = jobs.stage_folder(folder, place, run.name)
            kept.mkdir()
            self.keep(run, kept, trial.number % DISTINCT)
        items.write(folder / jobs.EVENTS, events)

    def keep(self, run: StageRun, folder: Path, which: int) -> None:
        """Leave what a report needs of a stage in its folder."""
        curves = tuple(stages.stage(run.stage).curves)
        if curves:
            os.link(self.metrics(run.name, curves, which), folder / "metrics.jsonl")
        if run.stage == "score":
            os.link(self.samples(which), folder / "samples.jsonl")

    def job(self, recipe: str | None) -> Path:
        """Return the folder with a recipe's job and config."""
        folder = self.folder / "made" / (recipe or "base").replace("/", "-")
        if folder.exists():
            return folder
        base, asked = Input("b", "store", "base"), Input("i", "store", "items")
        job = Job(0, 0, (Step("score", "score"),), base, base, asked, str(self.folder / "store"))
        chosen = self.scope.recipes[recipe] if recipe else Recipe()
        jobs.write(folder, job, replace(self.scope.config, recipe=chosen))
        return folder

    def metrics(self, stage: str, curves: tuple[str, ...], which: int) -> Path:
        """Return a file of metrics."""
        path = self.folder / "made" / f"{stage}-{which}.jsonl"
        if path.exists():
            return path
        draw = random.Random(which)
        rows = [
            {"stage": stage, "step": step, "steps": ROWS, **{key: draw.random() / step for key in curves}}
            for step in range(1, ROWS + 1)
        ]
        items.write(path, rows)
        return path

    def samples(self, which: int) -> Path:
        """Return a file of outcomes."""
        path = self.folder / "made" / f"samples-{which}.jsonl"
        if path.exists():
            return path
        draw = random.Random(which)
        outcome = {"task": "mixed", "target": "ANSWER: 7", "response": "3 + 4 = 7\nANSWER: 7", "parsed": True}
        rows = [{**outcome, "doc_id": i, "value": float(draw.random() < 0.5)} for i in range(ITEMS)]
        items.write(path, rows)
        return path


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Return the seconds that something takes, and what it returns."""
    began = time.perf_counter()
    value = work()
    return time.perf_counter() - began, value


def measured(folder: Path, scope: Scope) -> list[str]:
    """Return the row of one study."""
    reading, reader = timed(lambda: Reader(folder))
    nothing = Input("0", "store", "none")
    scheduler = Scheduler(scope, reader, Inputs(nothing, nothing), folder / "store", None, lambda *_: None)  # type: ignore[arg-type]

    def step() -> Any:
        decide(scheduler.state())
        return proposers.propose(scope.config.proposer.name, scheduler.view())

    first, _ = timed(step)
    following = median(timed(step)[0] for _ in range(STEPS))
    whole = median(timed(lambda: (step(), recorded(scheduler)))[0] for _ in range(STEPS))
    progress = Progress(1.0, ("score dev",))
    frame, _ = timed(lambda: view.frame(progress, reader.trials[-1], scheduler.overview(), 100, 30))
    trials, report = (command(name, folder) for name in ("trials", "report"))
    size = (folder / "report.html").stat().st_size / 1e6
    figures = [f"{reading:.2f}", f"{first:.3f}", f"{following:.4f}", f"{whole:.4f}", f"{frame:.4f}"]
    return [f"{len(reader.trials):,}", *figures, f"{trials:.2f}", f"{report:.2f}", f"{size:.1f}"]


def recorded(scheduler: Scheduler) -> None:
    """Let a trial be vetted, laid out and recorded, and its end and its verdict as well."""
    name = sorted(scheduler.scope.recipes)[0]
    number, reader = len(scheduler.ledger.trials), scheduler.reader
    events = list(scheduler.attempt(Proposal(name, seed=number, fidelity=0.5)))
    assert not events and len(reader.trials) == number + 1, "the proposal was refused"
    scheduler.ledger.finish(number, Result("COMPLETE", reader.trials[1].scores, seconds=20.0))
    scheduler.ledger.judge(number, Verdict("undecided", 0, 40, 38, 0.9))


def command(name: str, folder: Path) -> float:
    """Return the seconds of a command as a person gives it, the least of a few."""
    words = [sys.executable, "-m", "intern", name, str(folder)]
    return min(timed(lambda: subprocess.run(words, check=True, stdout=subprocess.DEVNULL))[0] for _ in range(PAGES))


def main() -> None:
    """Make the studies and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--trials", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--kept", action="store_true", help="measure the studies that are there, make none")
    asked = parser.parse_args()
    library = Library()
    choices.register(library)
    scope = scope_of(compose(WORDS, library), WORDS, library)
    table = Table("trials", "read", "first step", "next steps", "recorded", "frame", "`trials`", "`report`", "MB")
    for count in asked.trials:
        if not asked.kept:
            Maker(asked.out / str(count), scope).make(count)
        os.sync()  # what was laid out is written while nothing is timed
        table.add_row(*measured(asked.out / str(count), scope))
    Console().print(table)


if __name__ == "__main__":
    main()
