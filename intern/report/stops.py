"""Trials that a diagnosis rule stopped, what was tried against it, and what helped."""

from collections.abc import Sequence
from dataclasses import dataclass

from intern.overrides import Overrides
from intern.records import Trial
from intern.study.reader import Reader

MOST = 20  # stopped trials, and remedies of one of them, that are shown


@dataclass(frozen=True)
class Stop:
    """A stopped trial."""

    trial: Trial
    """The stopped trial; its diagnosis says why."""
    entering: Trial | None
    """The trial that scored the stopped stage's input checkpoint."""
    remedies: Sequence[Trial]
    """What was tried; at most MOST."""
    more: int
    """Remedies that are left out."""
    untried: tuple[Overrides, ...]
    """Remedies that the diagnosis names and no trial has tried."""
    helped: Trial | None
    """Of the remedies that beat that checkpoint, the best on dev."""
    gain: float | None
    """By how much it did, as a share of the dev items."""


def stops(study: Reader) -> tuple[list[Stop], int]:
    """Return at most MOST of the stopped trials, those with remedies and the newest first, and how many there are."""
    every = study.history.stopped()
    ranked = sorted(every, key=lambda t: (bool(study.remedies(t)), t.number), reverse=True)
    shown = sorted(ranked[:MOST], key=lambda t: t.number)
    return [stop(trial, study) for trial in shown], len(every)


def stop(trial: Trial, study: Reader) -> Stop:
    """Return what became of a diagnosis."""
    assert trial.diagnosis
    tried = study.remedies(trial)
    rollbacks = (t for t in study.history.children(trial.number) if t.kind == "rollback" and t.state == "COMPLETE")
    helped = study.effective(trial)
    untried = [r for r in trial.diagnosis.remedies if not any(r.items() <= t.overrides.items() for t in tried)]
    return Stop(
        trial=trial,
        entering=next(rollbacks, None),
        remedies=tried[:MOST],
        more=len(tried[MOST:]),
        untried=tuple(untried),
        helped=helped,
        gain=gain(helped) if helped else None,
    )


def gain(helped: Trial) -> float | None:
    """Return the gain of a remedy on the dev items over the stage's input checkpoint; None if no item was scored."""
    items = sum(score.n for score in helped.scores if score.split == "dev")
    if not helped.recovery or not items:
        return None
    return (helped.recovery.wins - helped.recovery.losses) / items
