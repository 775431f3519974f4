"""The proposers, on ledgers made by hand: what they propose next, and that it is the same each time."""

from collections.abc import Mapping
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intern import contract, library
from intern.config import Grpo, Proposer, Recipe
from intern.errors import UserError
from intern.proposers import Proposals, View, fixed, heuristic
from intern.proposers import random as chance
from intern.records import Diagnosis, Left, Proposal, Score, Trial

RATE = {"low": 1e-5, "high": 1e-3, "log": True}
RECIPES: Mapping[str, Recipe] = {
    "b/grpo": Recipe("b/grpo", "second", grpo=Grpo(learning_rate=1e-3), tunable={"grpo.learning_rate": RATE}),
    "a/sft": Recipe("a/sft", "first", tunable={"sft.max_steps": {"low": 1, "high": 9}, "sft.packing": [True, False]}),
}
BASE = Trial(0, "baseline", "COMPLETE", scores=(Score("t", "dev", "exact_match", 0.1, 0.01, 400),))
COLLAPSE = Diagnosis("reward_collapse", "grpo", 12, "fell", (("recipe.grpo.learning_rate=0.0003",), ("recipe.x=1",)))


def view(*trials: Trial, best: Trial = BASE, pins: tuple[str, ...] = (), **settings: int) -> View:
    """What a proposer sees after these trials."""
    return View(RECIPES, (BASE, *trials), best, Left(9, 1.0), Proposer(name="heuristic", **settings), pins, seed=5)


def done(number: int, proposal: Proposal, dev: float | None, *overrides: str) -> Trial:
    """The proposal's trial, scored on dev, or failed; with overrides that a sweep filled in."""
    scores = () if dev is None else (Score("t", "dev", "exact_match", dev, 0.01, 400),)
    state = "FAIL" if dev is None else "COMPLETE"
    words = proposal.overrides + overrides
    return Trial(number, proposal.kind, state, proposal.parent, proposal.recipe, words, proposal.seed, scores)


def one(found: Proposals) -> Proposal:
    """The only proposal."""
    (proposal,) = found
    return proposal


def test_the_heuristics_order() -> None:
    """Each recipe as it is, by name; a sweep of the best; repeats of the winner; nothing."""
    trials: list[Trial] = []
    first = one(heuristic.propose(view(*trials)))
    assert (first.recipe, first.overrides, first.kind, first.seed) == ("a/sft", (), "propose", 5)
    trials.append(done(1, first, 0.5))
    second = one(heuristic.propose(view(*trials)))
    assert (second.recipe, second.kind, second.hypothesis) == ("b/grpo", "propose", "second")
    trials.append(done(2, second, 0.4))
    for number in (3, 4):
        swept = one(heuristic.propose(view(*trials, sweep_trials=2)))
        assert (swept.kind, swept.recipe, swept.parent) == ("sweep", "a/sft", 1)
        assert swept.sweep == ("sft.max_steps", "sft.packing")
        trials.append(done(number, swept, 0.9, "recipe.sft.max_steps=3", "recipe.sft.packing=true"))
    best = trials[-1]
    for seed in (6, 7):
        repeat = one(heuristic.propose(view(*trials, best=best, sweep_trials=2, repeats=2)))
        assert (repeat.kind, repeat.parent, repeat.seed, repeat.overrides) == ("repeat", 4, seed, best.overrides)
        trials.append(done(len(trials) + 1, repeat, 0.95))
        best = trials[-1]  # a repeat that wins is not repeated itself
    assert heuristic.propose(view(*trials, best=best, sweep_trials=2, repeats=2)) == ()


def test_the_same_ledger_gives_the_same_proposal() -> None:
    """No chance and no memory."""
    seen = view(done(1, Proposal("a/sft", seed=5), 0.5))
    assert heuristic.propose(seen) == heuristic.propose(seen)
    assert chance.propose(seen) == chance.propose(seen)


def test_a_remedy_comes_first_and_once() -> None:
    """The first remedy of a diagnosis replaces the trial's own value, keeps its other ones, and names its parent."""
    proposal = Proposal("b/grpo", ("recipe.grpo.learning_rate=0.001", "recipe.grpo.beta=0.0"), seed=5)
    stopped = replace(done(1, proposal, None), state="PRUNED", diagnosis=COLLAPSE)
    remedy = one(heuristic.propose(view(stopped)))
    assert remedy.overrides == ("recipe.grpo.beta=0.0", "recipe.grpo.learning_rate=0.0003")
    assert (remedy.parent, remedy.seed, remedy.recipe) == (1, 5, "b/grpo") and "step 12" in remedy.hypothesis
    for after in (done(2, remedy, 0.3), replace(done(2, remedy, None), state="REJECTED")):
        assert one(heuristic.propose(view(stopped, after))).recipe == "a/sft"


