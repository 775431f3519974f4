"""What a reward must do."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from intern import rewards

ROW: dict[str, Any] = {
    "question": "What is 1 + 2?",
    "answer": "3",
    "target": "ANSWER: 3",
    "key": "1+2",
    "numbers": [1, 2],
}
TEXTS = ["", "ANSWER: 3", "ANSWER: 3\nANSWER: 4", "+ number0 number1", "3", "nan", "ANSWER: " + "9" * 5000, "a" * 9999]


def check(name: str) -> None:
    """It is a number in [0, 1] or None for any text, the same for the same, with the settings that it starts with."""
    outcome = rewards.outcome(name, {})

    @settings(max_examples=100, deadline=None)
    @given(st.sampled_from(TEXTS) | st.text())
    def for_any_text(text: str) -> None:
        value = outcome(text, ROW)
        assert value is None or 0.0 <= value <= 1.0, (text, value)
        assert outcome(text, ROW) == value

    for_any_text()
