"""The proposers, on ledgers made by hand and in whole studies on a made-up dev score: what they propose next."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from made import recipe_of
from simulation import BASE, COLLAPSE, NONE, SLOW, checked, config_of, done, learnt, one, scored, settings, simulated

from intern.config import contract, library
from intern.config.schema import Recipe
from intern.errors import UserError
from intern.overrides import Overrides, show
from intern.proposers import fixed, heuristic
from intern.proposers import random as chance
from intern.records import Left, Proposal, Trial, Verdict
from intern.research.evidence import Evidence
from intern.search.history import History
from intern.search.view import View

RATE = {"low": 1e-5, "high": 1e-1, "log": True}
UNIT = {"low": 0.0, "high": 1.0}
STAGES = {"sft": ["data", "sft"], "grpo": ["data", "grpo"]}
RECIPES: Mapping[str, Recipe] = {
    "b/grpo": recipe_of(
        "b/grpo",
        summary="second",
        stages=STAGES["grpo"],
        grpo={"learning_rate": 1e-3},
        tunable={"grpo.learning_rate": RATE},
    ),
    "a/sft": recipe_of(
        "a/sft",
        summary="first",
        stages=STAGES["sft"],
        tunable={"sft.max_steps": {"low": 1, "high": 9}, "sft.packing": [True, False]},
    ),
}
STEPS, PACKED = Overrides({"sft.max_steps": 3}), Overrides({"sft.packing": True})
KEPT = Verdict("keep", 0, 9, 1, 0.02)


def view(
    *trials: Trial,
    best: Trial = BASE,
    pins: Overrides = NONE,
    only: str = "",
    recipes: Mapping[str, Recipe] = RECIPES,
    **given_: int,
) -> View:
    """What a proposer sees after these trials, one of which is the incumbent."""
    found = {name: recipe for name, recipe in recipes.items() if only in name}
    seen = [replace(trial, verdict=KEPT) if trial.number == best.number else trial for trial in trials]
    history = History([BASE if best.number else best, *seen])
    assert history.incumbent.number == best.number
    return View(found, history, Left(9, 1.0), settings(**given_), dict.fromkeys(found, pins), seed=5)


def full(number: int, name: str, dev: float | None, *overrides: Overrides) -> Trial:
    """A recipe's trial in full."""
    return done(number, Proposal(name, seed=5), dev, *overrides)


def cheap(number: int, name: str, dev: float | None, *overrides: Overrides) -> Trial:
    """A recipe's trial on a share of its steps."""
    return done(number, Proposal(name, seed=5, fidelity=heuristic.CHEAP), dev, *overrides)


def test_the_whole_plan() -> None:
    """Each recipe cheaply, by name; the best in full, swept, ablated, repeated; the next likewise; the best again."""
    trials: list[Trial] = []
    best = BASE

    def following(**expected: object) -> Proposal:
        found = one(heuristic.propose(view(*trials, best=best, sweep_trials=2, repeats=2)))
        assert {key: getattr(found, key) for key in expected} == expected
        return found

    for name, dev, why in (("a/sft", 0.3, "first"), ("b/grpo", 0.2, "second")):
        proposal = following(recipe=name, overrides=NONE, kind="propose", fidelity=0.3, seed=5, hypothesis=why)
        trials.append(done(len(trials) + 1, proposal, dev))
    trials.append(done(3, following(recipe="a/sft", kind="propose", fidelity=1.0, parent=1), 0.5))
    for dev in (0.4, 0.9):
        swept = following(recipe="a/sft", kind="sweep", parent=3, sweep=("sft.max_steps", "sft.packing"), fidelity=1.0)
        trials.append(done(len(trials) + 1, swept, dev, STEPS, PACKED))
    best = trials[-1]
    for left in (STEPS, PACKED):  # without the other one
        trials.append(done(len(trials) + 1, following(kind="ablate", parent=5), 0.6))
        assert trials[-1].overrides == (PACKED if left == STEPS else STEPS)
    for seed in (6, 7):
        repeat = following(kind="repeat", parent=5, seed=seed, overrides=best.overrides)
        trials.append(done(len(trials) + 1, repeat, 0.9))
    trials.append(done(10, following(recipe="b/grpo", kind="propose", fidelity=1.0, parent=2), 0.3))
    for _ in range(2):
        swept = following(recipe="b/grpo", kind="sweep", parent=10, sweep=("grpo.learning_rate",))
        trials.append(done(len(trials) + 1, swept, 0.2, SLOW))
    onward = following(recipe="a/sft", kind="sweep", parent=5, overrides=NONE)
    assert set(onward.sweep) == {"sft.max_steps", "sft.packing"}