def test_a_remedy_of_a_remedy() -> None:
    """A remedy that is stopped in its turn is remedied in its turn."""
    first = replace(done(1, Proposal("b/grpo", seed=5), None), state="PRUNED", diagnosis=COLLAPSE)
    second = done(2, one(heuristic.propose(view(first))), None)
    lower = replace(COLLAPSE, remedies=(("recipe.grpo.learning_rate=9e-05",),))
    second = replace(second, state="PRUNED", diagnosis=lower)
    third = one(heuristic.propose(view(first, second)))
    assert (third.parent, third.overrides) == (2, ("recipe.grpo.learning_rate=9e-05",))


def test_a_sweep_is_not_remedied() -> None:
    """The sampler learns from a stopped trial by itself."""
    stopped = replace(done(1, Proposal("b/grpo", kind="sweep", seed=5), None), state="PRUNED", diagnosis=COLLAPSE)
    assert one(heuristic.propose(view(stopped))).hypothesis == "first"


def test_no_sweep_without_a_score_and_no_repeat_of_the_baseline() -> None:
    """Where every recipe failed there is nothing to search around."""
    trials = [done(1, Proposal("a/sft", seed=5), None), done(2, Proposal("b/grpo", seed=5), None)]
    assert heuristic.propose(view(*trials)) == ()


def test_pins_are_left_alone() -> None:
    """A pinned key is neither swept nor repeated as an override of the proposal."""
    pin = "recipe.sft.max_steps=3"
    trials = [
        replace(done(1, Proposal("a/sft", seed=5), 0.5), overrides=(pin,)),
        replace(done(2, Proposal("b/grpo", seed=5), 0.4), overrides=(pin,)),
    ]
    assert one(heuristic.propose(view(*trials, pins=(pin,)))).sweep == ("sft.packing",)
    repeat = one(heuristic.propose(view(*trials, best=trials[0], pins=(pin,), sweep_trials=0)))
    assert (repeat.kind, repeat.overrides) == ("repeat", ())


def test_a_sweep_begun_with_a_recipe_that_is_gone() -> None:
    """Recipes may change between two runs of a study: what is no longer there is not swept."""
    trials = [done(1, Proposal("gone", kind="sweep"), 0.9), done(2, Proposal("gone"), 0.9)]
    trials += [done(3, Proposal("a/sft", seed=5), 0.5), done(4, Proposal("b/grpo", seed=5), 0.4)]
    assert one(heuristic.propose(view(*trials))).recipe == "a/sft"


def test_fixed_once() -> None:
    """The command line's own trial, whatever came of it, and never twice."""
    single = replace(view(pins=("recipe.sft.max_steps=3",)), recipes={"a/sft": RECIPES["a/sft"]})
    proposal = one(fixed.propose(single))
    assert (proposal.recipe, proposal.overrides, proposal.seed) == ("a/sft", (), 5)
    ran = replace(done(1, proposal, None), overrides=single.pins)
    assert fixed.propose(replace(single, trials=(BASE, ran))) == ()
    assert fixed.propose(replace(single, trials=(BASE, replace(ran, seed=6)))) != ()
    assert fixed.propose(replace(single, trials=(BASE, replace(ran, overrides=())))) != ()
    with pytest.raises(UserError, match="runs one recipe: give recipe=NAME"):
        fixed.propose(view())


@given(st.integers(0, 2**32), st.integers(0, 50))
def test_random_stays_inside_the_contract(seed: int, length: int) -> None:
    """Every drawn word passes the contract's reader; pinned keys are not drawn."""
    pin = "recipe.sft.packing=true"
    seen = replace(view(*[done(n + 1, Proposal("a/sft"), 0.5) for n in range(length)], pins=(pin,)), seed=seed)
    proposal = one(chance.propose(seen))
    bounds = contract.read(RECIPES[proposal.recipe].tunable)[0]
    found = dict(word.removeprefix("recipe.").split("=") for word in proposal.overrides)
    assert set(found) == set(bounds) - {"sft.packing"} and proposal.overrides
    for key, text in found.items():
        bounds[key].parse(text)


@given(st.lists(st.floats(1e-9, 1e9), min_size=2, max_size=2, unique=True).map(sorted), st.booleans(), st.integers())
def test_random_draws_between_any_bounds(bounds: list[float], log: bool, seed: int) -> None:
    """Rounding for the reader's sake never leaves the domain."""
    domain = contract.Range(float, *bounds, log)
    assert domain.parse(contract.show(chance.draw(Random(seed), domain)))
    whole = contract.Range(int, int(bounds[0]) + 1, int(bounds[1]) + 2, log)
    assert type(whole.parse(contract.show(chance.draw(Random(seed), whole)))) is int


def test_the_real_recipes() -> None:
    """What is drawn for the library's own recipes is inside their contracts."""
    names = [p.relative_to(library.FOLDER).with_suffix("").as_posix() for p in library.FOLDER.rglob("*.yaml")]
    recipes = {name: library.load(name) for name in names}
    for seed in range(30):
        proposal = one(chance.propose(replace(view(), recipes=recipes, seed=seed)))
        bounds = contract.read(recipes[proposal.recipe].tunable)[0]
        for word in proposal.overrides:
            key, _, text = word.removeprefix("recipe.").partition("=")
            bounds[key].parse(text)
