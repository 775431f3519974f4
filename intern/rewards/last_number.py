"""1 if the number after the last `####`, or else the last number of the completion, is the row's, else 0; None without
a number. It is GSM8K's own rule, which lm-eval's `flexible-extract` follows for models that never saw `####`.

Column: `answer`, a number or a solution that ends `#### NUMBER`. Commas between thousands, `$`, `%` and a full stop do
not count; `1,234.50` is 1234.5.

How it is hacked, and what is done about it. Numbers at the end, one after the other, to have the last one right: only
the last counts, so that a list is worth no more than its end; after `####` a second number is wrong. A long run of
digits or an exponent: a number has at most LONGEST digits. What remains: the answer need not be said to be one, so that
the number on which a text happens to be cut can be right; `exact_answer` is the stricter rule.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

COLUMNS = (("answer",),)
LONGEST = 40  # digits; GSM8K's have 9
MARK = "####"
NUMBER = re.compile(r"(?<![\w.])(?:-?[$€£]?|[$€£]-)(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?:\.\d+)?(?!\.?\d)", re.ASCII)


def outcome(text: str, row: Mapping[str, Any]) -> float | None:
    """Return 1.0 or 0.0; None without a number."""
    marked = MARK in text
    numbers = NUMBER.findall(text.rpartition(MARK)[2].lstrip().partition("\n")[0] if marked else text)
    if not numbers:
        return None
    wanted = NUMBER.findall(str(row.get("answer", "")).rpartition(MARK)[2])
    if not wanted or len(wanted[-1]) > LONGEST or len(numbers[-1]) > LONGEST or (marked and len(numbers) > 1):
        return 0.0
    return float(value(numbers[-1]) == value(wanted[-1]))


def value(number: str) -> Fraction:
    """Return what a number is worth."""
    return Fraction(re.sub(r"[$€£,]", "", number))
