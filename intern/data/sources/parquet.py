"""Parquet, and Arrow as `datasets` saves it. Read in batches.

    python -m intern goal=local goal.data_dir=train-00000-of-00001.parquet
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intern import foreign
from intern.data.record import READ, Record, flaw, plain, too_long
from intern.errors import UserError

SUFFIXES = (".parquet", ".arrow")
BATCH = 1000  # rows in memory at once
MAGIC = b"PAR1"  # begins a file, whatever it is called


def holds(path: Path) -> bool:
    """Return whether a file is Parquet, whatever it is called."""
    with path.open("rb") as file:
        return file.read(len(MAGIC)) == MAGIC


def read(path: Path) -> Iterator[Record]:
    """Yield the rows of a file.

    Raises:
        UserError: if it is neither Parquet nor Arrow, or damaged.
    """
    number = 0
    with noticed(path):
        for batch in batches(path):
            for row in batch.to_pylist():
                number += 1
                value = plain(row)
                text = "".join(text for text in value.values() if isinstance(text, str))
                fault = too_long(len(text)) or flaw(text) or ""
                yield Record(f"row {number}", {} if fault else value, fault)


def count(path: Path) -> int:
    """Return how many rows a file has, unread."""
    with noticed(path):
        return sum(batch.num_rows for batch in batches(path, columns=[]))


def batches(path: Path, columns: list[str] | None = None) -> Iterator[Any]:
    """Yield the rows of a file, some at a time, with all of its columns or some."""
    import pyarrow
    from pyarrow import ipc, parquet

    foreign.check(path, READ)
    if path.suffix == ".arrow":
        with pyarrow.memory_map(str(path)) as source, ipc.open_stream(source) as stream:
            yield from stream
    else:
        with parquet.ParquetFile(path) as table:
            yield from table.iter_batches(BATCH, columns=columns)


@contextmanager
def noticed(path: Path) -> Iterator[None]:
    """Tell in one line what the library cannot read."""
    import pyarrow

    try:
        yield
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        what = path.suffix[1:].title()
        why = " ".join(str(error).split())[:200]
        raise UserError(f"{path} cannot be read as {what}: {why}. Write it anew, or take a copy.") from None
