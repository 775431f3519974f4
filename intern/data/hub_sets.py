"""Data sets of the Hugging Face Hub, or their copies in a mirror. No remote code can run."""

import re
from pathlib import Path
from typing import Any

REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)


def fault(name: str) -> str | None:
    """Say what is wrong with the name of a data set; None if it is OWNER/NAME."""
    return None if REPOSITORY.fullmatch(name) else f"hub: {name!r} is no owner/name"


def load(name: str, config: str | None, split: str, revision: str | None, mirror: str | None) -> Any:
    """Return a split of a data set.

    Args:
        name: owner/name.
        config: its configuration; None: the default one.
        split: its split.
        revision: its commit; None: the newest. A mirror has one alone.
        mirror: a folder with copies, MIRROR/OWNER/NAME; None: the Hub.
    """
    import datasets

    datasets.disable_progress_bars()
    where = str(Path(mirror).expanduser() / name) if mirror else name
    return datasets.load_dataset(where, config, split=split, revision=None if mirror else revision)