def test_what_most_papers_speak_for_is_ranked_first() -> None:
    """Among recipes that learn from answers; rewards still wait for them."""
    both = {**RECIPES, "c/sft": replace(RECIPES["a/sft"], sources=["arXiv:2401.00001"])}
    both["c/sft"].name = "c/sft"
    told = Evidence("arXiv:2401.00001", "t", 2024, "c", gain=3.0)
    for evidence, names in (((), ["a/sft", "c/sft", "b/grpo"]), ((told,), ["c/sft", "a/sft", "b/grpo"])):
        seen = replace(view(recipes=both), evidence=evidence)
        assert [proposal.recipe for proposal in heuristic.cheap(seen)] == names


def test_ranking_ends_with_its_share_of_the_hours() -> None:
    """A third of them may go into it; recipes that learn from answers come before rewards, whatever their names."""
    swapped = {"a/grpo": RECIPES["b/grpo"], "b/sft": RECIPES["a/sft"]}
    assert one(heuristic.propose(view(recipes=swapped))).recipe == "b/sft"
    ranked = replace(done(1, Proposal("b/sft", seed=5, fidelity=heuristic.CHEAP), 0.3), seconds=1800.0)
    assert one(heuristic.propose(view(ranked, recipes=swapped))).recipe == "a/grpo"  # half an hour of one and a half
    slow = replace(ranked, seconds=1801.0)
    following = one(heuristic.propose(view(slow, recipes=swapped)))
    assert (following.recipe, following.fidelity) == ("b/sft", 1.0)


def test_a_single_recipe_needs_no_ranking() -> None:
    """It is run in full at once."""
    first = one(heuristic.propose(view(only="a/sft")))
    assert (first.recipe, first.fidelity, first.parent) == ("a/sft", 1.0, None)


def test_the_best_cheap_trial_goes_on() -> None:
    """In full as it did best: with the override of a remedy that ran to its end, at the price of the cheap one."""
    stopped = replace(cheap(2, "b/grpo", None), state="PRUNED", diagnosis=COLLAPSE)
    remedy = replace(cheap(3, "b/grpo", 0.7, SLOW), kind="remedy", parent=2)
    found = one(heuristic.propose(view(cheap(1, "a/sft", 0.3), stopped, remedy)))
    assert (found.recipe, found.overrides, found.parent, found.fidelity) == ("b/grpo", SLOW, 3, 1.0)


def test_a_recipe_whose_cheap_trial_failed() -> None:
    """It has its turn after all others; where every recipe failed cheaply each is still run in full."""
    trials = [cheap(1, "a/sft", None), cheap(2, "b/grpo", 0.05)]
    assert one(heuristic.propose(view(*trials))).recipe == "b/grpo"
    found = one(heuristic.propose(view(*trials, full(3, "b/grpo", 0.05), sweep_trials=0)))
    assert (found.kind, found.recipe, found.fidelity) == ("propose", "a/sft", 1.0)
    found = one(heuristic.propose(view(trials[0], cheap(2, "b/grpo", None))))
    assert (found.kind, found.recipe, found.fidelity) == ("propose", "a/sft", 1.0)


