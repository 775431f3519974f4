"""Processes that die with others, so that a kill leaves no orphan (Linux; elsewhere nothing is asked of the kernel)."""

import os
import select
import signal
import sys
import threading

SET_PDEATHSIG = 1  # of prctl


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when its parent dies, and notice if it already has."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def die_with(process: int) -> None:
    """Kill this process group as soon as another process is gone; a warm server takes a second to follow it."""
    if not hasattr(os, "pidfd_open"):
        return
    try:
        alive = os.pidfd_open(process)
    except ProcessLookupError:
        os._exit(1)

    def watch() -> None:
        select.select([alive], [], [])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()
