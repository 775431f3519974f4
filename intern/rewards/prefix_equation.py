"""A prefix equation over number slots, such as `- number0 number1`, is evaluated with the item's numbers."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

CONSTANT = re.compile(r"-?\d{1,12}(\.\d{1,12})?", re.ASCII)  # no exponents: Fraction("1e999999999") fills the memory
LONGEST = 64  # tokens; the longest equation of MAWPS and ASDiv-A has 15


def outcome(text: str, row: Mapping[str, Any]) -> float | None:
    """Return 1.0 or 0.0 by the value of the equation; None where the text is no equation over the item's numbers."""
    tokens = text.split()
    if not 0 < len(tokens) <= LONGEST:
        return None
    try:
        value, rest = evaluate(tokens, [Fraction(n) for n in row.get("numbers", ())])
    except (ValueError, IndexError):
        return None
    except ZeroDivisionError:
        return 0.0
    return None if rest else float(abs(value - Fraction(str(row["answer"]))) <= Fraction(1, 10_000))


def evaluate(tokens: list[str], numbers: list[Fraction]) -> tuple[Fraction, list[str]]:
    """Return (value of the first equation, tokens after it); raise ValueError, IndexError or ZeroDivisionError."""
    head, rest = tokens[0], tokens[1:]
    if head in ("+", "-", "*", "/"):
        left, rest = evaluate(rest, numbers)
        right, rest = evaluate(rest, numbers)
        if head == "+":
            return left + right, rest
        if head == "-":
            return left - right, rest
        return (left * right if head == "*" else left / right), rest
    if head.startswith("number") and head[6:].isdecimal():
        return numbers[int(head[6:])], rest
    if not CONSTANT.fullmatch(head):
        raise ValueError(head)
    return Fraction(head), rest
