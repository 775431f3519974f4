"""The judge: a candidate against the incumbent, sample by sample, on the same items.

The sign test on the items where they disagree, exact (for right and wrong it is McNemar's test): no
assumption about the score's distribution, and a gain that could be chance is not called one."""

from collections.abc import Mapping, Sequence
from typing import Any

from intern.records import Trial, Verdict

LEVEL = 0.05


def compare(candidate: Sequence[Mapping[str, Any]], incumbent: Sequence[Mapping[str, Any]], against: int) -> Verdict:
    """The verdict on two lists of outcomes, {"task", "doc_id", "value"} each; raises ValueError on unlike items."""
    from scipy.stats import binomtest

    theirs = {(row["task"], row["doc_id"]): row["value"] for row in incumbent}
    ours = {(row["task"], row["doc_id"]): row["value"] for row in candidate}
    if ours.keys() != theirs.keys():
        raise ValueError("candidate and incumbent were not scored on the same items")
    wins = sum(value > theirs[item] for item, value in ours.items())
    losses = sum(value < theirs[item] for item, value in ours.items())
    p = float(binomtest(wins, wins + losses).pvalue) if wins + losses else 1.0
    call = "undecided" if p >= LEVEL else "keep" if wins > losses else "discard"
    return Verdict(call, against, wins, losses, p)


def beatable(trial: Trial) -> bool:
    """Whether a trial could be judged better than this one: right wherever this is wrong, and nowhere worse."""
    wrong = sum(round((1 - s.value) * s.n) for s in trial.scores if s.split == "dev" and not s.shots)
    return 2 * 0.5**wrong < LEVEL


def incumbent(trials: Sequence[Trial]) -> Trial:
    """The last trial that was kept, or the baseline."""
    return next((t for t in reversed(trials) if t.verdict and t.verdict.call == "keep"), trials[0])
