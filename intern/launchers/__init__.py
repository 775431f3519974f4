"""Launchers, one per file: `open(compute)` returns an object with `start(folder) -> Running` and `close()`."""

from pathlib import Path
from typing import Protocol


class Running(Protocol):
    """A trial under way somewhere."""

    def exit_status(self) -> int | None:
        """None while it runs; afterwards 0, or what it died of."""

    def kill(self) -> None:
        """End it and everything that it started, now."""


class Launcher(Protocol):
    """A place where trials run."""

    def start(self, folder: Path) -> Running:
        """Run the worker on a trial folder."""

    def close(self) -> None:
        """Give back what the launcher holds."""
