"""The rewards: what they read, what they refuse, and that score and reward are one judgement."""

import math
import operator
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intern import plugins, rewards
from intern.config import typed
from intern.config.schema import Goal
from intern.errors import UserError
from intern.rewards import answer_line, exact_answer, prefix_equation

OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}
NUMBERS = ["8", "3.5", "0", "-2"]
ROW = {"answer": "12", "numbers": NUMBERS}
LEAVES = st.sampled_from([f"number{i}" for i in range(len(NUMBERS))] + ["100.0", "0.01", "7", "-1"])
TREES = st.recursive(LEAVES, lambda t: st.tuples(st.sampled_from("+-*/"), t, t), max_leaves=12)


def written(tree: Any) -> list[str]:
    """A tree in prefix form."""
    return [tree] if isinstance(tree, str) else [tree[0], *written(tree[1]), *written(tree[2])]


def value(tree: Any) -> Fraction:
    """A tree's value by Python's own operators; raises ZeroDivisionError."""
    if isinstance(tree, str):
        return Fraction(NUMBERS[int(tree[6:])] if tree.startswith("number") else tree)
    return OPERATORS[tree[0]](value(tree[1]), value(tree[2]))


@given(TREES)
def test_an_equation_has_its_value(tree: Any) -> None:
    """Right for its own value, wrong for another; a division by zero is an equation with no right answer."""
    text = " ".join(written(tree))
    try:
        answer = value(tree)
    except ZeroDivisionError:
        assert prefix_equation.outcome(text, ROW) == 0.0
        return
    assert prefix_equation.outcome(text, {**ROW, "answer": str(answer)}) == 1.0
    assert prefix_equation.outcome(text, {**ROW, "answer": str(answer + 1)}) == 0.0


@given(TREES, st.sampled_from(["number0", "+ 1 2", "is it", "="]))
def test_what_is_left_over_spoils_an_equation(tree: Any, rest: str) -> None:
    """An equation and something after it, or half an equation, is never right."""
    try:
        row = {**ROW, "answer": str(value(tree))}
    except ZeroDivisionError:
        row = ROW
    assert not prefix_equation.outcome(" ".join([*written(tree), rest]), row)
    assert not prefix_equation.outcome(" ".join(written(tree)[:-1]), row)


USABLE = [name for name in plugins.names("rewards") if not typed.lack("rewards", name, {})]
WORDS = ("+ - * / number0 number9 number-1 number² number٣ numbers ANSWER: 1e999999999 1/3 1_000 ٣ inf nan . , - ~ é "
         "\x00 \n 12 12. 1e3 -0 0x1f ${x} " + "9" * 5000).split(" ")  # fmt: skip


@given(st.one_of(st.text(), st.lists(st.sampled_from(WORDS), max_size=80).map(" ".join)))
def test_hostile_text_is_judged_and_never_raises(text: str) -> None:
    """Every reward gives None or a number in [0, 1], at once."""
    began = time.monotonic()
    for name in USABLE:
        judged = rewards.outcome(name, {})(text, ROW)
        assert judged is None or math.isnan(judged) or 0.0 <= judged <= 1.0
    assert time.monotonic() - began < 1


@pytest.mark.parametrize(
    "text", ["1e999999999", "9" * 5000, "* " * 31 + "999999999999 " * 32, "+ " * 100_000, "number" + "9" * 5000]
)
def test_no_number_is_a_bomb(text: str) -> None:
    """What would take memory or minutes is refused or cheap."""
    began = time.monotonic()
    assert not prefix_equation.outcome(text, ROW)
    assert time.monotonic() - began < 0.5