def test_remedies_come_first() -> None:
    """When every recipe had a cheap trial, and before any has its turn in full; refused or run, each once."""
    stopped = replace(cheap(1, "b/grpo", None), state="PRUNED", diagnosis=COLLAPSE)
    assert one(heuristic.propose(view(stopped))).kind == "propose"
    other = cheap(2, "a/sft", 0.4)
    remedy = one(heuristic.propose(view(stopped, other)))
    assert (remedy.kind, remedy.parent, remedy.overrides, remedy.fidelity) == ("remedy", 1, SLOW, 0.3)
    for after in (done(3, remedy, 0.3), replace(done(3, remedy, None), state="REJECTED")):
        found = one(heuristic.propose(view(stopped, other, after)))
        assert (found.kind, found.recipe, found.fidelity) == ("propose", "a/sft", 1.0)


def test_what_moved_dev_most_is_swept_first() -> None:
    """By the mean change from the parent; what was never changed keeps the author's order."""
    start = full(1, "a/sft", 0.5)
    packed = replace(full(2, "a/sft", 0.3, PACKED), parent=1)
    steps = replace(full(3, "a/sft", 0.45, STEPS), parent=1)
    assert heuristic.matters(view(start), "a/sft") == ("sft.max_steps", "sft.packing")
    assert heuristic.matters(view(start, packed, steps), "a/sft") == ("sft.packing", "sft.max_steps")
    short = replace(full(3, "a/sft", 0.1, PACKED), parent=2, fidelity=0.3)  # the length of training changed alone
    assert heuristic.matters(view(start, packed, short), "a/sft") == ("sft.packing", "sft.max_steps")
    assert heuristic.matters(view(start, packed, replace(short, scores=scored(0.0))), "a/sft")[0] == "sft.max_steps"
    both = replace(full(3, "a/sft", 0.0, PACKED, STEPS), parent=2)  # packing alone was changed
    found = heuristic.matters(view(start, replace(steps, number=2), both), "a/sft")
    assert found == ("sft.packing", "sft.max_steps")


def test_a_sweep_keeps_what_it_does_not_search() -> None:
    """The best trial's overrides of other keys stay."""
    wide = {f"sft.{key}": RATE for key in ("learning_rate", "weight_decay", "max_grad_norm")} | {"sft.packing": [True]}
    recipes = {"a/sft": recipe_of("a/sft", stages=STAGES["sft"], tunable=wide)}
    seen = view(full(1, "a/sft", 0.5, PACKED), recipes=recipes)
    found = one(heuristic.propose(seen))
    assert (found.kind, found.overrides, len(found.sweep)) == ("sweep", PACKED, heuristic.WIDE)


LONG = {
    "long": recipe_of(
        "long", stages=STAGES["sft"], sft={"max_steps": 60}, tunable={"sft.max_steps": {"low": 30, "high": 150}}
    )
}


def steps(count: int) -> Overrides:
    """So many steps."""
    return Overrides({"sft.max_steps": count})


def rising(*devs: float, pins: Overrides = NONE, **changed: object) -> list[Overrides]:
    """The overrides that `longer` asks for after a cheap trial, one in full, and longer ones with these scores."""
    overrides = [NONE, NONE, steps(120), steps(150)]
    trials = [replace(full(i + 1, "long", dev, overrides[i]), parent=i or None) for i, dev in enumerate(devs)]
    trials[0] = replace(trials[0], fidelity=heuristic.CHEAP)
    trials[-1] = replace(trials[-1], **changed)
    seen = view(*trials, pins=pins, recipes=LONG)
    return [proposal.overrides for proposal in heuristic.longer(seen, "long")]


def test_longer_while_it_pays() -> None:
    """Twice the steps as long as the last lengthening alone brought more than chance, up to the contract's bound."""
    assert rising(0.2, 0.5) == [steps(120)]
    assert rising(0.2, 0.5, 0.7) == [steps(150)]
    assert rising(0.2, 0.5, 0.7, 0.8) == []
    assert rising(0.5, 0.51) == rising(0.2, 0.5, 0.51) == rising(0.5, 0.2) == []  # two errors of 0.01 each
    assert rising(0.2, 0.5, pins=steps(60)) == []
    assert rising(0.2, 0.5, overrides=PACKED) == []  # something else was changed too
    assert rising(0.2, 0.3, 0.5, overrides=steps(40)) == []  # fewer steps were better


