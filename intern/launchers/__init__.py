"""Launchers, one per file: places where trials run. A module states

open_launcher   schema.Compute → a Launcher
Settings        a dataclass of fields that a person sets under `compute` (optional)
"""

import os
from pathlib import Path
from typing import Literal, Protocol

from intern import plugins
from intern.config.schema import Compute

State = Literal["running", "ended", "full", "killed", "unknown"]


class Launcher(Protocol):
    """A place where trials run. A handle is a text by which any process finds a trial again."""

    def submit(self, folder: Path, name: str) -> str:
        """Start the worker on a trial's folder under a name that is its own, and return its handle."""

    def find(self, name: str) -> str | None:
        """Return the handle of a trial submitted under a name, if the launcher still knows it: a coordinator may have
        died before it noted the handle."""

    def state(self, handle: str) -> State:
        """Return running; ended; full if it ended because its disk is; killed if it or its stage was, as by the kernel
        for want of memory; unknown if no such trial is known any more."""

    def logs(self, handle: str) -> str:
        """Return what the launcher has of a trial's output beside its log.txt, such as why it was not started."""

    def cancel(self, handle: str) -> None:
        """End a trial and everything that it started, now."""

    def close(self) -> None:
        """Give back what the launcher holds."""


def threads(compute: Compute) -> int | None:
    """Return the threads of one trial; None: all cores of the machine that it runs on, or what OMP_NUM_THREADS says."""
    if compute.threads or compute.slots == 1:
        return compute.threads
    return max(1, len(os.sched_getaffinity(0)) // compute.slots)


def open_launcher(compute: Compute) -> Launcher:
    """Return the launcher that the config names."""
    opened: Launcher = plugins.load("launchers", compute.launcher).open_launcher(compute)
    return opened
