"""The budget: what counts, at which share, and what no longer fits."""

from dataclasses import replace

import pytest

from intern import files
from intern.config.schema import Budget, Compute
from intern.records import Left, Proposal, StageRun, Trial
from intern.search.history import History
from intern.study import budget

FULL = Trial(1, "propose", "COMPLETE", recipe="a", seconds=360.0)


def numbered(*trials: Trial) -> History:
    """A history of them."""
    return History(replace(trial, number=number) for number, trial in enumerate(trials))


def test_a_cheap_trial_costs_its_share() -> None:
    """Baseline, rollback and confirmation are no trials; a refused proposal counts. Hours are what the clock says."""
    trials = [replace(FULL, kind=kind) for kind in ("baseline", "rollback", "confirm")]
    trials += [FULL, *[replace(FULL, fidelity=0.3)] * 3, replace(FULL, state="REJECTED", seconds=None)]
    history = numbered(*trials)
    assert budget.left(Budget(4, 1.0), history, 1800.0) == Left(1.1, 0.5)
    assert budget.left(Budget(4, 1.0), history, 1800.0, 900.0) == Left(1.1, 0.25)
    assert history.seconds == 6 * 360


@pytest.mark.parametrize("lack", [f"{files.SHORT}: 0 MB free", f"{files.SHORT_OF_MEMORY}: MemoryError:"])
def test_want_of_disk_or_memory_costs_no_trial(lack: str) -> None:
    """It says nothing about the config, which is tried again once there is some; any other failure counts, and so does
    a refused proposal, whatever its reason quotes."""
    failed = replace(FULL, state="FAIL", reason="sft: ValueError: no")
    short = replace(failed, reason=f"sft: {lack}")
    refused = replace(short, state="REJECTED")
    left = budget.left(Budget(4, 1.0), numbered(FULL, short, failed, refused), 0.0)
    assert left.trials == 1.0 and [t.void for t in (short, failed, refused)] == [True, False, False]


def test_time_is_kept_back_for_the_winner() -> None:
    """By what the base took on test; longer if the best so far is slower on dev. The confirmation may take that and
    what is left, or several times that; nothing is longer than trial_minutes."""
    runs = [StageRun("score", "score", "x", False, took, split) for took, split in ((10.0, "dev"), (20.0, "test"))]
    base = Trial(0, "baseline", "COMPLETE", stages=tuple(runs))
    slow = replace(FULL, stages=(replace(runs[0], seconds=30.0),))
    assert budget.closing([], None) == 0.0 and budget.closing([base], base) == budget.SPARE * 20
    kept = budget.SPARE * 60
    assert budget.closing([base, slow], slow) == kept
    confirm = replace(FULL, kind="confirm")
    compute = Compute("local", trial_minutes=30)
    assert budget.limit(compute, FULL, Left(1, 0.1), kept) == pytest.approx(360)
    assert budget.limit(compute, confirm, Left(1, 0.1), kept) == pytest.approx(360 + kept)
    assert budget.limit(compute, confirm, Left(1, -0.1), kept) == pytest.approx(budget.LATE * kept)
    assert budget.limit(compute, confirm, Left(1, -0.1), 0.0) == budget.limit(compute, FULL, Left(1, 9), 0) == 1800
    assert budget.limit(compute, FULL, Left(1, -0.1), kept) == budget.SHORTEST


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
