"""A small table on standard output: rich's where there is a terminal, aligned columns where there is a pipe.

    python -m intern recipes list | head"""

import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec

Rows = Sequence[Sequence[str]]


def show(columns: Sequence[str], rows: Rows, styles: Mapping[str, str] | None = None) -> None:
    """Print it; `styles` colours cells by their text. Without rich (the doctor in a broken set-up) it is plain."""
    if sys.stdout.isatty() and find_spec("rich"):
        drawn(columns, rows, styles or {})
    else:
        print(plain(columns, rows))


def drawn(columns: Sequence[str], rows: Rows, styles: Mapping[str, str]) -> None:
    """Print it as wide as the terminal."""
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(*columns, box=box.SIMPLE_HEAD)
    for row in rows:
        table.add_row(*(Text(cell, styles.get(cell, "")) for cell in row))
    Console().print(table)


def plain(columns: Sequence[str], rows: Rows) -> str:
    """Columns aligned with spaces, nothing cut off: what grep and awk read."""
    widths = [max(map(len, cells)) for cells in zip(columns, *rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in (columns, *rows)]
    return "\n".join(line.rstrip() for line in lines)
