"""A small table on standard output: rich's in a terminal, aligned columns in a pipe.

    python -m intern recipes list | head
"""

import sys
from collections.abc import Mapping, Sequence

from intern.text import one_line, say

Rows = Sequence[Sequence[str]]


def show(columns: Sequence[str], rows: Rows, styles: Mapping[str, str] | None = None) -> None:
    """Print a table; `styles` colours cells by their text. Without rich, or with a broken one, it is plain."""
    rows = [[one_line(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty() or not drawn(columns, rows, styles or {}):
        say(plain(columns, rows))


def drawn(columns: Sequence[str], rows: Rows, styles: Mapping[str, str]) -> bool:
    """Print a table as wide as the terminal; return whether rich is there to do so."""
    try:
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text
    except Exception:  # the doctor runs in a broken set-up
        return False
    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(cell, styles.get(cell, "")) for cell in row))
    Console().print(table)
    return True


def plain(columns: Sequence[str], rows: Rows) -> str:
    """Return columns aligned with spaces, nothing cut off: what grep and awk read."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (columns, *rows)]
    return "\n".join(line.rstrip() for line in lines)
