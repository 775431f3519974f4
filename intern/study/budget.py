"""What a study has spent and may still spend. All of its time counts, from the first import to the export, by a clock
that nobody can set; baseline and confirmation are not trials. What the winner's export and its score on test will take
is kept back from the search.
"""

import math
from collections.abc import Iterable, Sequence

from intern.config.schema import Budget, Compute
from intern.records import UNCOUNTED, Left, Proposal, Trial
from intern.search.history import History
from intern.search.pace import scoring, took

SPARE = 1.5  # times the base model's score on dev: what a trial keeps for its own
LATE = 4.0  # times the seconds that were kept back for the winner: an estimate is no reason to lose it
SHORTEST = 6.0  # seconds that any attempt gets, so that what it says is more than that it had none
LEAST = 2.0  # times the same: a trial with less time could hardly train


def reserve(trials: Sequence[Trial]) -> float:
    """Return the seconds of a trial that no training may use: a trained model may write longer answers."""
    return SPARE * scoring(trials)


def closing(trials: Sequence[Trial], best: Trial | None) -> float:
    """Return the seconds that the winner's export and its score on test are taken to need; 0 if nothing is known.

    Args:
        trials: the ledger's.
        best: the best so far: on test it takes longer than the base by as much as on dev."""
    slower = took(best, "dev") / scoring(trials) if best and scoring(trials) else 1.0
    return SPARE * took(trials[0], "test") * max(slower, 1.0) if trials else 0.0


def limit(compute: Compute, trial: Trial, left: Left, closing: float) -> float:
    """Return the seconds that an attempt at a trial may take.

    The confirmation may take what was kept back for it, and LATE times that if need be."""
    hours = left.hours
    if trial.kind == "confirm":
        hours = max(hours + closing / 3600, LATE * closing / 3600) if closing else math.inf
    return max(min(60 * compute.trial_minutes, 3600 * hours), SHORTEST)


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


def left(budget: Budget, history: History, spent: float, kept: float = 0.0) -> Left:
    """Return what the search may still spend.

    A cheap trial counts as its share of a trial; a refused proposal costs no time but counts.

    Args:
        budget: all of it.
        history: the trials.
        spent: seconds that the study has taken.
        kept: seconds that are kept back for the winner."""
    return Left(round(budget.trials - history.counted, 6), budget.hours - (spent + kept) / 3600)