@pytest.mark.parametrize(
    ("text", "judged"),
    [
        ("ANSWER: 12", 1.0),
        ("7+5=12\nANSWER: 12.", 1.0),
        ("ANSWER: 12.0", 1.0),
        ("ANSWER:12", 1.0),
        ("ANSWER: 11\nno\nANSWER: 12", 1.0),
        ("ANSWER: 12\nANSWER: 11", 0.0),
        ("ANSWER: 12 13", 0.0),
        ("ANSWER: nan", 0.0),
        ("ANSWER:", None),
        ("ANSWER: \n12", None),
        ("answer: 12", None),
        ("12", None),
        ("", None),
    ],
)
def test_exact_answer(text: str, judged: float | None) -> None:
    """The last answer line counts, as a number; without one there is no answer."""
    assert exact_answer.outcome(text, ROW) == judged
    assert answer_line.outcome(text, ROW) == float(judged is not None)


@pytest.mark.parametrize(
    ("given_", "wanted", "equal"),
    [("1,000", "1000.0", True), (" Blue. ", "blue", True), ("blue", "green", False), ("inf", "inf", True),
     ("nan", "NaN", True), ("1e400", "inf", False), ("0.1", "0.10000000001", True), ("(C)", "C", False)],
)  # fmt: skip
def test_same(given_: str, wanted: str, equal: bool) -> None:
    """As finite numbers, or as text."""
    assert exact_answer.same(given_, wanted) is equal


@given(st.integers() | st.floats(allow_nan=False) | st.text(st.characters(categories=["L", "N"]), min_size=1))
def test_every_answer_equals_itself(answer: int | float | str) -> None:
    """Whatever the label, the line that training teaches for it is right."""
    line = exact_answer.LINE.format(answer=answer)
    assert exact_answer.outcome(line, {"answer": answer}) == 1.0


JUDGES = st.sampled_from(USABLE)  # any of them may be a goal's scorer


@given(JUDGES, st.lists(st.sampled_from([*WORDS, "\nANSWER:"]), max_size=9))
def test_score_and_reward_agree(name: str, words: list[str]) -> None:
    """lm-eval's result and GRPO's reward are the same number."""
    from intern.stages import grpo

    outcome, text = rewards.outcome(name, {}), " ".join(words)
    if math.isnan(outcome(text, ROW) or 0.0):
        with pytest.raises(UserError, match="could not be judged"):
            rewards.process_results(outcome)(ROW, [text])
        return
    scored = rewards.process_results(outcome)(ROW, [text])
    completion = [[{"role": "assistant", "content": text}]]
    columns = {key: [value] for key, value in ROW.items()}
    logged: dict[str, float] = {}
    rewarded = grpo.reward(name, outcome, exact_answer.outcome, logs=True)(
        prompts=[[]], completions=completion, trainer_state=None, log_metric=logged.__setitem__, **columns
    )
    assert set(logged) == {"parse_rate", "repetition"}
    assert rewarded == [scored["exact_match"]]
    assert scored["parsed"] == float(outcome(text, ROW) is not None)


OWN = """
from dataclasses import dataclass


@dataclass
class Settings:
    word: str = "yes"
    worth: float = 1.0


def outcome(text, row, settings):
    return settings.worth if settings.word in text else None
"""


def test_a_reward_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a file with settings of its own, which a goal gives when the reward is its scorer."""
    (tmp_path / "rewards").mkdir()
    (tmp_path / "rewards" / "says.py").write_text(OWN)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path))
    assert rewards.outcome("says", {})("yes!", {}) == 1.0 and rewards.outcome("says", {})("no", {}) is None
    half = rewards.outcome("says", {"word": "no", "worth": "0.5"})
    assert rewards.process_results(half)({}, ["no"]) == {"exact_match": 0.5, "parsed": 1.0}
    assert rewards.process_results(half)({}, ["yes"]) == {"exact_match": 0.0, "parsed": 0.0}
    goal = Goal("g", scorer="says", scorer_settings={"word": "ja"})
    assert rewards.scorer(goal)("ja", {}) == 1.0 and rewards.scorer(goal)("yes", {}) is None
    with pytest.raises(UserError, match='reward says: wrd: no such key. Did you mean "word"?'):
        rewards.outcome("says", {"wrd": "x"})
    with pytest.raises(UserError, match="Unknown reward"):
        rewards.outcome("sayz", {})
