"""What a study has spent and may still spend. Baseline and confirmation cost time but are not trials."""

from collections.abc import Sequence

from intern import files
from intern.config.schema import Budget
from intern.records import UNCOUNTED, Left, Trial


def left(budget: Budget, trials: Sequence[Trial]) -> Left:
    """The budget less what the ledger shows. A cheap trial counts as its share of a trial; a refused proposal costs
    no time but counts."""
    tried = sum(t.fidelity for t in trials if t.kind not in UNCOUNTED and not files.failed(t.reason))
    return Left(round(budget.trials - tried, 6), budget.hours - sum(t.seconds or 0.0 for t in trials) / 3600)