def test_a_sweep_stays_near_and_then_goes_far() -> None:
    """Around the best trial's values, on each range's own scale; over the whole contract when it goes on."""
    opened = {"sft.learning_rate": RATE, "sft.max_steps": {"low": 30, "high": 150}, "sft.packing": [True, False]}
    recipe = recipe_of("long", stages=STAGES["sft"], sft={"learning_rate": 1e-3, "max_steps": 60}, tunable=opened)
    seen = view(full(1, "long", 0.5, steps(120)), recipes={"long": recipe})
    assert one(tuple(heuristic.sweep(seen, "long"))).within == (
        ("sft.learning_rate", 2.5e-4, 4e-3), ("sft.max_steps", 90.0, 150.0),
    )  # fmt: skip
    assert one(tuple(heuristic.sweep(seen, "long", least=1))).within == ()
    stopped = view(replace(full(1, "long", None), state="PRUNED"), recipes={"long": recipe})
    assert one(tuple(heuristic.sweep(stopped, "long"))).within == ()  # not around what failed


def test_where_nothing_was_learnt_a_sweep_looks_far() -> None:
    """Upward in learning rate and steps, and anywhere in the others; near once the base is beaten."""
    opened = {"sft.learning_rate": RATE, "sft.max_steps": {"low": 30, "high": 150}, "sft.warmup_steps": UNIT}
    recipe = recipe_of("long", stages=STAGES["sft"], sft={"learning_rate": 1e-3, "max_steps": 60}, tunable=opened)
    (swept,) = heuristic.sweep(view(full(1, "long", 0.12), recipes={"long": recipe}), "long")
    assert swept.within == (("sft.learning_rate", 1e-3, 1e-1), ("sft.max_steps", 60.0, 150))
    (swept,) = heuristic.sweep(view(full(1, "long", 0.13), recipes={"long": recipe}), "long")
    assert swept.within[0] == ("sft.learning_rate", 2.5e-4, 4e-3)


def test_a_first_trial_in_full_is_measured_by_the_base() -> None:
    """It had no steps at all: what gained on it is lengthened, without a cheap trial."""
    seen = view(full(1, "long", 0.5), recipes=LONG)
    assert [proposal.overrides for proposal in heuristic.longer(seen, "long")] == [steps(120)]
    assert list(heuristic.longer(view(full(1, "long", 0.12), recipes=LONG), "long"))  # errors of 0.01 each
    assert not list(heuristic.longer(view(full(1, "long", 0.11), recipes=LONG), "long"))  # less than one of both
    nothing = replace(full(1, "long", 0.1), scores=tuple(replace(s, value=0.0, stderr=0.0) for s in BASE.scores))
    never = replace(BASE, scores=nothing.scores)  # no answer is right, and so no error known: that is no gain
    assert not list(heuristic.longer(view(nothing, best=never, recipes=LONG), "long"))


def test_targets_teach_where_nothing_was_right() -> None:
    """Cheap trials that are no better than the base are ranked by what they learn from, not by chance."""
    better = view(cheap(1, "a/sft", 0.3), cheap(2, "b/grpo", 0.4))
    assert heuristic.ideas(better) == ["b/grpo", "a/sft"]
    alike = view(cheap(1, "a/sft", 0.1), cheap(2, "b/grpo", 0.11))
    assert heuristic.ideas(alike) == ["a/sft", "b/grpo"]


