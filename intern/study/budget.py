"""What a study has spent and may still spend. Baseline and confirmation cost time but are not trials."""

from collections.abc import Iterable

from intern import files
from intern.config.schema import Budget
from intern.records import UNCOUNTED, Left, Trial


def left(budget: Budget, trials: Iterable[Trial]) -> Left:
    """Return the budget less what the ledger shows.

    A cheap trial counts as its share of a trial; a refused proposal costs no time but counts."""
    spent, seconds = 0.0, 0.0
    for trial in trials:
        seconds += trial.seconds or 0.0
        if trial.kind in UNCOUNTED or (trial.reason and files.for_want_of_space(trial.reason)):
            continue
        spent += trial.fidelity
    return Left(round(budget.trials - spent, 6), budget.hours - seconds / 3600)
