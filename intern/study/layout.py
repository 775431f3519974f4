"""What a trial is made of: its config, its stages, the checkpoint that it starts from."""

from dataclasses import dataclass, replace
from pathlib import Path

from intern.config import stages, typed
from intern.config.gate import Scope
from intern.config.schema import Compute, Config
from intern.launchers import threads
from intern.overrides import Overrides
from intern.records import Proposal, Score, Trial
from intern.search import recovery
from intern.study.decide import Begin
from intern.study.identity import Inputs
from intern.study.reader import Reader
from intern.trial import job as jobs
from intern.trial.job import Input, Job, Step


@dataclass(frozen=True)
class Plan:
    """How a trial is run."""

    trial: Trial
    """Its record, RUNNING."""
    config: Config
    """Its config."""
    steps: tuple[Step, ...] = ()
    """Its stages; none: those of its recipe, and the score on dev."""
    model: Input | None = None
    """The checkpoint that it starts from; None: the base."""
    expected: tuple[Score, ...] = ()
    """Scores that it has to meet again before it goes on to test."""

    @property
    def fidelity(self) -> float:
        """The share of their length that its training stages run; the config of a confirmation has it in its steps."""
        return 1.0 if self.trial.kind == "confirm" else self.trial.fidelity


def proposed(number: int, proposal: Proposal, overrides: Overrides) -> Trial:
    """Return the record of a proposal as a trial."""
    return Trial(
        number,
        proposal.kind,
        "RUNNING",
        proposal.parent,
        proposal.recipe,
        overrides,
        proposal.seed,
        fidelity=proposal.fidelity,
        hypothesis=proposal.hypothesis,
        by=proposal.by,
        expected=proposal.expected,
        spread=proposal.spread,
        evidence=proposal.evidence,
    )


def special(decision: Begin, reader: Reader, scope: Scope) -> Plan:
    """Return how a trial that no proposer asked for is run."""
    if decision.kind == "baseline":
        return baseline(scope)
    assert decision.parent is not None
    parent = reader.trials[decision.parent]
    return confirmation(parent, reader) if decision.kind == "confirm" else rollback(parent, reader)


def baseline(scope: Scope) -> Plan:
    """Plan trial 0: the untouched base on dev and test, zero-shot and, if the goal names it, few-shot."""
    shots = sorted({0, scope.config.goal.few_shot})
    wanted = tuple(jobs.score(split, n) for split in ("dev", "test") for n in shots)
    return Plan(Trial(0, "baseline", "RUNNING", hypothesis="the untouched base model"), scope.config, wanted)


def rollback(stopped: Trial, reader: Reader) -> Plan:
    """Plan the trial that scores a stopped stage's input checkpoint."""
    assert stopped.diagnosis
    config = reader.config(stopped.number)
    recipe = typed.cut(config.recipe, recovery.stages_before(stopped))
    why = f"the input checkpoint of {stopped.diagnosis.stage} in trial {stopped.number}"
    trial = replace(again(stopped, len(reader.trials), why), kind="rollback")
    return Plan(trial, replace(config, recipe=recipe))


def confirmation(winner: Trial, reader: Reader) -> Plan:
    """Plan the trial that exports the winner and scores the export on test, if it is as good on dev as the winner was.

    The winner's own stages come first: their outputs are in the store, and what is gone or damaged is made again. What
    was cut for want of time would not end at the same step, and is taken as it is."""
    config = replace(reader.config(winner.number), recipe=reader.trained(winner))
    tail = (Step("export", "export"), jobs.score("dev"), jobs.score("test"))
    why = f"trial {winner.number}, exported and scored on test"
    trial = replace(again(winner, len(reader.trials), why), kind="confirm")
    if not winner.reason:
        return Plan(trial, config, (*jobs.training(config.recipe), *tail), expected=winner.scores)
    made = [run for run in winner.stages if stages.stage(run.stage).trains][-1]
    checkpoint = Input(jobs.hash_of(made.stage, made.out), "store", made.out)
    return Plan(trial, config, tail, checkpoint, expected=winner.scores)


def again(trial: Trial, number: int, why: str) -> Trial:
    """Return the record of a new trial with the config of an earlier one and no result yet."""
    return Trial(
        number,
        trial.kind,
        "RUNNING",
        trial.number,
        trial.recipe,
        trial.overrides,
        trial.seed,
        fidelity=trial.fidelity,
        hypothesis=why,
    )


def job(plan: Plan, inputs: Inputs, store: Path, compute: Compute) -> Job:
    """Return what a worker is asked to do for a plan; its limit in time is set when it is submitted."""
    return Job(
        number=plan.trial.number,
        seed=plan.trial.seed,
        steps=plan.steps,
        model=plan.model or inputs.base,
        base=inputs.base,
        items=inputs.items,
        store=str(store.resolve()),
        fidelity=plan.fidelity,
        expected=plan.expected,
        attempt=0,
        threads=threads(compute),
        minutes=compute.trial_minutes,
        versions=jobs.versions(),
    )