def test_what_the_budget_still_allows() -> None:
    """A cheap trial where no whole one fits; where nothing fits, the next thing, which then ends the study."""
    begun = view(full(1, "b/grpo", 0.5), full(2, "a/sft", 0.4))
    for left, fidelity in ((1.0, 0.3), (0.5, 0.3), (0.2, 0.3)):
        assert one(heuristic.propose(replace(begun, left=Left(left, 1.0)))).fidelity == fidelity
    swept = view(cheap(1, "a/sft", 0.5), cheap(2, "b/grpo", 0.4))
    assert one(heuristic.propose(replace(swept, left=Left(0.4, 1.0)))).fidelity == 1.0
    best = cheap(1, "a/sft", 0.5)
    won = view(best, cheap(2, "b/grpo", 0.4), best=best)
    assert one(heuristic.propose(replace(won, left=Left(1.0, 1.0)))).fidelity == 1.0
    again = one(heuristic.propose(replace(won, left=Left(0.4, 1.0))))  # its repeat costs what the cheap one did
    assert (again.kind, again.parent, again.seed, again.fidelity) == ("repeat", 1, 6, 0.3)


@pytest.mark.parametrize(("own", "left"), [((), []), ((STEPS,), []), ((STEPS, PACKED), [PACKED, STEPS])])
def test_ablation(own: tuple[Overrides, ...], left: list[Overrides]) -> None:
    """Only where two overrides or more could share the gain; at the winner's seed and fidelity, each once."""
    winner = replace(full(1, "a/sft", 0.9, *own), seed=8)
    found = list(heuristic.ablation(view(winner, best=winner)))
    assert [proposal.overrides for proposal in found] == left
    assert all((p.kind, p.parent, p.seed, p.fidelity) == ("ablate", 1, 8, 1.0) for p in found)


def test_a_repeat_that_wins_is_not_repeated_itself() -> None:
    """The seeds go on from the trial that it repeats; the baseline is not repeated."""
    winner = full(1, "a/sft", 0.9, STEPS)
    again = replace(winner, number=2, kind="repeat", parent=1, seed=6)
    seeds = [(p.parent, p.seed) for p in heuristic.repeats(view(winner, again, best=again, repeats=2))]
    assert seeds == [(1, 6), (1, 7)]
    assert all(proposal.kind != "repeat" for proposal in heuristic.plan(view(winner, repeats=2)))


def test_a_winner_is_looked_into_at_its_own_turn() -> None:
    """Not in the middle of a sweep that may find a better one, and not once for each seed."""
    trials = [cheap(1, "a/sft", 0.3), cheap(2, "b/grpo", 0.4), full(3, "b/grpo", 0.5), full(4, "a/sft", 0.4)]
    better = replace(full(5, "a/sft", 0.9, STEPS, PACKED), kind="sweep", parent=4)
    swept = [replace(full(n, "b/grpo", 0.5, SLOW), kind="sweep", parent=3) for n in (6, 7)]
    found = one(heuristic.propose(view(*trials, better, *swept, best=better, sweep_trials=2)))
    assert (found.kind, found.recipe) == ("sweep", "a/sft")
    ended = [*trials, better, *swept, replace(better, number=8)]
    found = one(heuristic.propose(view(*ended, best=better, sweep_trials=2)))
    assert (found.kind, found.seed) == ("ablate", 5)
    again = replace(better, number=9, kind="repeat", parent=5, seed=6)
    assert one(heuristic.propose(view(*ended, again, best=again, sweep_trials=2))) == found


def test_an_input_checkpoint_is_no_config_to_repeat() -> None:
    """Its overrides are those of the trial that was stopped."""
    stopped = replace(full(1, "b/grpo", None, SLOW), state="PRUNED", diagnosis=replace(COLLAPSE, remedies=()))
    rollback = replace(
        stopped, number=2, kind="rollback", state="COMPLETE", parent=1, diagnosis=None, scores=scored(0.9)
    )
    assert {p.kind for p in heuristic.plan(view(stopped, rollback, best=rollback, only="b/"))} == {"sweep"}


def test_a_recipe_that_was_stopped_and_not_mended_is_searched() -> None:
    """The budget is not left unspent."""
    stopped = replace(full(1, "b/grpo", None), state="PRUNED", diagnosis=replace(COLLAPSE, remedies=()))
    found = one(heuristic.propose(view(stopped, only="b/")))
    assert (found.kind, found.parent, found.sweep) == ("sweep", 1, ("grpo.learning_rate",))


