"""What a study has spent and may still spend. Baseline and confirmation cost time but are not trials."""

from collections.abc import Sequence

from intern import disk
from intern.config import Budget
from intern.records import UNCOUNTED, Left, Trial


def left(budget: Budget, trials: Sequence[Trial]) -> Left:
    """The budget less what the ledger shows; a refused proposal costs nothing but counts as a try."""
    tried = sum(t.kind not in UNCOUNTED and not disk.failed(t.reason) for t in trials)
    return Left(budget.trials - tried, budget.hours - sum(t.seconds or 0.0 for t in trials) / 3600)
