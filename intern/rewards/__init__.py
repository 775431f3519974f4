"""Rewards, one per file: `outcome(text, row)` judges one completion.

It returns a number in [0, 1], or None if it found no answer. The score and the reward called "goal" call the same
function, so that what is trained is what is judged. With a `Settings` dataclass it is `outcome(text, row, settings)`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from intern import plugins
from intern.config import typed
from intern.config.schema import Goal

Outcome = Callable[[str, Mapping[str, Any]], float | None]


def outcome(name: str, given: Mapping[str, Any]) -> Outcome:
    """Return a reward's function with its settings filled in."""
    settings = typed.settings("rewards", name, given)
    function: Callable[..., float | None] = plugins.load("rewards", name).outcome
    return function if settings is None else partial(function, settings=settings)


def scorer(goal: Goal) -> Outcome:
    """Return the function that scores an answer of a goal; a training row that names a verifier is judged by that."""
    own, others = outcome(goal.scorer, goal.scorer_settings), dict[str, Outcome]()

    def judged(text: str, row: Mapping[str, Any]) -> float | None:
        name = row.get("verifier") or goal.scorer
        if name == goal.scorer:
            return own(text, row)
        if name not in others:
            others[name] = outcome(name, {})
        return others[name](text, row)

    return judged


def process_results(outcome: Outcome) -> Callable[[Mapping[str, Any], Sequence[str]], dict[str, float]]:
    """Return an outcome as lm-eval's `process_results`: metrics exact_match and parsed of one item."""

    def processed(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
        value = outcome(results[0], doc)
        return {"exact_match": value or 0.0, "parsed": float(value is not None)}

    return processed
