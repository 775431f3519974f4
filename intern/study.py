"""The study: baseline, then proposals through the gate until target, budget or contract end it, then the
winner exported and scored on test, once. All of its state is in its folder; this process may die at any moment."""

import json
import shutil
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from intern import (
    base,
    budget,
    contract,
    gate,
    identity,
    judge,
    ledger,
    library,
    monitor,
    plugins,
    search,
    summary,
    worker,
)
from intern.config import Config, Recipe, flat
from intern.errors import UserError
from intern.proposers import View
from intern.records import Proposal, Trial
from intern.stages import Step

ATTEMPTS = 2  # a worker that died without a result (killed, out of memory) is started once more


def run(config: Config, scene: gate.Scene, console: Console) -> int:
    """Run or continue the study of this config; returns the exit status."""
    folder = Path(config.outputs) / config.study
    recipes = {name: library.load(name) for name in scene.recipes}
    base.check(config.model)
    with ledger.locked(folder):
        hashes = identity.identify(folder, config, scene)
        if ledger.end(folder):
            console.print(
                f"Study {folder} has ended; its test items are spent. Start another with study=NAME.", soft_wrap=True
            )
            console.print(summary.text(folder), markup=False, highlight=False, soft_wrap=True)
            return 0
        for name in recipes:
            identity.freeze(folder, name)
        ledger.append(folder, "start", command=scene.command, versions=worker.versions())
        launcher = plugins.load("launchers", config.compute.launcher).open(config.compute)
        try:
            Study(folder, config, scene, recipes, hashes, launcher, console).loop()
        finally:
            launcher.close()
    console.print(summary.text(folder), markup=False, highlight=False, soft_wrap=True)
    return 0