def test_a_fixed_trial_that_a_rule_stopped() -> None:
    """It is run again if rules may no longer stop it, and then not once more."""
    stopped = replace(full(1, "b/grpo", None), state="PRUNED", diagnosis=COLLAPSE)
    seen = view(stopped, only="b/")
    assert fixed.propose(seen) == ()
    assert one(fixed.propose(replace(seen, diagnose=False))).overrides == NONE
    again = view(stopped, full(2, "b/grpo", 0.3), only="b/")
    assert fixed.propose(replace(again, diagnose=False)) == ()


def test_pins_are_left_alone() -> None:
    """A pinned key is neither swept nor repeated, remedied or left out as an override of the proposal."""
    trials = [cheap(1, "a/sft", 0.5, STEPS), full(2, "a/sft", 0.5, STEPS)]
    assert one(heuristic.propose(view(*trials, pins=STEPS, only="a/"))).sweep == ("sft.packing",)
    winner = full(3, "a/sft", 0.9, STEPS, PACKED)
    found = one(heuristic.propose(view(*trials, winner, best=winner, pins=STEPS, sweep_trials=0, only="a/")))
    assert (found.kind, found.overrides) == ("repeat", PACKED)


def test_a_recipe_that_is_gone() -> None:
    """Recipes may change between two runs of a study: what is no longer there is neither swept nor repeated."""
    gone = [done(1, Proposal("gone", kind="sweep"), 0.9), full(2, "gone", 0.9, STEPS, PACKED)]
    assert one(heuristic.propose(view(*gone, best=gone[1]))).recipe == "a/sft"


def test_a_study_goes_on_until_its_budget_ends(tmp_path: Path) -> None:
    """Forty trials, none twice, each inside its contract, and again the same; a stopped recipe is mended and wins."""
    opened = {"grpo.learning_rate": RATE, "grpo.beta": [0.0, 0.04], "grpo.temperature": {"low": 0.3, "high": 1.5}}
    recipes = {
        "a/grpo": recipe_of("a/grpo", stages=STAGES["grpo"], grpo={"learning_rate": 2e-2, "beta": 0.0}, tunable=opened),
        "b/sft": recipe_of(
            "b/sft",
            stages=STAGES["sft"],
            sft={"learning_rate": 1e-4},
            tunable={"sft.learning_rate": {**RATE, "high": 9e-3}},
        ),
    }
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    trials = simulated(tmp_path / "a", recipes, learnt, 40)
    assert len(trials) == 41 and len(set(map(config_of, trials))) == 41
    assert {t.kind for t in trials} >= {"propose", "remedy", "sweep", "repeat"}
    assert [t.kind for t in trials[1:5]] == ["propose", "propose", "remedy", "remedy"]
    assert {t.fidelity for t in trials[1:6]} == {heuristic.CHEAP}
    winner = History(trials).incumbent
    assert winner.recipe == "a/grpo" and winner.fidelity == 1.0 and winner.mean("dev") > 0.55
    assert trials[:16] == simulated(tmp_path / "b", recipes, learnt, 15)


@pytest.mark.parametrize("trials", [(), (full(1, "a/sft", 0.988), full(2, "b/grpo", 0.9))])
def test_nothing_can_be_better(trials: tuple[Trial, ...]) -> None:
    """Five dev items are wrong, too few to prove a gain on: the winner with another seed, and then nothing."""
    best = trials[0] if trials else replace(BASE, scores=scored(1.0))
    found = list(heuristic.plan(view(*trials, best=best)))
    assert [(p.kind, p.recipe, p.seed) for p in found] == ([("repeat", "a/sft", 6)] if trials else [])


