"""The last `ANSWER: …` line is compared with the item's answer: as numbers where both are, else as text."""

import re
from collections.abc import Mapping
from typing import Any

LINE = "ANSWER: {answer}"
FOUND = re.compile(r"ANSWER:[ \t]*([^\n]*)")


def outcome(text: str, row: Mapping[str, Any]) -> float | None:
    """1.0 or 0.0; None without an answer line."""
    found = FOUND.findall(text)
    if not found or not found[-1].strip():
        return None
    return float(same(found[-1], str(row["answer"])))


def same(given: str, wanted: str) -> bool:
    """Equal as finite numbers (1,000 is 1000.0), or as text without case, outer space and a full stop."""
    given, wanted = given.strip().rstrip(".").casefold(), wanted.strip().rstrip(".").casefold()
    try:
        near = abs(float(given.replace(",", "")) - float(wanted.replace(",", ""))) < 1e-9
    except ValueError:
        near = False
    return near or given == wanted  # "inf" and "nan" are words here
