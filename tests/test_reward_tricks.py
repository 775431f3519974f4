"""The rewards choice, format, last_number, length and tool_call: what they pay for, and that no trick is paid."""

import json
from dataclasses import replace
from typing import Any

import pytest
from conftest import scope

from intern import plugins, rewards, sandbox
from intern.config import choices, gate
from intern.config.library import Library
from intern.config.schema import Config, Goal
from intern.data.columns import Columns
from intern.errors import UserError
from intern.stages import grpo

CHOICES = [  # text → value for the answer B
    ("ANSWER: B", 1.0), ("ANSWER: (B)", 1.0), ("The answer is (B).", 1.0), (r"So \boxed{B}.", 1.0),
    ("answer is **B**", 1.0),
    (r"\boxed{\text{B}}", 1.0), ("ANSWER: b", 1.0), ("ANSWER: B) Paris", 1.0), ("ANSWER: B. Vitamin C", 1.0),
    ("ANSWER: option B", 1.0), ("ANSWER: A\nNo.\nANSWER: B", 1.0), ("the answer is: B", 1.0),
    ("ANSWER: A", 0.0), ("ANSWER: B\nANSWER: A", 0.0), ("", None), ("B", None), ("I like B)", None), ("ANSWER:", None),
]  # fmt: skip
CHOICE_TRICKS = [
    "ANSWER: A or B", "ANSWER: B or A", "ANSWER: A, B, C, D", "ANSWER: B, A", "ANSWER: B/A", "ANSWER: AB", "ANSWER: BA",
    "ANSWER: ABCD", "ANSWER: B and C", "ANSWER: (B) (C)", "ANSWER: B) or C)", "ANSWER: B. (C)", "ANSWER: B; D",
    "ANSWER: B & C", "ANSWER: all of them", "ANSWER: not B", "ANSWER: B C", "ANSWER: [A-D]", "ANSWER: *B* or *C*",
    r"\boxed{B, C}", r"\boxed{A}\boxed{B}\boxed{A}", "ANSWER: Because", "ANSWER: B" + "!" * 600,
    "answer is A (or is it B)",
    "ANSWER: В",  # a Cyrillic letter
]  # fmt: skip
FORMS = [  # text → share of <think>, </think>, ANSWER:
    ("<think>2+2</think>\nANSWER: 4", 1.0),
    ("<think>2+2</think>\nANSWER:", 2 / 3),
    ("<think>2+2</think>\n4", 2 / 3),
    ("<think>2+2 ANSWER: 4", 1 / 3),
    ("ANSWER: 4", 0.0),
    ("", 0.0),
    ("<think></think>ANSWER: 4", 1 / 3),
    ("<think> \n </think>ANSWER: 4", 1 / 3),
    ("</think>x<think>x ANSWER: 4", 1 / 3),
    ("ANSWER: 4 <think>x</think>", 2 / 3),
    ("<think>" * 9 + "x</think>ANSWER: 4", 0.0),
    ("<think>x</think></think>ANSWER: 4", 1 / 3),
    ("<think>x</think>" + "ANSWER: 4\n" * 9, 2 / 3),
]
NUMBERS = [  # text → value for the answer 1234.5
    ("#### 1,234.50", 1.0), ("It is $1,234.5.", 1.0), ("1 2 3 and so 1234.5", 1.0), ("#### 1234.5\nGood.", 1.0),
    ("#### -$1,234.5", 0.0), ("1234.5 is more than 7", 0.0), ("#### 7\n1234.5", 0.0), ("no", None),
    ("####", None), ("", None),
]  # fmt: skip
NUMBER_TRICKS = [
    "1234.5 1 2 3 4 5", "#### 1234.5 1235", "#### 1 1234.5", "#### 1234.5, 1235, 1236", "1234.5.6", "#### 12 34.5",
    "1234.5000" + "0" * 99 + "1", "#### 1234.5\n#### 1", "#### 12,34.5", "1234.5 or 1235", "9" * 5000,
    "#### " + "-" * 5000 + "1",
    "x1234.5x 1", "1234.5e9 - 1", "١٢٣٤.٥", "#### 1234.5 = 1234.4",
]  # fmt: skip
CALLS = [{"weather.get": {"city": ["Paris, France", "Paris"], "days": [2], "unit": ["", "c"], "scale": [1.0]}}]
RIGHT_CALLS = [
    '{"name": "weather.get", "arguments": {"city": "Paris", "days": 2, "scale": 1}}',
    '[{"name": "weather.get", "parameters": {"city": "paris france", "days": 2, "unit": "C", "scale": 1.0}}]',
    "weather.get(city='Paris', days=2, scale=1.0)",
    "[weather.get(days=2, scale=1, city='Paris', unit='c')]",
    '<tool_call>\n{"name": "weather.get", "arguments": {"city": "Paris", "days": 2, "scale": 1}}\n</tool_call>',
    "```python\nweather.get(city='Paris', days=2, scale=1.0)\n```",
    '{"name": "weather.get", "arguments": "{\\"city\\": \\"Paris\\", \\"days\\": 2, \\"scale\\": 1}"}',
]
CALL = "weather.get(city='Paris', days=2, scale=1.0)"
CALL_TRICKS = [
    f"[{CALL}, {CALL}]", f"[{CALL}, weather.set(city='Paris')]", "[]", "", "weather.get()", "weather.get(city='Paris')",
    CALL.replace("get", "set"), CALL.replace("weather.get", "get"), CALL.replace("'Paris'", "['Paris', 'Rome']"),
    CALL.replace("2", "'2'"), CALL.replace("2", "2.0"), CALL.replace("2", "True+1"), CALL.replace("2", "1 + 1"),
    CALL.replace("1.0", "True"), CALL.replace(")", ", more=1)"), CALL.replace(")", ", days=3)"),
    CALL.replace("days=2", "days=[2]"),
    "weather.get('Paris', 2, 1.0)", "weather.get(**{'city': 'Paris', 'days': 2, 'scale': 1.0})",
    CALL.replace("2", "__import__('os').getpid() or 2"), CALL.replace("2", "9**9**9"), f"exec({CALL!r})",
    f"{CALL} or weather.get(city='Rome')", f"{CALL}\n{CALL}", f"```\n{CALL}\n```\n```\n{CALL}\n```", "lambda: " + CALL,
    f"f().{CALL}", "(" * 5000, "-" * 15000 + "1", "[" * 15000, '{"name": ' * 2000, "x" * 30_000,
    '{"name": "weather.get", "arguments": {"city": "Rome", "city": "Paris", "days": 2, "scale": 1}}',
    '{"name": ["weather.get"], "arguments": {}}', '{"name": "weather.get", "arguments": [1]}', "[1]",
    '["weather.get"]', "null",
    '{"name": "weather.get", "arguments": {"city": "Paris", "days": NaN, "scale": 1}}',
    '{"name": "weather.get", "arguments": null}',
    '{"name": "weather.get", "arguments": {"city": "Paris", "days": 2, "scale": 1}, "ok": true}',
    "city='Paris', days=2",
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), CHOICES)
def test_choice(text: str, value: float | None) -> None:
    """One letter, where an answer is announced."""
    assert rewards.outcome("choice", {})(text, {"answer": "B"}) == value


