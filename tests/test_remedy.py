"""Remedies: changes of one key, relative to the trial's own value, that never leave the contract."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made import recipe_of

from intern.config.changes import more, times, to
from intern.config.contract import Choices, Domain, Range
from intern.config.stages import stage
from intern.diagnosis._remedies import MOST, remedies, unopened
from intern.overrides import Overrides, Value, show

LOG = Range(float, 1e-5, 1e-1, log=True)
LINEAR = Range(float, 0.3, 1.5)
WHOLE = Range(int, 32, 128)
BETAS = Choices(float, (0.0, 0.01, 0.04))
GROUPS = Choices(int, (16, 4, 8))  # in no order


@pytest.mark.parametrize(
    ("domain", "value", "factor", "wanted"),
    [
        (LOG, 1e-2, 0.1, 1e-3),
        (LOG, 1.23e-3, 0.3, 3.7e-4),
        (LOG, 5e-5, 0.1, 1e-5),  # the bound is nearer
        (LOG, 1e-5, 0.1, None),
        (LOG, 1e-6, 0.1, None),  # below the domain, nothing in it is lower
        (LOG, 1e-6, 3, 1e-5),
        (LOG, 1.0, 0.1, 1e-1),
        (WHOLE, 64, 2, 128),
        (WHOLE, 64, 4, 128),
        (WHOLE, 45, 0.5, 32),
        (WHOLE, 100, 0.777, 78),
        (Range(float, 0.0, 0.3), 0.0, 0.3, None),  # nothing times three tenths is nothing
        (GROUPS, 8, 2, 16),
        (GROUPS, 8, 0.1, 4),
        (GROUPS, 16, 2, None),
        (BETAS, 0.0, 10, 0.01),
        (BETAS, 0.02, 10, 0.04),
    ],
)
def test_times(domain: Domain, value: Value, factor: float, wanted: Value | None) -> None:
    """Two digits, the bound where it lies beyond, the next option; None where nothing lies that way."""
    assert times(factor)(domain, value) == wanted


@pytest.mark.parametrize(
    ("domain", "value", "wanted"),
    [
        (LOG, 1e-3, 1e-2),  # half-way on its own scale
        (LINEAR, 1.0, 1.2),
        (LINEAR, 1.3, 1.4),
        (LINEAR, 1.5, None),
        (LINEAR, 1.6, None),
        (LINEAR, 0.0, 0.75),
        (WHOLE, 32, 80),
        (WHOLE, 127, 128),  # 127.5 in two digits is 130
        (WHOLE, 128, None),
        (Range(int, 1, 125), 124, None),  # 124.5 in two digits is 120
        (Range(float, 1e-5, 1e-1, log=True), 0.0, 1e-3),
        (BETAS, 0.0, 0.01),
        (BETAS, 0.02, 0.04),
        (BETAS, 0.04, None),
        (GROUPS, 4, 8),
    ],
)
def test_more(domain: Domain, value: Value, wanted: Value | None) -> None:
    """Half of what is left above, or the next option; None at the top."""
    assert more(domain, value) == wanted


@pytest.mark.parametrize(
    ("domain", "wanted", "found"),
    [
        (Choices(bool, (False, True)), True, True),
        (Choices(bool, (False,)), True, None),
        (Choices(str, ("grpo", "dr_grpo")), "dr_grpo", "dr_grpo"),
        (Choices(str, ("grpo", "dapo")), "dr_grpo", None),
        (Range(float, 0.0, 0.3), 0.3, 0.3),
        (Range(float, 0.0, 0.2), 0.3, None),
        (Range(int, 0, 100), 0.3, None),
    ],
)
def test_to(domain: Domain, wanted: Value, found: Value | None) -> None:
    """The value itself, where the domain has it."""
    assert to(wanted)(domain, domain.options[0] if isinstance(domain, Choices) else domain.low) == found


BOUNDS = st.lists(st.floats(1e-6, 1e6), min_size=3, max_size=3).map(sorted).filter(lambda b: b[2] - b[0] > 2)


@settings(deadline=None)
@given(BOUNDS, st.booleans(), st.booleans(), st.sampled_from([more, *map(times, (0.1, 0.3, 0.5, 0.93, 2, 3, 4))]))
def test_a_change_stays_inside(bounds: list[float], log: bool, whole: bool, change: Any) -> None:
    """Whatever the bounds and digits: a value that the contract reads back, on the right side of the old one."""
    low, value, high = (int(b) + 1 for b in bounds) if whole else bounds
    domain = Range(int if whole else float, low, high, log)
    found = change(domain, value)
    if found is not None:
        assert domain.parse(show(found)) == found and type(found) is domain.kind
        assert change is not more or found > value


RECIPE = recipe_of(
    stages=["data", "sft", "grpo"],
    data={"rows": 200},
    sft={"learning_rate": 1e-3, "max_steps": 80},
    grpo={"beta": 0.04},
    tunable={
        **{"sft.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "grpo.beta": [0.0, 0.01, 0.04]},
        **{"data.verified": [False, True], "grpo.temperature": {"low": 0.3, "high": 1.5}, "sft.max_length": [64, 128]},
    },
)


def test_each_change_is_one_override() -> None:
    """In the order of the changes; what is closed, unset, at its bound, without effect or no field of the stage is left
    out. A field that begins with `*.` is one of the stages that made the rows which the stage learns."""
    changes = (
        ("learning_rate", times(0.3)),
        ("max_steps", times(0.5)),  # not in the contract
        ("max_length", times(2)),  # neither the recipe nor TRL's defaults say what it is
        ("beta", more),  # at its top
        ("*.verified", to(False)),  # as it is
        ("temperature", more),  # unset: TRL's 1.0
        ("*.verified", to(True)),
        ("nothing", to(True)),
        ("*.nothing", to(True)),
    )
    assert remedies(RECIPE, "sft", changes) == (
        Overrides({"sft.learning_rate": 0.0003}), Overrides({"data.verified": True}),
    )  # fmt: skip
    assert remedies(RECIPE, "grpo", changes) == (Overrides({"grpo.temperature": 1.2}),)


def test_none_twice_and_at_most_four() -> None:
    """Two factors that end at the same bound are one remedy."""
    rates = [("learning_rate", times(factor)) for factor in (0.1, 0.05, 0.3, 2, 3, 5, 0.5)]
    values = [remedy["sft.learning_rate"] for remedy in remedies(RECIPE, "sft", rates)]
    assert values == [0.0001, 0.0003, 0.002, 0.003] and len(values) == MOST


@pytest.mark.parametrize(
    ("length", "key"),
    [
        ({"max_steps": 80}, "sft.max_steps"),
        ({"num_train_epochs": 2.0}, "sft.num_train_epochs"),
        ({"max_steps": 80, "num_train_epochs": 2.0}, "sft.max_steps"),  # TRL heeds the steps alone
    ],
)
def test_a_length_is_counted_as_the_recipe_counts(length: dict[str, float], key: str) -> None:
    """In steps or in epochs, whichever of them a rule names."""
    opened = {"sft.max_steps": {"low": 1, "high": 1000}, "sft.num_train_epochs": {"low": 1, "high": 5}}
    recipe = recipe_of(stages=["data", "sft"], sft=length, tunable=opened)
    for field in ("max_steps", "num_train_epochs"):
        (remedy,) = remedies(recipe, "sft", [(field, times(2))])
        assert dict(remedy) == {key: 2 * length[key.partition(".")[2]]}
        assert unopened(recipe, "sft", [(field, times(2))]) == ()
        shut = recipe_of(stages=["data", "sft"], sft=length)
        assert unopened(shut, "sft", [(field, times(2)), ("*.verified", to(True)), ("logging_steps", more)]) == (
            key, "data.verified",
        )  # fmt: skip


def test_rows_that_come_later_made_nothing() -> None:
    """Only stages before the stopped one; one that makes no rows, or is not run, neither."""
    tunable = {"data.verified": [False, True], "more.verified": [False, True], "late.verified": [False, True]}
    tree = {"more": {"stage": "data"}, "late": {"stage": "data"}, "tunable": tunable}
    recipe = recipe_of(stages=["data", "sft", "more", "grpo", "late"], **tree)
    changes = [("*.verified", to(True))]
    assert remedies(recipe, "sft", changes) == (Overrides({"data.verified": True}),)
    assert remedies(recipe, "grpo", changes) == ()
    twice = recipe_of(stages=["data", "sft", "more", "polish"], polish={"stage": "sft"}, **tree)
    assert [*map(dict, remedies(twice, "polish", changes))] == [{"data.verified": True}, {"more.verified": True}]


@pytest.mark.parametrize("name", ["sft", "grpo"])
def test_trl_has_these_defaults(name: str) -> None:
    """What an unset field means is what the installed TRL makes of it (its epsilon_high is its epsilon)."""
    from dataclasses import MISSING, fields

    from trl import GRPOConfig, SFTConfig

    defaults = {f.name: f.default for f in fields({"sft": SFTConfig, "grpo": GRPOConfig}[name])}
    assert stage(name).defaults and {f.name for f in fields(stage(name).settings)} >= set(stage(name).defaults)
    for key, value in stage(name).defaults.items():
        found = defaults[key] if defaults[key] is not None else defaults[key.removesuffix("_high")]
        assert found is not MISSING and found == value, key
