"""The reward `math`: equal forms are paid, no trick is, and a check that does not end is over soon."""

import os
import signal
import threading
import time
from typing import Any

import pytest

from intern import plugins, rewards
from intern.config import typed
from intern.errors import UserError

math: Any = plugins.load("rewards", "math")
LACK = typed.lack("rewards", "math", {})
pytestmark = pytest.mark.skipif(bool(LACK), reason=LACK)

EQUAL = [
    ("4", "4"), ("4", "4.0"), ("1000", "1,000"), ("4", "x = 4"), ("4", r"4\text{ apples}"), ("4", r"\text{4}"),
    ("4", r"\$4."), ("90", r"90^\circ"), ("1/2", "0.5"), (r"\frac12", "1/2"), (r"\frac{3}{2}", r"1\frac{1}{2}"),
    ("-3", r"-\!3"), ("5000", r"5\times10^{3}"), ("2x+1", "1 + 2x"), (r"2\sqrt3", r"\sqrt{12}"),
    (r"\{1,2\}", r"\{2, 1\}"), ("x>3", "3<x"), (r"\frac{\sqrt{2}}{2}", r"\frac{1}{\sqrt{2}}"),
    ("(1,2)", r"\left(1, 2\right)"), (r"\text{Monday}", "Monday"), (r"\sin x", r"\sin{x}"), ("x=y+1", "x = 1+y"),
    (r"so \boxed{x^2}", "x^2"),
]  # fmt: skip
TRICKS = [  # (the row's answer, an answer that is not it)
    ("4", "2+2"), ("4", "2^2"), ("4", r"\sqrt{16}"), ("4", "8/2"), ("24", "4!"), ("10", r"\sum_{i=1}^4 i"),
    ("6", r"\binom{4}{2}"), (r"\frac13", r"\int_0^1 x^2 dx"), ("4", r"\frac{84}{21}"), ("4", "|-4|"),
    ("2x+1", "(x+1)^2-x^2"), ("x", r"\lim_{y\to x} y"), ("4", "3 or 4"), ("4", r"3 \text{ or } 4"), ("4", r"\pm 4"),
    ("4", "1,2,3,4"), ("4", r"\{1,2,3,4\}"), ("4", "[1,5]"), ("4", r"(-\infty,\infty)"), ("4", r"\mathbb{R}"),
    ("4", r"x\le 4"), ("4", "3=4"), ("4", "4=3"), ("4", "4=4"), ("x=3", "x=x"), ("x=3", "3=3"), ("x+1", "x+1=x+1"),
    ("y", "x=x"), ("4", "x=5=4"), ("4", "1/0"), ("4", "0/0"), (r"\infty", "1/0"), ("x", r"\frac{x}{0}"),
    (r"\pi", "3.141592653589793"), (r"\sqrt2", "1.41421356237"), ("4", ""), ("4", r"\emptyset"),
    (r"\{1,2\}", r"\{1,2,3\}"), (r"\{1,2\}", r"\mathbb{N}"), ("[1,2]", "(1,2)"), ("[1,2]", r"\mathbb{R}"),
    ("x>3", "x>4"), ("4", "4 4"), ("44", "4 4"), ("4", "4?"), ("4", "True"), ("4", r"\text{the answer}"),
    ("4", "nan"), ("x", r"\text{x or y}"), ("x+1", "x+1" + "+0" * 200), ("0.3333", "1/3"), ("x", "__import__('os')"),
]  # fmt: skip
BOMBS = [r"x^{9^{9^9}}", r"(x+y)^{99999}"]


@pytest.fixture(scope="module")
def judge() -> rewards.Reward:
    """The reward, with little patience."""
    return rewards.outcome("math", {"seconds": 1})


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_an_equal_form_is_paid(judge: rewards.Reward, gold: str, answer: str) -> None:
    """In a box, and on an answer line."""
    assert judge(f"So \\boxed{{{answer}}}.", {"answer": gold}) == 1.0
    assert judge(f"ANSWER: {answer}", {"answer": gold}) == 1.0


@pytest.mark.parametrize(("gold", "answer"), TRICKS)
def test_a_trick_is_not_paid(judge: rewards.Reward, gold: str, answer: str) -> None:
    """Whatever math-verify makes of it."""
    assert not judge(f"\\boxed{{{answer}}}", {"answer": gold})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\boxed{1} \boxed{2} \boxed{3} \boxed{4}", 1.0),
        (r"\boxed{4} \boxed{3}", 0.0),
        (r"\boxed{3}" + "\nANSWER: 4", 1.0),
        ("ANSWER: 4\n" + r"\boxed{3}", 0.0),
        (r"\boxed{4", None),
        (r"\boxed{}", None),
        ("The answer is 4", None),
        ("", None),
        (r"\boxed{" * 5000, None),
        (r"\boxed{\boxed{4}}", 1.0),
        (r"\fbox{4}", 1.0),
    ],
)
def test_the_last_answer_counts(judge: rewards.Reward, text: str, value: float | None) -> None:
    """All of it, and no other; a box that does not close is none."""
    assert judge(text, {"answer": "4"}) == value


def test_a_check_that_does_not_end(judge: rewards.Reward) -> None:
    """Is wrong within its time; those after it are judged as ever, in another thread too."""
    assert judge.settings[0].seconds == 1
    for bomb in BOMBS:
        begun = time.monotonic()
        assert judge(f"\\boxed{{{bomb}}}", {"answer": "x+y^z"}) == 0.0
        assert time.monotonic() - begun < 30  # a busy machine; unbounded it would be years
        assert judge(r"\boxed{b+a}", {"answer": "a+b"}) == 1.0
    values: list[Any] = []
    thread = threading.Thread(target=lambda: values.append(judge(r"\boxed{b+a}", {"answer": "a+b"})))
    thread.start()
    thread.join()
    assert values == [1.0]


def test_a_killed_checker(judge: rewards.Reward) -> None:
    """Is started anew; what it was asked is not judged."""
    assert math.CHECKER.equal("a+b", "b+a", 1) == 1.0
    process = math.CHECKER.process
    assert process
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    lost = math.CHECKER.equal("a+b", "b+a", 1)
    assert lost != lost
    assert math.CHECKER.equal("a+b", "b+a", 1) == 1.0 and math.CHECKER.process is not process


def test_a_batch_has_an_end(judge: rewards.Reward, monkeypatch: pytest.MonkeyPatch) -> None:
    """What would be checked after it is not judged; numbers need no check."""
    settings = math.Settings(batch_seconds=1)
    monkeypatch.setattr(math.CHECKER, "equal", lambda *_: time.sleep(1.1) or 1.0)
    texts, rows = [r"\boxed{b+a}", "ANSWER: 4", r"\boxed{b+a}"], [{"answer": gold} for gold in ("a+b", "4", "a+b")]
    first, number, late = math.outcomes(texts, rows, settings)
    assert (first, number) == (1.0, 1.0) and late is not None and late != late


def test_of_a_list_any_counts(judge: rewards.Reward) -> None:
    """And a row without an answer is no judgement."""
    assert judge(r"\boxed{b+a}", {"answer": ["7", "a+b"]}) == 1.0
    assert judge(r"\boxed{8}", {"answer": ["7", "a+b"]}) == 0.0
    value = judge(r"\boxed{8}", {})
    assert value is not None and value != value


def test_refused_without_math_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    """Before anything starts."""
    monkeypatch.setattr(math.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r'cannot judge here: no math-verify: pip install "intern\[math\]"'):
        rewards.outcome("math", {})
