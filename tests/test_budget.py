"""The budget: what counts, at which share, and what no longer fits."""

from dataclasses import replace
from pathlib import Path

import pytest

from intern import files
from intern.config.schema import Budget
from intern.records import Left, Proposal, StageRun, Trial
from intern.study import budget

FULL = Trial(1, "propose", "COMPLETE", recipe="a", seconds=360.0)


def test_a_cheap_trial_costs_its_share() -> None:
    """Baseline, rollback and confirmation take time alone; a refused proposal counts and takes none."""
    trials = [replace(FULL, kind=kind) for kind in ("baseline", "rollback", "confirm")]
    trials += [FULL, *[replace(FULL, fidelity=0.3)] * 3, replace(FULL, state="REJECTED", seconds=None)]
    assert budget.left(Budget(4, 1.0), trials) == Left(1.1, pytest.approx(1.0 - 7 * 0.1))


def test_want_of_space_costs_no_trial() -> None:
    """It says nothing about the config, which is tried again once there is space; any other failure counts."""
    failed = replace(FULL, state="FAIL", reason="out of memory")
    full = replace(failed, reason=f"sft: {files.shortage(Path())}")
    assert budget.left(Budget(4, 1.0), [full, failed]) == Left(3.0, pytest.approx(1.0 - 2 * 0.1))


@pytest.mark.parametrize(
    ("left", "fidelity", "lack"),
    [
        (Left(0.3, 1.0), 0.3, None),
        (Left(0.2, 1.0), 0.3, "0.2 of the budget's trials is left, and the next one counts 0.3"),
        (Left(0.7, 1.0), 1.0, "0.7 of the budget's trials is left, and the next one counts 1"),
        (Left(0.0, 1.0), 0.0, "all trials of the budget are used"),
        (Left(2.0, 0.0), 1.0, "the hours of the budget are used"),
    ],
)
def test_what_does_not_fit(left: Left, fidelity: float, lack: str | None) -> None:
    """A trial that would go beyond the budget is not begun."""
    assert left.lack(fidelity) == lack


@pytest.mark.parametrize(
    ("minutes", "fidelity", "why"),
    [
        (7.0, 1.0, None),
        (5.9, 1.0, "354 seconds of the budget are left, and a at its shortest takes 360"),
        (5.9, 0.3, None),  # no trial so short is known
        (1.9, 0.3, "114 seconds of the budget are left, and a trial with its score on dev takes 120"),
    ],
)
def test_what_cannot_fit_into_the_hours(minutes: float, fidelity: float, why: str | None) -> None:
    """A proposal is not begun if its recipe's shortest trial took longer than is left, or the base model's score half
    of it; trials that were cut, or failed, say nothing."""
    scored = StageRun("score", "score", "score-x", False, 60.0, "dev")
    base = Trial(0, "baseline", "COMPLETE", stages=(scored, replace(scored, shots=4, seconds=900.0)))
    cut, failed = replace(FULL, reason="the time was up", seconds=60.0), replace(FULL, state="FAIL", seconds=9.0)
    tried = [cut, failed, FULL, replace(FULL, seconds=500.0)]
    proposal = Proposal("a", fidelity=fidelity)
    assert budget.too_short(Left(5.0, minutes / 60), proposal, [base, *tried], tried) == why
