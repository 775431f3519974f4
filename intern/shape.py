"""JSON of a stranger, such as a service or a language model: what is of a form, and nothing of what is not."""

from typing import Any

LARGEST = 1e12  # no honest number of a paper or a card is larger


def entries(value: Any) -> list[dict[str, Any]]:
    """Return the mappings of a list; of anything else none."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def texts(value: Any) -> list[str]:
    """Return the texts of a list; of anything else none."""
    return [entry for entry in value if isinstance(entry, str)] if isinstance(value, list) else []


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping; for anything else an empty one."""
    return value if isinstance(value, dict) else {}


def whole(value: Any) -> int | None:
    """Return a count; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15 else None


def real(value: Any, largest: float = LARGEST) -> float | None:
    """Return a finite number as such; None for anything else, or one that is too large."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < largest
    return float(value) if number else None
