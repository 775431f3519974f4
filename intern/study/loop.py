"""The study: baseline, then proposals through the gate until target, budget or contract end it, then the
winner exported and scored on test, once. All of its state is in its folder; this process may die at any moment.

    python -m intern goal=arithmetic model=tiny"""

import shutil
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from intern import checkpoints, files, plugins
from intern.config import contract, gate, library
from intern.config.schema import Config, Recipe, shortened
from intern.errors import UserError
from intern.proposers import View
from intern.records import Kind, Proposal, Trial
from intern.report import card, text
from intern.search import recovery, sampler
from intern.stages import Step
from intern.stats import paired
from intern.study import budget, identity, ledger
from intern.study.runner import Runner, Start
from intern.trial import worker


def run(config: Config, scene: gate.Scene, console: Console) -> int:
    """Run or continue the study of this config; returns the exit status."""
    folder = Path(config.outputs) / config.study
    recipes = {name: library.load(name) for name in scene.recipes}
    checkpoints.check(config.model)
    with ledger.locked(folder):
        hashes = identity.identify(folder, config, scene)
        if ledger.end(folder):
            console.print(
                f"Study {folder} has ended; its test items are spent. Start another with study=NAME.", soft_wrap=True
            )
            console.print(text.text(folder), markup=False, highlight=False, soft_wrap=True)
            return 0
        for name in recipes:
            identity.freeze(folder, name)
        ledger.append(folder, "start", command=scene.command, versions=worker.versions())
        launcher = plugins.load("launchers", config.compute.launcher).open(config.compute)
        try:
            runner = Runner(folder, config, hashes["items"], launcher, console)
            Study(config, scene, recipes, runner, Start(config.model.path, hashes["model"])).loop()
        finally:
            launcher.close()
    console.print(text.text(folder), markup=False, highlight=False, soft_wrap=True)
    return 0


