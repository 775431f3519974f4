"""What a study has spent and may still spend. Baseline and confirmation cost time but are not trials."""

from collections.abc import Iterable, Sequence

from intern import files
from intern.config.schema import Budget
from intern.records import UNCOUNTED, Left, Proposal, Trial

SPARE = 1.5  # times the base model's score on dev: what a trial keeps for its own
REFUSED = 0.1  # of a trial, at least, for a refusal: it costs no time, and without end the study would have none
LEAST = 2.0  # times the same: a trial with less time could hardly train


def reserve(trials: Sequence[Trial]) -> float:
    """Return the seconds of a trial that no training may use: a trained model may write longer answers."""
    return SPARE * scoring(trials)


def scoring(trials: Sequence[Trial]) -> float:
    """Return the seconds that the base model's score on dev took, zero-shot; 0 if that is not known."""
    runs = trials[0].stages if trials else ()
    took = [run.seconds for run in runs if (run.stage, run.split, run.shots) == ("score", "dev", 0) and not run.reused]
    return max(took, default=0.0)


def too_short(left: Left, proposal: Proposal, trials: Sequence[Trial], tried: Iterable[Trial]) -> str | None:
    """Say why a proposal cannot fit into the hours that are left; None if it may.

    Args:
        trials: the ledger's.
        tried: trials of the proposal's recipe."""
    seconds = 3600 * left.hours
    least = LEAST * scoring(trials)
    ended = (t for t in tried if t.state == "COMPLETE" and t.kind not in UNCOUNTED and not t.reason)
    shortest = min((t.seconds for t in ended if t.seconds and t.fidelity <= proposal.fidelity), default=0.0)
    for needed, what in ((least, "a trial with its score on dev"), (shortest, f"{proposal.recipe} at its shortest")):
        if needed > seconds:
            return f"{seconds:.0f} seconds of the budget are left, and {what} takes {needed:.0f}"
    return None


def left(budget: Budget, trials: Iterable[Trial]) -> Left:
    """Return the budget less what the ledger shows.

    A cheap trial counts as its share of a trial; a refused proposal costs no time but counts."""
    spent, seconds = 0.0, 0.0
    for trial in trials:
        seconds += trial.seconds or 0.0
        if trial.kind in UNCOUNTED or (trial.reason and files.for_want_of_space(trial.reason)):
            continue
        spent += max(trial.fidelity, REFUSED) if trial.state == "REJECTED" else trial.fidelity
    return Left(round(budget.trials - spent, 6), budget.hours - seconds / 3600)
