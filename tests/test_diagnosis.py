"""The diagnosis rules on metrics as they are logged: where each fires, what must not fire, and remedies that the
contract takes."""

import math
from copy import deepcopy
from typing import Any

import pytest
from curves import COLLAPSED, DIVERGED, FAULTS, HEALTHY, OPEN, Rows, held, rollouts, sft
from hypothesis import given, settings
from hypothesis import strategies as st

from intern import diagnosis, plugins
from intern.config import contract, library
from intern.config.schema import Grpo, Recipe, flat
from intern.diagnosis import decline
from intern.diagnosis._remedies import MOST, TRL_DEFAULTS, remedies
from intern.records import Diagnosis

RULES = plugins.names("diagnosis")


def when(rows: Rows, recipe: Recipe = OPEN) -> Diagnosis | None:
    """What fires first as the rows come in, one by one."""
    stops = (diagnosis.check(rows[0]["stage"], rows[:n], recipe) for n in range(1, len(rows) + 1))
    return next((found for found in stops if found), None)


@pytest.mark.parametrize(("rule", "rows", "words"), FAULTS, ids=[f"{r}-{rows[0]['stage']}" for r, rows, _ in FAULTS])
def test_fires(rule: str, rows: Rows, words: tuple[str, ...]) -> None:
    """At the last row and no earlier, with what it saw in numbers and two to four remedies."""
    found = when(rows)
    assert found and (found.rule, found.stage, found.step) == (rule, rows[-1]["stage"], rows[-1]["step"])
    assert all(word in found.symptom for word in words), found.symptom
    assert 2 <= len(found.remedies) <= MOST


def test_every_rule_is_shown() -> None:
    """Each file of the folder, for each stage that it watches."""
    watched = {(rule, stage) for rule in RULES for stage in plugins.load("diagnosis", rule).STAGES}
    assert {(rule, rows[0]["stage"]) for rule, rows, _ in FAULTS} == watched


@pytest.mark.parametrize("name", HEALTHY)
def test_runs_on(name: str) -> None:
    """Healthy curves and near misses."""
    assert when(HEALTHY[name]) is None


def test_a_small_batch_is_no_collapse() -> None:
    """The same curve from 16 completions a row instead of 128 may be chance."""
    small = Recipe(grpo=Grpo(per_device_train_batch_size=8), tunable=OPEN.tunable)
    assert when(COLLAPSED) and when(COLLAPSED, small) is None


@pytest.mark.parametrize(
    ("rows", "rule"),
    [
        (
            rollouts(
                **{"completions__clipped_ratio": (1.0,) * 6, "parse_rate": (0.0,) * 6, "reward": (0.0,) * 6},
                **{"frac_reward_zero_std": (1.0,) * 6, "entropy": (0.1,) * 6},
            ),
            "truncation",
        ),
        (
            rollouts(reward=(0.0,) * 6, frac_reward_zero_std=(1.0,) * 6, parse_rate=(0.9,) + (0.2,) * 5),
            "format_problem",
        ),
        (rollouts(kl=(0.0, 2.0, 2.0), reward=(0.9, 0.9, 0.0), entropy=(0.1, 2.0, 2.0)), "divergence"),
        (rollouts(kl=(0.0, 2.0, 2.0), repetition=(0.0, 0.9, 0.9), parse_rate=(1.0, 0.0, 0.0)), "kl_explosion"),
        (
            rollouts(reward=(0.9, 0.9, 0.1, 0.0), entropy=(1, 0.01, 0.01, 0.01), frac_reward_zero_std=(0.5,) * 4),
            "reward_collapse",
        ),
        (held("parse_rate", *(0.0,) * 6, canaries=32, truncation=1.0, repetition=0.9, eval_loss=1.0), "garbled"),
        (sft((0, {"eval_loss": 0.1}), (1, {"loss": 9.0}), (2, {"loss": math.nan})), "nan"),
    ],
)
def test_causes_before_symptoms(rows: Rows, rule: str) -> None:
    """Of the rules that fire together the cause is named."""
    found = when(rows)
    assert found and found.rule == rule


@pytest.mark.parametrize(("entry", "look", "p"), [("1" * 4, "0" * 4, 1 / 16), ("1100", "0011", 11 / 16), ("1", "1", 1)])
def test_decline_counts_wins_too(entry: str, look: str, p: float) -> None:
    """The one-sided sign test on the prompts that changed."""
    assert decline.chance(entry, look) == p


