"""The paired comparison: an exact sign test on the items where two checkpoints disagree; who the incumbent is."""

from math import comb
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from intern.records import Call, Score, Trial, Verdict
from intern.search.history import History
from intern.stats import paired

KEPT = Verdict("keep", 0, 9, 1, 0.02)
outcomes = st.lists(st.tuples(st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from([0.0, 0.5, 1.0])), max_size=60)


def rows(values: list[float], task: str = "t") -> list[dict[str, Any]]:
    """Outcomes of items 0, 1, …"""
    return [{"task": task, "doc_id": n, "value": value} for n, value in enumerate(values)]


def split(wins: int, losses: int, ties: int = 7) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Candidate and incumbent with so many wins and losses."""
    return (
        rows([1.0] * wins + [0.0] * losses + [1.0] * ties),
        rows([0.0] * wins + [1.0] * losses + [1.0] * ties),
    )


@pytest.mark.parametrize(
    ("wins", "losses", "p", "call"),
    [
        (0, 0, 1.0, "undecided"),
        (5, 0, 2 / 32, "undecided"),
        (6, 0, 2 / 64, "keep"),
        (0, 6, 2 / 64, "discard"),
        (9, 1, 2 * 11 / 1024, "keep"),
        (8, 2, 2 * 56 / 1024, "undecided"),
        (1, 1, 1.0, "undecided"),
        (30, 10, 2 * sum(comb(40, k) for k in range(11)) / 2**40, "keep"),
    ],
)
def test_by_hand(wins: int, losses: int, p: float, call: str) -> None:
    """The two-sided binomial tail, counted out."""
    verdict = paired.compare(*split(wins, losses), against=3)
    assert (verdict.wins, verdict.losses, verdict.call, verdict.against) == (wins, losses, call, 3)
    assert verdict.p == pytest.approx(p, rel=1e-12)


@settings(deadline=None)
@given(outcomes)
def test_symmetric_and_as_scipy_has_it(pairs: list[tuple[float, float]]) -> None:
    """Changing sides turns the call around and leaves p; the order of the items is of no account."""
    ours, theirs = rows([a for a, _ in pairs]), rows([b for _, b in pairs])
    one, other = paired.compare(ours, theirs, 0), paired.compare(theirs[::-1], ours, 0)
    assert (one.wins, one.losses, one.p) == (other.losses, other.wins, other.p)
    assert {one.call, other.call} in ({"keep", "discard"}, {"undecided"})
    if one.wins + one.losses:
        assert one.p == pytest.approx(binomtest(one.wins, one.wins + one.losses).pvalue, rel=1e-9)


@pytest.mark.parametrize("theirs", [rows([1.0]), rows([1.0, 0.0], "u"), rows([1.0, 0.0, 1.0]), []])
def test_unlike_items_are_refused(theirs: list[dict[str, Any]]) -> None:
    """Another number of items, or other items, is a fault of the program."""
    with pytest.raises(ValueError, match="same items"):
        paired.compare(rows([1.0, 0.0]), theirs, 0)


@pytest.mark.parametrize(
    ("calls", "number"),
    [((), 0), (("discard", "undecided", None), 0), (("keep", "discard"), 1), (("keep", "keep", "undecided", None), 2)],
)
def test_the_incumbent(calls: tuple[Call | None, ...], number: int) -> None:
    """The last trial that was kept; a remedy that only beat its stage's input checkpoint is not."""
    trials = [Trial(0, "baseline", "COMPLETE")]
    for n, call in enumerate(calls, 1):
        verdict = Verdict(call, History(trials).incumbent.number, 9, 1, 0.02) if call else None
        trials.append(Trial(n, "remedy", "COMPLETE", verdict=verdict, recovery=KEPT))
    assert History(trials).incumbent.number == number


@pytest.mark.parametrize(("wrong", "beatable"), [(0, False), (5, False), (6, True), (400, True)])
def test_what_can_be_beaten(wrong: int, beatable: bool) -> None:
    """As `compare` calls it: right wherever the other is wrong."""
    tried = Trial(1, "propose", "COMPLETE", scores=(Score("t", "dev", "exact_match", 1 - wrong / 400, 0.01, 400),))
    ours, theirs = rows([1.0] * 400), rows([0.0] * wrong + [1.0] * (400 - wrong))
    assert paired.beatable(tried) == (paired.compare(ours, theirs, 0).call == "keep") == beatable
