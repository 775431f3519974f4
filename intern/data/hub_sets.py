"""Data sets of the Hugging Face Hub, or their copies in a mirror. No remote code can run."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from intern.errors import UserError, quote

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
LARGE = 1_000_000_000  # bytes above which a part of a data set is not worth all of it
BUFFER = 10_000  # rows of a stream of which the next one is drawn


def fault(name: str) -> str | None:
    """Say what is wrong with the name of a data set; None if it is OWNER/NAME."""
    return None if REPOSITORY.fullmatch(name) else f"hub: {name!r} is no owner/name"


def load(
    name: str, config: str | None, split: str, revision: str | None, mirror: str | None, stream: bool | None = False
) -> Any:
    """Return a split of a data set.

    Args:
        name: owner/name.
        config: its configuration; None: the default one.
        split: its split.
        revision: its commit; None: the newest. A mirror has one alone.
        mirror: a folder with copies, MIRROR/OWNER/NAME; None: the Hub.
        stream: fetch its rows as they are read, a `datasets.IterableDataset`; None: if it is known to be large.

    Raises:
        UserError: if the data set names files that are not its own, or cannot be read.
    """
    import datasets

    datasets.disable_progress_bars()
    base = Path(mirror).expanduser() / name if mirror else None
    where = str(base) if base else remote(name)
    with told(name, split):
        builder = datasets.load_dataset_builder(where, config, revision=None if mirror else revision)
        for file in (file for files in (builder.config.data_files or {}).values() for file in files):
            if not inside(file, base, name):
                raise UserError(
                    f"Data set {name} names {quote(file)}, which is none of its own files. Take another one."
                )
        size = builder.info.download_size or builder.info.dataset_size or 0
        if stream or (stream is None and size > LARGE):
            return builder.as_streaming_dataset(split=split)
        builder.download_and_prepare()
        return builder.as_dataset(split=split)


@contextmanager
def told(name: str, split: str) -> Iterator[None]:
    """Tell in one line why a data set cannot be read: each library has errors of its own for no such split, a script,
    no network, a gated repository."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        why = " ".join(str(error).split())[:500] or type(error).__name__
        raise UserError(f"The split {split} of data set {name} cannot be read: {why}") from error


def remote(name: str) -> str:
    """Return a repository's name as `datasets` reads it from the Hub alone, though a folder here may be called so."""
    return f"hf://datasets/{name}"


def inside(file: str, base: Path | None, name: str) -> bool:
    """Return whether a file is one of a data set's own.

    Args:
        file: its path, or address.
        base: the folder of its copy; None: it is on the Hub.
        name: owner/name.
    """
    place = file.rpartition("::")[2]  # of the archive that it is in
    if base is None:
        return place.startswith(f"{remote(name)}@") and ".." not in place.split("/")
    return Path(place).resolve().is_relative_to(base.resolve())
