"""Rewards, one per file: `outcome(text, row)` judges one completion.

It returns a number in [0, 1], or None where no answer was found. The score and the reward "goal" call the
same function, so that what is trained is what is judged."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Outcome = Callable[[str, Mapping[str, Any]], float | None]


def lm_eval_results(outcome: Outcome) -> Callable[[Mapping[str, Any], Sequence[str]], dict[str, float]]:
    """The outcome as lm-eval's `process_results`: metrics exact_match and parsed of one item."""

    def process_results(doc: Mapping[str, Any], results: Sequence[str]) -> dict[str, float]:
        value = outcome(results[0], doc)
        return {"exact_match": value or 0.0, "parsed": float(value is not None)}

    return process_results
