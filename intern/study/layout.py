"""What a trial is made of: its config, its stages, the checkpoint that it starts from."""

from dataclasses import dataclass, replace

from intern.config import stages, typed
from intern.config.gate import Scope
from intern.config.schema import Config
from intern.overrides import Overrides
from intern.records import Proposal, Trial
from intern.search import recovery
from intern.study.decide import Begin
from intern.study.reader import Reader
from intern.trial import job as jobs
from intern.trial.job import Input, Step


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
    """Plan the trial that exports the winner and scores the export on test."""
    config = replace(reader.config(winner.number), recipe=reader.trained(winner))
    made = [run for run in winner.stages if stages.stage(run.stage).trains][-1]
    checkpoint = Input(jobs.hash_of(made.stage, made.out), "store", made.out)
    trial = again(winner, len(reader.trials), f"trial {winner.number}, exported and scored on test")
    return Plan(replace(trial, kind="confirm"), config, (Step("export", "export"), jobs.score("test")), checkpoint)


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