@pytest.mark.parametrize("text", CHOICE_TRICKS)
def test_choice_tricks(text: str) -> None:
    """More than one letter, or none, is not paid, whichever is right."""
    judge = rewards.outcome("choice", {})
    assert not any(judge(text, {"answer": letter}) for letter in ("B", "(B)", "C", "D"))


@pytest.mark.parametrize(("text", "share"), FORMS)
def test_format(text: str, share: float) -> None:
    """The parts up to the first fault; all or nothing if that is asked for."""
    assert rewards.outcome("format", {})(text, {}) == share
    assert rewards.outcome("format", {"whole": True})(text, {}) == float(share == 1.0)
    with pytest.raises(UserError, match="parts"):
        rewards.outcome("format", {"parts": []})


@pytest.mark.parametrize(("text", "value"), NUMBERS)
def test_last_number(text: str, value: float | None) -> None:
    """After ####, or the last of all; the answer may be GSM8K's whole solution."""
    judge = rewards.outcome("last_number", {})
    assert judge(text, {"answer": "1,234.5"}) == value
    assert judge(text, {"answer": "He has 3 * 411.5 = 1234.5.\n#### 1234.5"}) == value


@pytest.mark.parametrize("text", NUMBER_TRICKS)
def test_last_number_tricks(text: str) -> None:
    """Numbers in a row, at the end or behind the mark."""
    assert not rewards.outcome("last_number", {})(text, {"answer": "1234.5"})


@pytest.mark.parametrize("text", RIGHT_CALLS)
def test_tool_call(text: str) -> None:
    """In JSON and in Python, with what may be left out left out; the column as text or as it is."""
    judge = rewards.outcome("tool_call", {})
    assert judge(text, {"calls": CALLS}) == judge(text, {"calls": json.dumps(CALLS)}) == 1.0


@pytest.mark.parametrize("text", CALL_TRICKS)
def test_tool_call_tricks(text: str) -> None:
    """Nothing is run, nothing raised, nothing paid."""
    assert not rewards.outcome("tool_call", {})(text, {"calls": CALLS})


def test_several_calls() -> None:
    """In any order, each once."""
    judge = rewards.outcome("tool_call", {})
    wanted: list[Any] = [{"f": {"a": [1]}}, {"f": {"a": [2]}}, {"g": {"b": [[{"c": [3]}]]}}]
    assert judge("[g(b=[{'c': 3}]), f(a=2), f(a=1)]", {"calls": wanted}) == 1.0
    assert judge("[g(b=[{'c': 3}]), f(a=1), f(a=1)]", {"calls": wanted}) == 0.0
    assert judge("[f(a=1)]", {"calls": "no JSON"}) is None and judge("[f(a=1)]", {}) is None


