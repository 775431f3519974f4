"""A candidate against another trial, item by item, on the same items.

The sign test on the items on which they disagree, exact (for right and wrong it is McNemar's test): no assumption about
the score's distribution, and a gain that could be chance is not called one.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import fmean, stdev
from typing import Any

from intern.records import Call, Score, Trial, Verdict

LEVEL = 0.05


def compare(candidate: Sequence[Mapping[str, Any]], other: Sequence[Mapping[str, Any]], against: int) -> Verdict:
    """Return the verdict on two lists of outcomes.

    Args:
        candidate: rows with task, doc_id and value in [0, 1], one per item.
        other: the same of the trial that it is compared with.
        against: the other trial's number.

    Raises:
        ValueError: if they were not scored on the same items.
    """
    theirs = {(row["task"], row["doc_id"]): row["value"] for row in other}
    ours = {(row["task"], row["doc_id"]): row["value"] for row in candidate}
    if ours.keys() != theirs.keys():
        raise ValueError("the two trials were not scored on the same items")
    wins = sum(value > theirs[item] for item, value in ours.items())
    losses = sum(value < theirs[item] for item, value in ours.items())
    p = sign_test(wins, losses)
    call: Call = "undecided" if p >= LEVEL else "keep" if wins > losses else "discard"
    return Verdict(call, against, wins, losses, p)


def summed(outcomes: Sequence[Mapping[str, Any]], split: str) -> Score:
    """Return the mean of two or more outcomes of one task, with its standard error as lm-eval computes it."""
    values = [row["value"] for row in outcomes]
    error = stdev(values) / sqrt(len(values))
    return Score(outcomes[0]["task"], split, "exact_match", fmean(values), error, len(values))


def sign_test(wins: int, losses: int) -> float:
    """Return the two-sided exact p-value of so many wins and losses if neither were likelier."""
    from scipy.special import bdtr  # the binomial's distribution function; scipy.stats takes a second to import

    return min(1.0, 2 * float(bdtr(min(wins, losses), wins + losses, 0.5))) if wins + losses else 1.0


def beatable(trial: Trial) -> bool:
    """Return whether a trial could be judged better than this one: right wherever this is wrong, and nowhere worse."""
    wrong = sum(round((1 - s.value) * s.n) for s in trial.scores if s.split == "dev" and not s.shots)
    return 2 * 0.5**wrong < LEVEL
