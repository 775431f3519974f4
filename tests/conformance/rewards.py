"""What a reward must do."""

import math
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intern import rewards
from intern.config import typed

ROW: dict[str, Any] = {
    "question": "What is 1 + 2?",
    "answer": "3",
    "target": "ANSWER: 3",
    "key": "1+2",
    "numbers": [1, 2],
}
TEXTS = ["", "ANSWER: 3", "ANSWER: 3\nANSWER: 4", "+ number0 number1", "3", "nan", "ANSWER: " + "9" * 5000, "a" * 9999]


def check(name: str, own: Mapping[str, Any] | None = None, row: Mapping[str, Any] = ROW, examples: int = 100) -> None:
    """It is a number in [0, 1], None or UNJUDGED for any text, the same for the same and in a batch, with its default
    settings or those that are given.

    It is skipped where the reward says what it lacks: that is known before anything starts."""
    given_ = dict(own or {})
    if why := typed.lack("rewards", name, given_):
        pytest.skip(why)
    outcome = rewards.outcome(name, given_)

    @settings(max_examples=examples, deadline=None)
    @given(st.sampled_from(TEXTS) | st.text())
    def for_any_text(text: str) -> None:
        value = outcome(text, row)
        assert fits(value), (text, value)
        assert same(outcome(text, row), value)

    for_any_text()
    batch = outcome.many(TEXTS, [row] * len(TEXTS))
    assert len(batch) == len(TEXTS)
    assert all(same(value, outcome(text, row)) for text, value in zip(TEXTS, batch, strict=True))


def fits(value: float | None) -> bool:
    """Return whether a value is one that a reward may give."""
    return value is None or math.isnan(value) or 0.0 <= value <= 1.0


def same(value: float | None, other: float | None) -> bool:
    """Return whether two values are one."""
    return repr(value) == repr(other)