def test_a_finite_contract_is_exhausted(tmp_path: Path) -> None:
    """Every combination is tried in full, none twice, and then nothing is left."""
    opened = {"grpo.beta": [0.0, 0.01, 0.04], "grpo.num_generations": [4, 8]}
    own = {"learning_rate": 1e-3, "beta": 0.0, "num_generations": 4}
    recipe = recipe_of("a/grpo", stages=STAGES["grpo"], grpo=own, tunable=opened)
    trials = simulated(tmp_path, {"a/grpo": recipe}, learnt, 40)
    assert len(trials) < 40 and len(set(map(config_of, trials))) == len(trials)
    values = [{"grpo.beta": 0.0, "grpo.num_generations": 4, **checked(t, recipe.contract)} for t in trials[1:]]
    assert {tuple(sorted(found.items())) for found in values} == {
        (("grpo.beta", beta), ("grpo.num_generations", n)) for beta in (0.0, 0.01, 0.04) for n in (4, 8)
    }


def test_a_sweep_ends_with_its_values(tmp_path: Path) -> None:
    """Fewer combinations than sweep_trials: none is run again."""
    own = {"learning_rate": 1e-3, "beta": 0.0}
    recipe = recipe_of("a/grpo", stages=STAGES["grpo"], grpo=own, tunable={"grpo.beta": [0.0, 0.04]})
    trials = simulated(tmp_path, {"a/grpo": recipe}, learnt, 40)
    assert [t.kind for t in trials] == ["baseline", "propose", "sweep", "repeat"]


def test_the_same_ledger_gives_the_same_proposal() -> None:
    """No chance and no memory."""
    seen = view(full(1, "a/sft", 0.5))
    assert heuristic.propose(seen) == heuristic.propose(seen)
    assert chance.propose(seen) == chance.propose(seen)


def test_fixed_once() -> None:
    """The command line's own trial, whatever came of it, and never twice."""
    proposal = one(fixed.propose(view(pins=STEPS, only="a/")))
    assert (proposal.recipe, proposal.overrides, proposal.seed) == ("a/sft", NONE, 5)
    ran = done(1, proposal, None, STEPS)
    assert fixed.propose(view(ran, pins=STEPS, only="a/")) == ()
    assert fixed.propose(view(replace(ran, seed=6), pins=STEPS, only="a/")) != ()
    assert fixed.propose(view(replace(ran, overrides=NONE), pins=STEPS, only="a/")) != ()
    with pytest.raises(UserError, match="runs one recipe: give recipe=NAME"):
        fixed.propose(view())


@checks(deadline=None)
@given(st.integers(0, 2**32), st.integers(0, 50))
def test_random_stays_inside_the_contract(seed: int, length: int) -> None:
    """Every drawn value is of the contract; pinned keys are not drawn."""
    seen = replace(view(*[done(n + 1, Proposal("a/sft"), 0.5) for n in range(length)], pins=PACKED), seed=seed)
    proposal = one(chance.propose(seen))
    bounds = RECIPES[proposal.recipe].contract
    assert set(proposal.overrides) == set(bounds) - {"sft.packing"} and proposal.overrides
    for key, value in proposal.overrides.items():
        assert bounds[key].check(value) == value and type(value) is bounds[key].kind


@checks(deadline=None)
@given(st.lists(st.floats(1e-9, 1e9), min_size=2, max_size=2, unique=True).map(sorted), st.booleans(), st.integers())
def test_random_draws_between_any_bounds(bounds: list[float], log: bool, seed: int) -> None:
    """Rounding for the reader's sake never leaves the domain."""
    domain = contract.Range(float, *bounds, log)
    assert domain.parse(show(chance.draw(Random(seed), domain)))
    whole = contract.Range(int, int(bounds[0]) + 1, int(bounds[1]) + 2, log)
    assert type(whole.parse(show(chance.draw(Random(seed), whole)))) is int


def test_the_real_recipes() -> None:
    """What is drawn for the library's own recipes is inside their contracts."""
    files = {p.relative_to(library.FOLDER).with_suffix("").as_posix(): p for p in library.FOLDER.rglob("*.yaml")}
    recipes = {name: library.read(path)[0] for name, path in files.items()}
    for seed in range(30):
        proposal = one(chance.propose(replace(view(), recipes=recipes, seed=seed)))
        bounds = recipes[proposal.recipe].contract
        assert proposal.overrides.keys() == bounds.keys()
        assert all(bounds[key].parse(show(value)) == value for key, value in proposal.overrides.items())
