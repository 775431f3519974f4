"""The diagnosis rules on metrics as they are logged: where each fires, what must not fire, and remedies that the
contract takes."""

import math
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from curves import COLLAPSED, DIVERGED, FAULTS, HEALTHY, OPEN, Rows, evaluations, probes, rollouts, sft
from hypothesis import given, settings
from hypothesis import strategies as st
from made import recipe_of

from intern import diagnosis, plugins
from intern.config import library, stages
from intern.config.schema import Config, Recipe
from intern.diagnosis import Run, decline
from intern.diagnosis._remedies import MOST, remedies
from intern.errors import UserError
from intern.records import Diagnosis

RULES = plugins.names("diagnosis")
BOTH = {"nan", "divergence", "garbled", "truncation", "format_problem", "decline", "one_answer"}  # in any training
STOCK = {
    name: library.read(library.FOLDER / f"{name}.yaml")[0]
    for name in ("generated/sft", "generated/grpo", "generated/sft_grpo")
}


def when(rows: Rows, recipe: Recipe = OPEN, name: str = "", **config: Any) -> Diagnosis | None:
    """What fires first as the rows come in, one by one."""
    whole = Config(recipe=recipe, **config)
    stops = (diagnosis.check(name or rows[0]["stage"], rows[:n], whole) for n in range(1, len(rows) + 1))
    return next((found for found in stops if found), None)


@pytest.mark.parametrize(("rule", "rows", "words"), FAULTS, ids=[f"{r}-{rows[0]['stage']}" for r, rows, _ in FAULTS])
def test_fires(rule: str, rows: Rows, words: tuple[str, ...]) -> None:
    """At the last row and no earlier, with what it saw in numbers and two to four remedies."""
    found = when(rows)
    assert found and (found.rule, found.stage, found.step) == (rule, rows[-1]["stage"], rows[-1]["step"])
    assert all(word in found.symptom for word in words), found.symptom
    assert 2 <= len(found.remedies) <= MOST


def test_every_rule_is_shown() -> None:
    """Each file of the folder; what any training may do on targets and on rollouts."""
    shown = {(rule, rows[0]["stage"]) for rule, rows, _ in FAULTS}
    assert {rule for rule, _ in shown} == set(RULES)
    assert {rule for rule in RULES if {(rule, "sft"), (rule, "grpo")} <= shown} == BOTH


def test_nothing_stops_at_the_last_step() -> None:
    """The checkpoint is made, and its score tells more; what a rule saw is noted."""
    late = [{**row, "steps": DIVERGED[-1]["step"]} for row in DIVERGED]
    noted = diagnosis.noted("sft", late, Config(recipe=OPEN))
    assert when(late) is None and noted
    assert (noted.rule, noted.step) == ("divergence", 8) and noted.symptom == when(DIVERGED).symptom
    assert diagnosis.noted("sft", DIVERGED, Config(recipe=OPEN)) is None


def test_what_the_contract_does_not_open() -> None:
    """Is named, in the order of the remedies, for the report; not what no contract can open."""
    assert when(DIVERGED).closed == ()
    shut = replace(OPEN, tunable={"sft.learning_rate": {"low": 1e-6, "high": 1e-1, "log": True}})
    found = when(DIVERGED, shut)
    assert found.closed == ("sft.max_grad_norm", "sft.warmup_steps")
    assert [key for remedy in found.remedies for key in remedy] == ["sft.learning_rate"] * 2


def test_a_format_that_never_was_and_one_that_was_lost() -> None:
    """Are mended in opposite ways: more of the training, or less of it."""
    never, lost = (evaluations("parse_rate", first, *(0.0,) * 4, canaries=32) for first in (0.0, 0.9))
    assert [remedy.short() for remedy in when(never).remedies] == [
        ("sft.max_steps=100",), ("sft.learning_rate=0.003",), ("sft.learning_rate=0.01",)
    ]  # fmt: skip
    assert when(lost).remedies[0].short() == ("sft.learning_rate=0.0001",)
    counted = recipe_of(
        stages=["data", "sft"], sft={"num_train_epochs": 2.0}, tunable={"sft.num_train_epochs": {"low": 1, "high": 5}}
    )
    assert [remedy.short() for remedy in when(never, counted).remedies] == [("sft.num_train_epochs=3.5",)]