class Study:
    """The loop over one study's folder."""

    def __init__(
        self,
        folder: Path,
        config: Config,
        scene: gate.Scene,
        recipes: Mapping[str, Recipe],
        hashes: Mapping[str, str],
        launcher: Any,
        console: Console,
    ) -> None:
        self.folder, self.config, self.scene, self.recipes = folder, config, scene, recipes
        self.hashes, self.launcher, self.console = hashes, launcher, console
        self.proposer = plugins.load("proposers", config.proposer.name)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The ledger as it stands."""
        return ledger.trials(self.folder)

    def loop(self) -> None:
        """Everything from the baseline to the confirmation, from wherever the ledger stands."""
        self.settle()
        self.baseline()
        reason = self.search()
        if self.config.proposer.confirm:
            ledger.append(self.folder, "end", reason=reason, winner=self.confirm())

    def settle(self) -> None:
        """Finish what an earlier coordinator left: trials under way, verdicts not yet given."""
        for trial in self.trials:
            if trial.state == "RUNNING":
                self.execute(trial)
        for trial in self.trials:
            self.settle_verdict(trial)

    def baseline(self) -> None:
        """Trial 0: the untouched base on dev and test, zero-shot and, where the goal names it, few-shot."""
        trials = self.trials
        if trials and trials[0].state == "COMPLETE":
            return
        shots = sorted({0, self.config.goal.few_shot})
        steps = tuple(Step("score", split, n) for split in ("dev", "test") for n in shots)
        trial = Trial(0, "baseline", "RUNNING", hypothesis="the untouched base model")
        (self.trial_folder(0) / "result.json").unlink(missing_ok=True)
        self.begin(trial, self.config, steps, self.config.model.path, self.hashes["model"])
        if self.trials[0].state != "COMPLETE":
            raise UserError(
                f"The baseline could not be scored: {self.trials[0].reason}. See {self.trial_folder(0) / 'log.txt'}; "
                "mend it and run the same command."
            )

    def search(self) -> str:
        """Propose and try until something ends the search; returns what did."""
        target = self.config.goal.target
        while True:
            view = self.view()
            best = view.incumbent.mean("dev") or 0.0
            if target is not None and view.incumbent.number and best >= target:
                return f"the target of {target} is met on dev"
            if view.left.spent:
                return view.left.spent
            proposals = self.proposer.propose(view)
            if not proposals:
                return "the proposer has nothing more to try inside the contract"
            for proposal in proposals:
                self.attempt(proposal)

    def view(self) -> View:
        """What the proposer sees: test scores are taken out."""
        trials = tuple(replace(t, scores=tuple(s for s in t.scores if s.split == "dev")) for t in self.trials)
        return View(
            self.recipes,
            trials,
            incumbent(trials),
            budget.left(self.config.budget, trials),
            self.config.proposer,
            self.scene.pins,
            self.config.seed,
        )

    def attempt(self, proposal: Proposal) -> None:
        """Vet one proposal and run it; a refusal is recorded with its reasons."""
        number = len(self.trials)
        lines = proposal.overrides + self.swept(proposal)
        vetted = gate.vet(self.scene, [f"recipe={proposal.recipe}", *lines])
        trial = Trial(
            number,
            proposal.kind,
            "RUNNING",
            proposal.parent,
            proposal.recipe,
            lines,
            proposal.seed,
            hypothesis=proposal.hypothesis,
        )
        if isinstance(vetted, gate.Rejection):
            ledger.propose(
                self.folder,
                replace(
                    trial, state="REJECTED", overrides=(*self.scene.pins, *lines), reason="; ".join(vetted.reasons)
                ),
            )
            self.say(self.trials[number])
            return
        steps = (*(Step(stage) for stage in vetted.config.recipe.stages), Step("score", "dev"))
        trial = replace(trial, overrides=vetted.overrides)
        self.begin(trial, vetted.config, steps, self.config.model.path, self.hashes["model"])

    def swept(self, proposal: Proposal) -> tuple[str, ...]:
        """Overrides for the keys that the proposal leaves to Optuna."""
        if not proposal.sweep:
            return ()
        recipe = self.recipes[proposal.recipe]
        bounds, own = contract.read(recipe.tunable)[0], dict(flat(recipe))
        space = search.Space(bounds, {key: own[key] for key in bounds})
        found = search.ask(self.folder, proposal.recipe, space, proposal.sweep, self.trials, self.config.seed)
        return tuple(f"recipe.{key}={contract.show(value)}" for key, value in sorted(found.items()))

    def begin(self, trial: Trial, config: Config, steps: tuple[Step, ...], model: str, model_hash: str) -> None:
        """Lay out the trial's folder, record it, run it. In this order: what the ledger names can be run."""
        job = worker.Job(trial.number, trial.seed, steps, model, model_hash, self.hashes["items"])
        worker.write_job(self.trial_folder(trial.number), job, config)
        ledger.propose(self.folder, trial)
        self.execute(trial)

    def execute(self, trial: Trial) -> None:
        """Run a trial's worker to its end, record the result and judge it."""
        folder = self.trial_folder(trial.number)
        minutes = self.config.compute.trial_minutes
        if trial.kind not in ("baseline", "confirm"):
            minutes = min(minutes, budget.left(self.config.budget, self.trials).hours * 60)
        began, ended = time.monotonic(), folder / "result.json"
        reason = self.drive(folder, label(trial), max(minutes, 0.1) * 60)
        spent = round(time.monotonic() - began, 2)
        result = json.loads(ended.read_text()) if ended.exists() else worker.failure(reason, spent)
        ledger.finish(self.folder, trial.number, result)
        self.settle_verdict(self.trials[trial.number])
        self.say(self.trials[trial.number])

    def drive(self, folder: Path, name: str, limit: float) -> str:
        """Start the worker, again where it died without a result; returns why there is none, or ""."""
        deaths: Counter[int] = Counter()  # by the number of stages reached: progress earns another try
        while not (folder / "result.json").exists():
            running = self.launcher.start(folder)
            if reason := monitor.follow(running, folder, limit, name, self.console):
                return reason
            reached = len({row["out"] for row in monitor.stage_rows(folder)})
            deaths[reached] += 1
            if deaths[reached] == ATTEMPTS and not (folder / "result.json").exists():
                return f"the worker died {ATTEMPTS} times in the same stage; see {folder / 'log.txt'}"
        return ""

    def settle_verdict(self, trial: Trial) -> None:
        """Compare a trial with the incumbent on dev, if it is one that competes and has no verdict yet."""
        if trial.state != "COMPLETE" or trial.verdict or trial.kind in ("baseline", "confirm"):
            return
        best = incumbent(self.trials)
        verdict = judge.compare(
            summary.samples(self.folder, trial, "dev"), summary.samples(self.folder, best, "dev"), best.number
        )
        ledger.judge(self.folder, trial.number, verdict)

    def confirm(self) -> int | None:
        """Export the winner and score the export on test; returns its number, None where nothing beat the base."""
        winner = incumbent(self.trials)
        if winner.kind == "baseline":
            return None
        done = next((t for t in self.trials if t.kind == "confirm" and t.state == "COMPLETE"), None)
        if done is None:
            _, config = worker.read_job(self.trial_folder(winner.number))
            checkpoint = [row["out"] for row in winner.stages if row["stage"] in ("sft", "grpo")][-1]
            trial = Trial(
                len(self.trials),
                "confirm",
                "RUNNING",
                winner.number,
                winner.recipe,
                winner.overrides,
                winner.seed,
                hypothesis=f"trial {winner.number}, exported and scored on test",
            )
            steps = (Step("export"), Step("score", "test"))
            self.begin(trial, config, steps, str((self.folder / "stages" / checkpoint).resolve()), checkpoint)
            done = self.trials[trial.number]
        if done.state != "COMPLETE":
            raise UserError(
                f"The winner could not be confirmed: {done.reason}. See {self.trial_folder(done.number) / 'log.txt'}; "
                "the same command tries again."
            )
        publish(self.folder / "stages" / done.stages[0]["out"], self.folder / "export")
        return winner.number

    def trial_folder(self, number: int) -> Path:
        """Where a trial's files are."""
        return self.folder / "trials" / f"{number:03d}"

    def say(self, trial: Trial) -> None:
        """One line for a trial that has ended."""
        self.console.print(summary.line(trial), highlight=False, soft_wrap=True, markup=False)


def incumbent(trials: tuple[Trial, ...]) -> Trial:
    """The last trial that was kept, or the baseline."""
    return next((t for t in reversed(trials) if t.verdict and t.verdict.call == "keep"), trials[0])


def label(trial: Trial) -> str:
    """A trial's name in a progress line."""
    return f"trial {trial.number} {trial.recipe or trial.kind}"


def publish(made: Path, export: Path) -> None:
    """Copy the export to its place in the study, whole or not at all."""
    part = export.with_name("export.part")
    shutil.rmtree(part, ignore_errors=True)
    shutil.copytree(made, part)
    shutil.rmtree(export, ignore_errors=True)
    part.rename(export)
