"""Runs the trials of one study: lays out a trial's folder, starts its worker until there is a result, records it.

The order matters: what the ledger names can be run, by this coordinator or by the next."""

import json
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from intern import files
from intern.config.schema import Config
from intern.errors import UserError
from intern.launchers import Launcher
from intern.records import UNCOUNTED, Trial
from intern.report import monitor
from intern.report.estimate import Standing
from intern.stages import Step
from intern.stats import paired
from intern.study import budget, ledger
from intern.trial import worker

ATTEMPTS = 2  # a worker that died without a result (killed, out of memory) is started once more


@dataclass(frozen=True)
class Start:
    """What a trial's first stage starts from."""

    model: str
    """A checkpoint folder, or a Hub name."""
    hash: str
    """Its content hash."""


class Runner:
    """Runs trials in a study's folder, one at a time."""

    def __init__(self, folder: Path, config: Config, items_hash: str, launcher: Launcher, console: Console) -> None:
        self.folder, self.config, self.items_hash = folder, config, items_hash
        self.launcher, self.console = launcher, console

    def place(self, number: int) -> Path:
        """Where a trial's files are."""
        return self.folder / "trials" / f"{number:03d}"

    def begin(self, trial: Trial, config: Config, steps: tuple[Step, ...], start: Start) -> Trial:
        """Lay out the trial's folder, record it, run it; returns the trial as it ended."""
        job = worker.Job(trial.number, trial.seed, steps, start.model, start.hash, self.items_hash)
        worker.write_job(self.place(trial.number), job, config)
        ledger.propose(self.folder, trial)
        return self.execute(trial)

    def execute(self, trial: Trial) -> Trial:
        """Run a recorded trial's worker to its end and record the result."""
        folder, minutes = self.place(trial.number), self.config.compute.trial_minutes
        trials = ledger.trials(self.folder)
        left = budget.left(self.config.budget, trials)
        if trial.kind not in UNCOUNTED:
            minutes = min(minutes, left.hours * 60)
        standing = Standing(trials, paired.incumbent(trials), self.config.budget, left)
        began, ended = time.monotonic(), folder / "result.json"
        reason = self.drive(trial, standing, max(minutes, 0.1) * 60)
        spent = round(time.monotonic() - began, 2)
        result = json.loads(ended.read_text()) if ended.exists() else worker.failure(reason, spent)
        ledger.finish(self.folder, trial.number, result)
        return ledger.trials(self.folder)[trial.number]

    def drive(self, trial: Trial, standing: Standing, limit: float) -> str:
        """Start the worker, again where it died without a result; returns why there is none, or ""."""
        folder = self.place(trial.number)
        deaths: Counter[int] = Counter()  # by the number of stages reached: progress earns another try
        while not (folder / "result.json").exists():
            running = self.launcher.start(folder)
            if reason := monitor.follow(running, folder, limit, trial, standing, self.console, self.config.quiet):
                return reason
            if running.exit_status() == files.FULL:
                raise UserError(files.message(self.folder))
            reached = len({row["out"] for row in monitor.stage_rows(folder)})
            deaths[reached] += 1
            if deaths[reached] == ATTEMPTS and not (folder / "result.json").exists():
                return f"the worker died {ATTEMPTS} times in the same stage; see {folder / 'log.txt'}"
        return ""
