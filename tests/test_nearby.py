"""Where a sweep begins to look: near its own values, near what papers used, or far; always inside the contract."""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import scope
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from made import IDENTITY, recipe_of
from simulation import BASE, done, one, settings

from intern import files, proposers
from intern.config.library import Library
from intern.config.schema import Recipe
from intern.overrides import Overrides
from intern.proposers import heuristic
from intern.records import Left, Proposal
from intern.research.evidence import Evidence
from intern.search import sampler
from intern.search.history import History
from intern.search.view import View
from intern.study import asking, evidence
from intern.study.asking import Asker
from intern.study.ledger import Ledger
from intern.study.reader import Reader

RATE, STEPS, DECAY, PACKING = "sft.learning_rate", "sft.max_steps", "sft.weight_decay", "sft.packing"
OWN = Overrides({RATE: 1e-3, STEPS: 40})
RECIPES: Mapping[str, Recipe] = {
    "a": recipe_of("a", summary="a", stages=["data", "sft"], tunable={
        RATE: {"low": 1e-5, "high": 1e-1, "log": True}, STEPS: {"low": 10, "high": 100},
        DECAY: {"low": 0.0, "high": 1.0}, PACKING: [True, False],
    })
}  # fmt: skip


def paper(number: int, size: float | None = None, **values: Any) -> Evidence:
    """A claim of a paper on settings of SFT."""
    told = Overrides({f"sft.{field}": value for field, value in values.items()})
    return Evidence(f"arXiv:2401.0000{number}", "t", 2024, "c", hyperparameters=told, size=size)


PAPERS = (paper(1, learning_rate=2e-5), paper(2, learning_rate=8e-5, weight_decay=0.1), paper(3, 70.0, max_steps=90))


def seen(*claims: Evidence, dev: float | None = 0.1, **more: Any) -> View:
    """What the heuristic sees after one trial in full: on the base's level it has learnt nothing."""
    trial = done(1, Proposal("a", OWN, seed=5), dev)
    history = History([BASE, trial if dev is not None else replace(trial, state="PRUNED")])
    return View(RECIPES, history, Left(9, 1.0), settings(), {}, 5, evidence=claims, size=1.5, **more)


def sweep(view: View, keys: int = 4) -> Proposal:
    """The sweep of a view, over all keys."""
    return one(tuple(heuristic.sweep(view, "a", 0, keys)))


def test_evidence_moves_a_sweeps_start() -> None:
    """If nothing was learnt here, and it is cited; a model of another size says nothing; what papers do not speak of is
    looked for as without them."""
    far = ((RATE, 1e-3, 1e-1), (STEPS, 40.0, 100))
    bare, told = sweep(seen()), sweep(seen(*PAPERS))
    assert bare.within == far and bare.evidence == ()
    assert told.within == ((RATE, 1e-5, 3.2e-4), far[1], (DECAY, 0.0, 0.35))
    assert told.evidence == ("arXiv:2401.00001", "arXiv:2401.00002")
    stopped = sweep(seen(*PAPERS, dev=None))
    assert stopped.within == (told.within[0], told.within[2]) and sweep(seen(dev=None)).within == ()


def test_what_was_measured_here_comes_before_papers() -> None:
    """The values of a trial that learnt; what it leaves unset, papers say."""
    learnt = sweep(seen(*PAPERS, dev=0.6))
    assert learnt.within[:2] == ((RATE, 2.5e-4, 4e-3), (STEPS, 17.5, 62.5))
    assert learnt.within == sweep(seen(dev=0.6)).within and learnt.evidence == ()
    whole = one(tuple(heuristic.sweep(seen(*PAPERS), "a", 2, 4)))
    assert whole.within == () and whole.evidence == ()


VALUES = st.one_of(
    st.floats(), st.floats(1e-5, 1e-1), st.integers(-(10**9), 10**9), st.integers(10, 100), st.booleans(), st.text()
)
CLAIMS = st.lists(st.builds(
    paper, st.integers(1, 9), st.none() | st.floats(0, 1e6), learning_rate=VALUES, max_steps=VALUES,
    weight_decay=VALUES, packing=VALUES,
), max_size=30)  # fmt: skip


@given(CLAIMS, st.sampled_from([None, 0.1, 0.9]))
@checks(max_examples=100, deadline=None)
def test_no_evidence_leaves_the_contract(claims: list[Evidence], dev: float | None) -> None:
    """Whatever papers claim: each bound is a part of the range, and the proposal has no fault."""
    proposal = sweep(seen(*claims, dev=dev))
    vetted = proposers.vetted(proposal, seen(*claims, dev=dev))
    assert not vetted.faults, vetted.faults
    for key, low, high in proposal.within:
        part = RECIPES["a"].contract[key].between(low, high)
        assert part.check(part.low) <= part.check(part.high)  # type: ignore[union-attr, operator]
        assert math.isfinite(low) and low < high


def test_the_first_values_come_from_there(tmp_path: Path) -> None:
    """Optuna draws near what papers used, where without them it draws higher."""
    drawn = {}
    for name, claims in (("bare", ()), ("told", PAPERS)):
        (tmp_path / name).mkdir()
        view = seen(*claims)
        drawn[name] = sampler.ask(tmp_path / name, RECIPES["a"], sweep(view), view.trials, 5)
    assert drawn["told"][RATE] <= 3.2e-4 < 1e-3 <= drawn["bare"][RATE] and drawn["told"][DECAY] <= 0.35


def test_a_continued_study_looks_where_it_began_to(
    tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it began with is kept with it, whatever is known by then; and the size of its model is known."""
    monkeypatch.setattr(evidence.known, "evidence", lambda _: PAPERS)
    files.write_whole(tmp_path / "study.json", IDENTITY)
    set_up = scope(library, "goal=arithmetic", "model=smollm2-135m")
    set_up = replace(set_up, recipes=RECIPES)
    trials = (BASE, replace(done(1, Proposal("a", OWN, seed=set_up.config.seed), 0.1), verdict=None))

    def continued() -> Proposal:
        evidence.freeze(tmp_path, set_up.config.goal)
        evidence.of.cache_clear()
        ledger = Ledger(tmp_path)
        for trial in trials[len(ledger.trials) :]:
            ledger.propose(trial)
        view = asking.view(set_up, Reader(tmp_path, ledger), Left(9, 1.0), Asker(ledger, set_up.config))
        assert view.size == pytest.approx(0.1345) and view.evidence == PAPERS
        return sweep(view)

    first = continued()
    assert first.evidence == ("arXiv:2401.00001", "arXiv:2401.00002")
    monkeypatch.setattr(evidence.known, "evidence", lambda _: (paper(4, learning_rate=9e-2),))
    assert continued() == first