def test_ranks_are_distinct() -> None:
    """Else the file's name would decide which is the cause."""
    assert len({plugins.load("diagnosis", rule).RANK for rule in RULES}) == len(RULES)


NUMBERS = st.floats(0, 5) | st.sampled_from([0.0, 1.0, math.nan, math.inf, None])
SHARES = st.sampled_from([0.0, 0.2, 0.5, 0.9, 1.0, math.nan, None])
TRAINED = {"epoch": st.floats(0, 3), "loss": NUMBERS, "grad_norm": NUMBERS, "entropy": NUMBERS}
HELD = {"eval_loss": NUMBERS, "eval_mean_token_accuracy": SHARES, "truncation": SHARES, "repetition": SHARES}
PARSED = st.fixed_dictionaries({"parse_rate": st.sampled_from([0.0, 0.25, 0.5, 1.0]), "canaries": st.just(32)})
SEEN = st.fixed_dictionaries({"right": st.text("01", min_size=9, max_size=9)})
TARGETS = st.fixed_dictionaries({"target_parse_rate": st.floats(0, 1), "target_score": st.floats(0, 1)})
ROLLED = {"reward": NUMBERS, "kl": NUMBERS, "frac_reward_zero_std": SHARES, "parse_rate": SHARES, "repetition": SHARES}
ROLLED |= {"completions/mean_length": NUMBERS, "completions/clipped_ratio": SHARES}
LOGGED = st.fixed_dictionaries({}, optional=TRAINED)
ROWS = {
    "sft": LOGGED | st.fixed_dictionaries({}, optional=HELD) | PARSED | TARGETS | SEEN,
    "grpo": st.fixed_dictionaries({}, optional={**TRAINED, **ROLLED}) | SEEN,
}


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from(["sft", "grpo"]).flatmap(lambda s: st.tuples(st.just(s), st.lists(ROWS[s], min_size=1))), st.data()
)
def test_whatever_is_logged(drawn: tuple[str, list[dict[str, Any]]], data: st.DataObject) -> None:
    """No rule raises, changes a row or changes its mind, and every remedy is a new value that the contract takes."""
    stage, metrics = drawn
    rows = [{"stage": stage, "step": 2 * n, "steps": 2 * len(metrics), **row} for n, row in enumerate(metrics)]
    recipe = data.draw(st.sampled_from([OPEN, *(library.load(f"generated/{name}") for name in ("sft_grpo", stage))]))
    before = deepcopy(rows)
    for end in range(1, len(rows) + 1):
        found = diagnosis.check(stage, rows[:end], recipe)
        assert found == diagnosis.check(stage, deepcopy(rows[:end]), recipe)
        if found:
            fits(found, recipe)
    assert repr(rows) == repr(before)


def fits(found: Diagnosis, recipe: Recipe) -> None:
    """At most MOST remedies, none twice, each of one key, in the contract and other than the value now."""
    bounds, own = contract.read(recipe.tunable)[0], dict(flat(recipe))
    assert len(set(found.remedies)) == len(found.remedies) <= MOST
    for (word,) in found.remedies:
        key, _, text = word.removeprefix("recipe.").partition("=")
        assert bounds[key].parse(text) not in (own[key], TRL_DEFAULTS.get(key) if own[key] is None else own[key])


@pytest.mark.parametrize("name", ["generated/sft", "generated/grpo", "generated/sft_grpo"])
@pytest.mark.parametrize(("rule", "rows"), [(rule, rows) for rule, rows, _ in FAULTS])
def test_the_stock_recipes_have_remedies(name: str, rule: str, rows: Rows) -> None:
    """Two to four that compete, wherever a rule may stop one of their stages."""
    recipe = library.load(name)
    if rows[0]["stage"] in recipe.stages:
        _, wishes = plugins.load("diagnosis", rule).check(rows, recipe)
        found = Diagnosis(rule, rows[0]["stage"], 1, "", remedies(recipe, rows[0]["stage"], wishes))
        assert 2 <= len(found.remedies) <= MOST
        fits(found, recipe)


def test_a_stopped_stage_without_a_contract() -> None:
    """The diagnosis stands, and has nothing to offer."""
    found = when(DIVERGED, Recipe())
    assert found and found.rule == "divergence" and found.remedies == ()