class Study:
    """The loop over one study's folder."""

    def __init__(
        self, config: Config, scene: gate.Scene, recipes: Mapping[str, Recipe], runner: Runner, start: Start
    ) -> None:
        self.config, self.scene, self.recipes, self.runner, self.start = config, scene, recipes, runner, start
        self.folder, self.console = runner.folder, runner.console
        self.proposer = plugins.load("proposers", config.proposer.name)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The ledger as it stands."""
        return ledger.trials(self.folder)

    def loop(self) -> None:
        """Everything from the baseline to the confirmation, from wherever the ledger stands."""
        self.settle()
        self.baseline()
        tested = any(t.kind == "confirm" and t.state == "COMPLETE" for t in self.trials)
        reason = "the winner was already scored on test" if tested else self.search()
        if self.config.proposer.confirm:
            ledger.append(self.folder, "end", reason=reason, winner=self.confirm())

    def settle(self) -> None:
        """Finish what an earlier coordinator left: trials under way, verdicts not yet given."""
        for trial in self.trials:
            if trial.state == "RUNNING":
                self.conclude(self.runner.execute(trial))
            else:
                self.judge(trial)

    def conclude(self, trial: Trial) -> Trial:
        """Judge a trial that has ended, and say so."""
        self.judge(trial)
        trial = self.trials[trial.number]
        if not self.config.quiet:
            self.console.print(text.line(trial), highlight=False, soft_wrap=True, markup=False)
        if files.failed(trial.reason):  # the next trial would fail likewise, and use up the budget
            raise UserError(files.message(self.folder))
        return trial

    def baseline(self) -> None:
        """Trial 0: the untouched base on dev and test, zero-shot and, where the goal names it, few-shot."""
        trials = self.trials
        if trials and trials[0].state == "COMPLETE":
            return
        shots = sorted({0, self.config.goal.few_shot})
        steps = tuple(Step("score", split, n) for split in ("dev", "test") for n in shots)
        (self.runner.place(0) / "result.json").unlink(missing_ok=True)
        trial = Trial(0, "baseline", "RUNNING", hypothesis="the untouched base model")
        trial = self.conclude(self.runner.begin(trial, self.config, steps, self.start))
        if trial.state != "COMPLETE":
            raise UserError(
                f"The baseline could not be scored: {trial.reason}. See {self.runner.place(0) / 'log.txt'}; "
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
            if lack := view.left.lacks():
                return lack
            proposals = self.proposer.propose(view)
            if not proposals:
                return "the proposer has nothing more to try"
            for proposal in proposals:
                if lack := self.view().left.lacks(proposal.fidelity):
                    return lack
                self.attempt(proposal)

    def view(self) -> View:
        """What the proposer sees: test scores are taken out."""
        trials = tuple(replace(t, scores=tuple(s for s in t.scores if s.split == "dev")) for t in self.trials)
        return View(
            self.recipes,
            trials,
            paired.incumbent(trials),
            budget.left(self.config.budget, trials),
            self.config.proposer,
            self.scene.pins,
            self.config.seed,
        )

    def attempt(self, proposal: Proposal) -> None:
        """Vet one proposal and run it; a refusal is recorded with its reasons."""
        if proposal.kind == "remedy":
            self.entered(self.trials[proposal.parent])
        lines = proposal.overrides + self.swept(proposal)
        vetted = gate.vet(self.scene, [f"recipe={proposal.recipe}", *lines])
        trial = Trial(
            len(self.trials),
            proposal.kind,
            "RUNNING",
            proposal.parent,
            proposal.recipe,
            (*self.scene.pins, *lines),
            proposal.seed,
            fidelity=proposal.fidelity,
            hypothesis=proposal.hypothesis,
        )
        if isinstance(vetted, gate.Rejection):
            ledger.propose(self.folder, replace(trial, state="REJECTED", reason="; ".join(vetted.reasons)))
            self.conclude(self.trials[trial.number])
            return
        steps = stepped(vetted.config.recipe.stages, proposal.fidelity)
        trial = replace(trial, overrides=vetted.overrides)
        self.conclude(self.runner.begin(trial, vetted.config, steps, self.start))

    def swept(self, proposal: Proposal) -> tuple[str, ...]:
        """Overrides for the keys that the proposal leaves to Optuna."""
        if not proposal.sweep:
            return ()
        space = sampler.Space.of(self.recipes[proposal.recipe])
        found = sampler.ask(
            *(self.folder, proposal.recipe, space, proposal.sweep, self.trials, self.config.seed),
            *(proposal.within, proposal.fidelity),
        )
        return tuple(f"recipe.{key}={contract.show(value)}" for key, value in sorted(found.items()))

    def entered(self, stopped: Trial) -> Trial:
        """The checkpoint that entered a stopped stage, scored on dev: the baseline, or a trial of its own."""
        config = worker.read_config(self.runner.place(stopped.number))
        before = recovery.stages_before(stopped, config.recipe.stages)
        known = [t for t in self.trials if t.kind == "rollback" and t.parent == stopped.number]
        done = [t for t in known if not files.failed(t.reason)]
        if not before:
            return self.trials[0]
        if done:
            return done[0]
        config = replace(config, recipe=replace(config.recipe, stages=list(before)))
        why = f"the checkpoint that entered {stopped.diagnosis.stage} in trial {stopped.number}"
        trial = self.of(stopped, "rollback", why)
        return self.conclude(self.runner.begin(trial, config, stepped(before, stopped.fidelity), self.start))

    def of(self, trial: Trial, kind: Kind, hypothesis: str) -> Trial:
        """The next trial, with the config of an earlier one and no result yet."""
        config = {key: getattr(trial, key) for key in ("recipe", "overrides", "seed", "fidelity")}
        return Trial(len(self.trials), kind, "RUNNING", trial.number, hypothesis=hypothesis, **config)

    def judge(self, trial: Trial) -> None:
        """Compare a scored trial with the incumbent, and a remedy with what entered the stopped stage, once each."""
        if trial.state != "COMPLETE" or trial.kind in ("baseline", "confirm"):
            return
        if trial.verdict is None:
            ledger.judge(self.folder, trial.number, self.compare(trial, paired.incumbent(self.trials)))
        if trial.kind == "remedy" and trial.recovery is None:
            entry = self.entered(self.trials[trial.parent])
            if entry.state == "COMPLETE":
                ledger.judge(self.folder, trial.number, self.compare(trial, entry), "recovery")

    def compare(self, trial: Trial, other: Trial) -> Any:
        """The paired verdict on two trials' dev items."""
        ours, theirs = (text.samples(self.folder, t, "dev") for t in (trial, other))
        return paired.compare(ours, theirs, other.number)

    def confirm(self) -> int | None:
        """Export the winner and score the export on test; returns its number, None where nothing beat the base."""
        winner = paired.incumbent(self.trials)
        if winner.kind == "baseline":
            return None
        done = next((t for t in self.trials if t.kind == "confirm" and t.state == "COMPLETE"), None)
        if done is None:
            config = worker.read_config(self.runner.place(winner.number))
            config = replace(config, recipe=as_trained(config.recipe, winner.fidelity))
            checkpoint = [row["out"] for row in winner.stages if row["stage"] in recovery.TRAINING][-1]
            trial = self.of(winner, "confirm", f"trial {winner.number}, exported and scored on test")
            start = Start(str((self.folder / "stages" / checkpoint).resolve()), checkpoint)
            done = self.conclude(self.runner.begin(trial, config, (Step("export"), Step("score", "test")), start))
        if done.state != "COMPLETE":
            raise UserError(
                f"The winner could not be confirmed: {done.reason}. See {self.runner.place(done.number) / 'log.txt'}; "
                "the same command tries again."
            )
        self.publish(self.folder / "stages" / done.stages[0]["out"], winner.number)
        return winner.number

    def publish(self, made: Path, number: int) -> None:
        """Copy the export to its place in the study, with its model card, whole or not at all."""
        export, part = self.folder / "export", self.folder / "export.part"
        shutil.rmtree(part, ignore_errors=True)
        try:
            shutil.copytree(made, part)
            card.write(self.folder, part, number)
        except BaseException:
            shutil.rmtree(part, ignore_errors=True)  # on a full disk the space is wanted back
            raise
        shutil.rmtree(export, ignore_errors=True)
        part.rename(export)


def as_trained(recipe: Recipe, fidelity: float) -> Recipe:
    """The recipe with the steps that a cheap trial took, so that repeating it repeats the trial."""
    if fidelity == 1.0:
        return recipe
    sections = {name: getattr(recipe, name) for name in recovery.TRAINING if name in recipe.stages}
    return replace(recipe, **{name: replace(s, **shortened(s, fidelity)) for name, s in sections.items()})


def stepped(stages: tuple[str, ...] | list[str], fidelity: float) -> tuple[Step, ...]:
    """A trial's stages, training at that fidelity, and the score on dev."""
    return (*(Step(s, fidelity=fidelity if s in recovery.TRAINING else 1.0) for s in stages), Step("score", "dev"))