@pytest.mark.parametrize(
    ("tokens", "value"),
    [(0, 1.0), (16384, 1.0), (16385, 1 - 1 / 4096), (18432, 0.5), (20480, 0.0), (30000, 0.0)]
)  # fmt: skip
def test_length_is_dapo_s(tokens: int, value: float) -> None:
    """With its 16,384 + 4,096 tokens, the formula of the paper plus 1; a text of no tokens' length is not looked at."""
    row = {"completion_ids": [0] * tokens, "max_completion_length": 20480}
    assert rewards.outcome("length", {})("x", row) == pytest.approx(value)
    assert rewards.outcome("length", {})("x" * 10**6, row) == pytest.approx(value)
    assert rewards.outcome("length", {})("x", {}) is None


def test_length_in_the_trainer() -> None:
    """The stage gives it the tokens and the limit."""
    judge = grpo.reward("length", rewards.outcome("length", {"share": 0.5}), None, logs=False, longest=10)
    texts = [[{"role": "assistant", "content": "x"}]] * 3
    tokens = [[0] * 5, [0] * 8, [0] * 10]
    paid = judge(prompts=[1, 1, 1], completions=texts, completion_ids=tokens, log_metric=print)
    assert paid == [1.0, 0.4, 0.0]


def test_what_cannot_be_judged_moves_nothing() -> None:
    """TRL would count one such completion as 0 beside the others: its whole group gets no reward from this function."""
    values = {"right": 1.0, "wrong": 0.0, "none": None, "away": rewards.UNJUDGED}
    judge = grpo.reward("r", lambda text, row: values[text], None, logs=False)
    texts = [[{"role": "assistant", "content": text}] for text in ("right", "away", "wrong", "right", "none")]
    assert judge(prompts=["a", "a", "a", "b", "b"], completions=texts, log_metric=print) == [None, None, None, 1.0, 0.0]


def test_rows_without_the_columns_of_a_reward() -> None:
    """Are refused before a model is loaded, with the columns that they have and those that are read."""
    row: dict[str, Any] = {"question": "?", "answer": "3", "key": "k"}
    with pytest.raises(UserError, match="columns answer, completion_ids, key, .*the reward tool_call reads calls"):
        grpo.readable([rewards.outcome("choice", {}), rewards.outcome("tool_call", {})], [row])
    grpo.readable([rewards.outcome("choice", {}), rewards.outcome("length", {})], [row])


def test_the_goal_s_reward_is_its_scorer() -> None:
    """One object, so that a rollout is judged once."""
    config = Config(goal=Goal("g", scorer="choice"))
    scorer = rewards.scorer(config.goal)
    assert grpo.outcome("goal", 1.0, config, scorer) is scorer and grpo.outcome("goal", 1.0, config, None) == scorer


def test_what_is_only_good_to_know_costs_little() -> None:
    """No judge is paid for it, a sandbox is started for a part of the rows; and a list of a data set stays whole."""
    rows = [{"n": n} for n in range(1000)]
    made = {name: rewards.Reward(name, plugins.load("rewards", name), ()) for name in ("choice", "code", "rubric")}
    assert [len(rewards.looked_at(made[name], rows)) for name in made] == [1000, rewards.FEW, 0]
    assert len(rewards.looked_at(lambda text, row: 1.0, rows)) == 1000
    mapped = Columns(columns={"question": "text", "answer": "code", "test_list": "tests"})
    row = mapped.row(Goal("g"), {"text": "Add.", "code": ["a", "b"], "tests": ["assert 1", "assert 2"]})
    assert row and row["test_list"] == ["assert 1", "assert 2"] and row["answer"] == "a"


def test_a_harness_is_a_part_of_its_reward() -> None:
    """What was judged by another one is judged anew."""
    assert {file.name for file in plugins.closure("rewards", "code")} == {"code.py", "_harness.py"}
    assert {file.name for file in plugins.closure("rewards", "math")} == {"math.py", "_checker.py", "exact_answer.py"}


def test_refused_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe's reward and a goal's scorer that cannot judge on this machine, by the gate and on the command line."""
    lack = "no bwrap: apt-get install bubblewrap"
    monkeypatch.setattr(sandbox, "lack", lambda: lack)
    library = Library()
    choices.register(library)
    made = scope(library, "goal=arithmetic", "model=tiny")
    recipe = library.load("generated/grpo")
    assert gate.lacking(replace(made.config, recipe=recipe)) == []
    coded = replace(recipe, rewards={"goal": 1.0, "code": {"weight": 1.0, "seconds": 2}})
    said = f"recipe.rewards.code: the reward code cannot judge here: {lack}"
    assert gate.lacking(replace(made.config, recipe=coded)) == [said]
    verdict = gate.vet(replace(made, recipes={"coded": coded}), "coded", {})
    assert isinstance(verdict, gate.Rejection) and verdict.reasons == (said,)
    with pytest.raises(UserError, match="recipe.rewards.code: the reward code cannot judge here: no bwrap"):
        scope(library, "goal=arithmetic", "model=tiny", "recipe=generated/grpo", "recipe.rewards.code=1.0")