@pytest.mark.parametrize("name", HEALTHY)
def test_runs_on(name: str) -> None:
    """Healthy curves and near misses."""
    assert when(HEALTHY[name]) is None


def test_a_small_batch_is_no_collapse() -> None:
    """The same curve from 16 completions a row instead of 128 may be chance."""
    small = recipe_of(stages=["data", "grpo"], grpo={"per_device_train_batch_size": 8})
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
        (evaluations("parse_rate", *(0.0,) * 6, canaries=32, truncation=1.0, repetition=0.9, eval_loss=1.0), "garbled"),
        (sft((0, {"eval_loss": 0.1}), (1, {"loss": 9.0}), (2, {"loss": math.nan})), "nan"),
    ],
)
def test_causes_before_symptoms(rows: Rows, rule: str) -> None:
    """Of the rules that fire together the cause is named."""
    found = when(rows)
    assert found and found.rule == rule


@pytest.mark.parametrize(("entry", "now", "p"), [("1" * 4, "0" * 4, 1 / 16), ("1100", "0011", 11 / 16), ("1", "1", 1)])
def test_decline_counts_wins_too(entry: str, now: str, p: float) -> None:
    """The one-sided sign test on the prompts that changed."""
    assert decline.chance(entry, now) == pytest.approx(p, rel=1e-12)


def test_the_order_is_of_causes() -> None:
    """Each rule names the one before it, so that no file's name decides which is the cause."""
    order = diagnosis.order(tuple(RULES))
    assert order == (
        *("nan", "divergence", "kl_explosion", "length_explosion", "garbled", "truncation", "format_problem"),
        *("mislabelled", "reward_collapse", "decline", "one_answer", "entropy_collapse", "dead_gradient"),
        *("overfitting", "no_learning"),
    )
    assert diagnosis.order(tuple(reversed(RULES))) == order
    for first, second in zip(order, order[1:], strict=False):
        assert first in plugins.load("diagnosis", second).AFTER


RULE = """
from dataclasses import dataclass
from intern.config.changes import times
from intern.diagnosis import Symptom

AFTER = {after!r}


@dataclass
class Settings:
    most: float = 2.0


def check(run, settings):
    loss = run.last.get("loss", 0.0)
    return Symptom(f"loss is {{loss}}", (("learning_rate", times(0.1)),)) if loss > settings.most else None
"""


@pytest.fixture
def own_rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a person's own rules."""
    (tmp_path / "diagnosis").mkdir()
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path))
    return tmp_path / "diagnosis"


def test_a_rule_of_ones_own(own_rules: Path) -> None:
    """Is a file, with settings of its own; it speaks where it says, and names no stage."""
    (own_rules / "too_high.py").write_text(RULE.format(after=("nan",)))
    rows = sft((1, {"loss": 1.0}), (2, {"loss": 3.0}))
    found = when(rows)
    assert found and (found.rule, found.symptom, found.step) == ("too_high", "loss is 3.0", 2)
    assert [remedy.short() for remedy in found.remedies] == [("sft.learning_rate=0.0001",)]
    assert when(rows, diagnosis={"too_high": {"most": 3.5}}) is None
    assert when(rollouts(loss=(3.0, 1.0))).rule == "too_high"
    assert when(sft((1, {"loss": math.inf})), diagnosis={"too_high": {"most": 0.0}}).rule == "nan"
    order = diagnosis.order(tuple(plugins.names("diagnosis")))
    assert order.index("nan") < order.index("too_high")
    with pytest.raises(UserError, match='diagnosis rule too_high: mots: no such key. Did you mean "most"?'):
        when(rows, diagnosis={"too_high": {"mots": 1}})


def test_rules_that_wait_for_each_other(own_rules: Path) -> None:
    """Cannot be put in an order; one that waits for a rule that nobody has can."""
    for name, after in (("one_rule", ("other_rule",)), ("other_rule", ("one_rule",)), ("third_rule", ("gone",))):
        (own_rules / f"{name}.py").write_text(RULE.format(after=after))
    with pytest.raises(UserError, match="wait for each other.*one_rule.*Mend AFTER"):
        diagnosis.order(("one_rule", "other_rule"))
    assert diagnosis.order(("one_rule", "third_rule")) == ("one_rule", "third_rule")


