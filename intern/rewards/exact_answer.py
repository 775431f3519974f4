"""The last `ANSWER: …` line is compared with the item's answer: as numbers where both are, else as text.

Of a list of answers any counts."""

import re
from collections.abc import Mapping
from typing import Any

LINE = "ANSWER: {answer}"
ANSWER = re.compile(r"ANSWER:[ \t]*([^\n]*)")


def outcome(text: str, row: Mapping[str, Any]) -> float | None:
    """Return 1.0 or 0.0; None without an answer line."""
    answers = ANSWER.findall(text)
    if not answers or not answers[-1].strip():
        return None
    right = row["answer"] if isinstance(row["answer"], list) else [row["answer"]]
    return float(any(same(answers[-1], str(answer)) for answer in right))


def same(given: str, wanted: str) -> bool:
    """Return whether both are one finite number (1,000 is 1000.0), or one text without case, outer space, full stop."""
    given, wanted = given.strip().rstrip(".").casefold(), wanted.strip().rstrip(".").casefold()
    try:
        near = abs(float(given.replace(",", "")) - float(wanted.replace(",", ""))) < 1e-9
    except ValueError:
        near = False
    return near or given == wanted  # "inf" and "nan" are words here
