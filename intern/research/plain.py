"""Foreign text as one printable line: the one way in which it gets into a record."""

from typing import Any


def one_line(text: object, most: int = 300) -> str:
    """Return text as one line of printable characters, cut at `most`."""
    raw = str(text)[: 20 * most + 1000]  # spaces aside that is more than enough, and a page of megabytes costs nothing
    line = " ".join("".join(char if char.isprintable() else " " for char in raw).split())
    return line if len(line) <= most else f"{line[: most - 2]} …"


def entries(value: Any) -> list[dict[str, Any]]:
    """Return the mappings of a list; of anything else none."""
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping; for anything else an empty one."""
    return value if isinstance(value, dict) else {}


def whole(value: Any) -> int | None:
    """Return a count; None for anything else."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10**15 else None


def real(value: Any) -> float | None:
    """Return a finite number as such; None for anything else."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12
    return float(value) if number else None
