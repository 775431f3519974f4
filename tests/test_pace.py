"""What fits into the time that is left."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from made import recipe_of
from simulation import BASE, NONE, done, settings

from intern.config.schema import Recipe
from intern.overrides import Overrides
from intern.records import Left, Proposal, StageRun, Trial
from intern.search import pace
from intern.search.history import History
from intern.search.view import View

STEPS = {"sft.max_steps": {"low": 10, "high": 1000, "log": True}}
RECIPES: Mapping[str, Recipe] = {
    "sft": recipe_of("sft", stages=["data", "sft"], sft={"max_steps": 100}, tunable=STEPS),
    "lora": recipe_of("lora", stages=["data", "sft"], sft={"max_steps": 200}, lora=8, tunable=STEPS),
    "grpo": recipe_of("grpo", stages=["data", "grpo"], grpo={"max_steps": 100}, tunable={}),
}


def ran(number: int, recipe: str, seconds: float, fidelity: float = 1.0, **more: object) -> Trial:
    """A trial whose training took so many seconds."""
    trial = replace(done(number, Proposal(recipe, fidelity=fidelity), 0.5), **more)  # type: ignore[arg-type]
    run = StageRun("sft", "sft", "x", False, seconds)
    return replace(trial, stages=(run,), seconds=seconds)


def view(*trials: Trial, seconds: float, pins: Overrides = NONE) -> View:
    """A study with so many seconds left, whose base model was scored in 10 seconds."""
    base = replace(BASE, stages=(StageRun("score", "score", "y", False, 10.0, "dev"),))
    left = Left(9, seconds / 3600)
    return View(RECIPES, History([base, *trials]), left, settings(), dict.fromkeys(RECIPES, pins), seed=5)


def fidelity(seen: View, proposal: Proposal) -> float | None:
    """Of what fits."""
    fitted = pace.fitted(seen, proposal)
    return fitted.fidelity if fitted else None


def test_a_proposal_is_shortened_to_what_fits() -> None:
    """By the seconds of a step that its recipe took; below a fifth it is another experiment."""
    trial = ran(1, "sft", 60.0, 0.3)  # two seconds a step
    assert fidelity(view(trial, seconds=240), Proposal("sft")) == 1.0  # 0.9 (240 - 10) > 200
    assert fidelity(view(trial, seconds=121), Proposal("sft")) == 0.49  # 0.9 (121 - 10) / 200
    assert fidelity(view(trial, seconds=121), Proposal("sft", fidelity=0.3)) == 0.3
    assert fidelity(view(trial, seconds=50), Proposal("sft")) is None


def test_speed_is_of_the_longest_run_and_of_a_recipe_like_it() -> None:
    """The start of a run counts less in it; a recipe that never ran borrows the stage's; others are not known."""
    trials = ran(1, "sft", 60.0, 0.3), ran(2, "sft", 100.0)
    assert fidelity(view(*trials, seconds=121), Proposal("sft")) == 0.99
    assert fidelity(view(*trials, seconds=121), Proposal("lora")) == 0.49
    assert fidelity(view(*trials, seconds=121), Proposal("grpo")) == 1.0
    cut = ran(1, "sft", 100.0, reason="the time was up")
    assert fidelity(view(cut, seconds=20), Proposal("sft")) == 1.0
    assert fidelity(view(seconds=5), Proposal("sft")) == 1.0  # less than a score takes: the budget says so


def test_longer_overrides_count() -> None:
    """A trial's own steps and the command line's."""
    trial = ran(1, "sft", 100.0)
    asked = Overrides({"sft.max_steps": 400})
    assert fidelity(view(trial, seconds=210), Proposal("sft", asked)) == 0.45
    assert fidelity(view(trial, seconds=210, pins=asked), Proposal("sft")) == 0.45


@pytest.mark.parametrize(
    ("seconds", "near", "within"),
    [
        (5000.0, (), ()),
        (210.0, (), (("sft.max_steps", 10, 180.0),)),
        (210.0, (("sft.max_steps", 50.0, 150.0),), (("sft.max_steps", 50.0, 150.0),)),
        (210.0, (("sft.max_steps", 100.0, 400.0),), (("sft.max_steps", 90.0, 180.0),)),
    ],
)
def test_a_sweep_draws_no_more_steps_than_fit(
    seconds: float, near: tuple[tuple[str, float, float], ...], within: tuple[tuple[str, float, float], ...]
) -> None:
    """Its range ends there, and is not empty."""
    swept = Proposal("sft", sweep=("sft.max_steps",), within=near)
    fitted = pace.fitted(view(ran(1, "sft", 100.0), seconds=seconds), swept)
    assert fitted is not None and fitted.within == within


def test_a_sweep_that_cannot_fit_is_none() -> None:
    """Fewer than the contract's fewest steps."""
    seen = view(ran(1, "sft", 100.0), seconds=15.0)
    assert pace.fitted(seen, Proposal("sft", sweep=("sft.max_steps",))) is None


def test_the_share_that_is_spent() -> None:
    """Without the baseline's."""
    base = replace(BASE, seconds=1000.0)
    seen = View(RECIPES, History([base, ran(1, "sft", 600.0)]), Left(9, 0.5), settings(), {}, seed=5)
    assert pace.spent(seen) == 0.25