def test_a_stage_of_another_name() -> None:
    """Is watched like any other, and its remedies are of its own section and of the rows before it."""
    rate = {"low": 1e-6, "high": 1e-1, "log": True}
    recipe = recipe_of(
        stages=["data", "sft", "more", "polish"],
        more={"stage": "synthetic", "rows": 500},
        polish={"stage": "sft", "learning_rate": 1e-2},
        tunable={
            **{"sft.learning_rate": rate, "polish.learning_rate": rate, "polish.max_grad_norm": [0.1, 1.0]},
            **{"data.verified": [False, True], "more.rows": [100, 500], "data.rows": [100, 200]},
        },
    )
    found = when(DIVERGED, recipe, "polish")
    assert found and (found.rule, found.stage) == ("divergence", "polish")
    assert [remedy.short() for remedy in found.remedies] == [
        ("polish.learning_rate=0.001",), ("polish.learning_rate=0.003",), ("polish.max_grad_norm=0.1",)
    ]  # fmt: skip
    wrong = sft((0, {"target_score": 0.5, "target_parse_rate": 1.0}))
    for name, words in (
        ("polish", ["data.verified=true", "more.rows=100", "polish.learning_rate=0.003"]),
        ("sft", ["data.verified=true", "sft.learning_rate=6e-06"]),
    ):
        found = when(wrong, recipe, name)
        assert found and [word for remedy in found.remedies for word in remedy.short()] == words


def test_a_stage_that_logs_less() -> None:
    """A rule that lacks one of its metrics says nothing."""
    assert when(evaluations("parse_rate", 0.9, 0.1, 0.1, 0.1, 0.1, 0.1)) is None
    assert when(evaluations("parse_rate", 0.9, 0.1, 0.1, 0.1, 0.1, 0.1, canaries=32)).rule == "format_problem"


def test_rollouts_learn_no_targets() -> None:
    """What made the rows is not to blame for what a stage of rollouts does, and its remedies are its own."""
    for rows in (probes("grpo", 20, 8), COLLAPSED, rollouts(repetition=(0.1, 0.4, 0.4, 0.5, 0.7))):
        found = when(rows)
        assert found and found.remedies and all(key.startswith("grpo.") for r in found.remedies for key in r)
    declined = when(probes("grpo", 20, 8))
    assert declined and [key for r in declined.remedies for key in r][2:] == ["grpo.beta", "grpo.num_generations"]


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
    recipe = data.draw(st.sampled_from([OPEN, STOCK["generated/sft_grpo"], STOCK[f"generated/{stage}"]]))
    before, config = deepcopy(rows), Config(recipe=recipe)
    for end in range(1, len(rows) + 1):
        found = diagnosis.check(stage, rows[:end], config)
        assert found == diagnosis.check(stage, deepcopy(rows[:end]), config)
        if found:
            fits(found, recipe)
    assert repr(rows) == repr(before)


def fits(found: Diagnosis, recipe: Recipe) -> None:
    """At most MOST remedies, none twice, each of one key, in the contract and other than the value now."""
    assert len(set(found.remedies)) == len(found.remedies) <= MOST
    for remedy in found.remedies:
        ((key, value),) = remedy.items()
        section, _, field = key.partition(".")
        now = recipe.value(key)
        if now is None:
            now = stages.stage(recipe.kinds[section]).defaults[field]
        assert recipe.contract[key].check(value) == value != now
        assert type(value) is recipe.contract[key].kind


@pytest.mark.parametrize("name", STOCK)
@pytest.mark.parametrize(("rule", "rows"), [(rule, rows) for rule, rows, _ in FAULTS])
def test_the_stock_recipes_have_remedies(name: str, rule: str, rows: Rows) -> None:
    """Two to four that compete, wherever a rule may stop one of their stages."""
    recipe, stage = STOCK[name], rows[0]["stage"]
    if stage in recipe.stages:
        symptom = plugins.load("diagnosis", rule).check(Run(stage, recipe, rows))
        found = Diagnosis(rule, stage, 1, "", remedies(recipe, stage, symptom.remedies))
        assert 2 <= len(found.remedies) <= MOST
        fits(found, recipe)


def test_a_stopped_stage_without_a_contract() -> None:
    """The diagnosis stands, and has nothing to offer."""
    found = when(DIVERGED, replace(OPEN, tunable={}))
    assert found and found.rule == "divergence" and found.remedies == ()
