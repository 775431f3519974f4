"""What follows a diagnosis: its remedies as competing trials, each restarting the stopped stage from its input
checkpoint; which of them helped, and by how much.

A remedy helped if its trial ran to the end and beat the stopped stage's input checkpoint, item by item on dev.
If the best changed a number, Optuna searches once more around it.
"""

from collections.abc import Iterator
from itertools import takewhile
from typing import Any

from intern.config import stages
from intern.config.contract import Range
from intern.overrides import Overrides
from intern.records import Diagnosis, Proposal, Trial
from intern.search.history import History
from intern.search.view import View
from intern.stats import paired

ROUNDS = 2  # a remedy that is stopped may have remedies of its own; theirs would be a search of another kind
LATEST = 50  # stopped trials whose remedies are looked at: those of earlier ones were tried in their time
SECOND = 2  # remedies of a remedy that are tried


def remedies(view: View) -> Iterator[Proposal]:
    """Propose for each stopped trial its remedies, then one refinement; a sweep goes on by itself instead."""
    every = [t for t in view.history.stopped() if t.kind not in ("sweep", "ablate") and t.recipe in view.recipes]
    for stopped in every[-LATEST:]:
        diagnosis = stopped.diagnosis
        assert diagnosis and stopped.recipe
        before = ancestry(stopped, view.history)
        if len(before) >= ROUNDS or any(effective(earlier, view.history) for earlier in before):
            continue
        for change in diagnosis.remedies:
            if before and len(remedies_of(stopped, view.history)) >= SECOND:
                break
            if change.keys() & view.pinned(stopped.recipe).keys():
                continue  # the gate would refuse it
            why = f"{diagnosis.rule} at step {diagnosis.step}: {', '.join(change.short())}"
            yield attempt(stopped, view.own(stopped) | change, hypothesis=why)
        yield from refinement(view, stopped, diagnosis)


def attempt(stopped: Trial, overrides: Overrides, **more: Any) -> Proposal:
    """Return a remedy's proposal: the stopped trial with other overrides."""
    assert stopped.recipe
    return Proposal(
        stopped.recipe, overrides, "remedy", stopped.number, stopped.seed, fidelity=stopped.fidelity, **more
    )


def refinement(view: View, stopped: Trial, diagnosis: Diagnosis) -> Iterator[Proposal]:
    """Propose one trial of Optuna's around the remedy that helped, if it changed a number: half-way to the value that
    failed."""
    best = effective(stopped, view.history)
    own = view.own(stopped)
    named = [own | change for change in diagnosis.remedies]
    if best is None or any(view.own(trial) not in named for trial in remedies_of(stopped, view.history)):
        return
    recipe = view.recipes[stopped.recipe or ""]
    changed = [key for key, value in view.own(best).items() if own.get(key) != value]
    if not changed:
        return
    key = changed[0]
    domain = recipe.contract[key]
    if isinstance(domain, Range) and domain.log:
        good, bad = view.own(best)[key], own.get(key, recipe.value(key))
        low, high = sorted((good * good / bad, (good * bad) ** 0.5)) if bad else (domain.low, domain.high)
        why = f"around {key}={good}, which helped"
        rest = view.own(best).without(changed)
        yield attempt(stopped, rest, hypothesis=why, sweep=(key,), within=((key, low, high),))


def ancestry(trial: Trial, history: History) -> list[Trial]:
    """Return the stopped trials that this one was to mend, the nearest first."""
    ancestors: list[Trial] = []
    while trial.kind == "remedy" and trial.parent is not None:
        trial = history.trials[trial.parent]
        ancestors.append(trial)
    return ancestors


def remedies_of(stopped: Trial, history: History) -> list[Trial]:
    """Return the trials that tried to mend a stopped one."""
    return [trial for trial in history.children(stopped.number) if trial.kind == "remedy"]


def effective(stopped: Trial, history: History) -> Trial | None:
    """Return the remedy that helped, the best on dev if several did; each is judged at its share of the level, since
    they are picked from several on the same items (Bonferroni)."""
    level = paired.LEVEL / max(1, len(stopped.diagnosis.remedies) if stopped.diagnosis else 1)
    good = [
        trial
        for trial in remedies_of(stopped, history)
        if trial.recovery and trial.recovery.call == "keep" and trial.recovery.p < level
    ]
    return max(good, key=lambda trial: trial.mean("dev") or 0.0, default=None)


def stages_before(stopped: Trial) -> tuple[str, ...]:
    """Return the names of the stages that had ended when one was stopped, if a checkpoint came of them; else none."""
    assert stopped.diagnosis
    before = tuple(takewhile(lambda run: run.name != stopped.diagnosis.stage, stopped.stages))  # type: ignore[union-attr]
    return tuple(run.name for run in before) if any(stages.stage(run.stage).trains for run in before) else ()
