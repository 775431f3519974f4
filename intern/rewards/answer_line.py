"""Whether the completion has an answer line at all: a small bonus that teaches the evaluator's format."""

from collections.abc import Mapping
from typing import Any

from intern.rewards import exact_answer


def outcome(text: str, row: Mapping[str, Any]) -> float | None:
    """Return 1.0 with an answer line, else 0.0."""
    return float(exact_answer.outcome(text, row) is not None)
