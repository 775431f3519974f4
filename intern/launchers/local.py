"""Trials on this machine. The heavy imports are paid once per study, in a fork server; each trial is forked from it as
a process of its own, which can be killed with all it started and gives its memory back. It dies with its coordinator.

    python -m intern compute=local compute.slots=2 compute.warm=false
"""

import multiprocessing
import os
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from intern import files
from intern.config.schema import Compute
from intern.launchers import State, threads
from intern.trial import worker

ANSWER = 300.0  # seconds that the server may take to fork a trial: it imports first, from a slow disk perhaps
ENDS: Mapping[int | None, State] = {files.FULL: "full", files.KILLED: "killed", -signal.SIGKILL: "killed"}


@dataclass
class Settings:
    """Fields under `compute`."""

    warm: bool = True
    """Fork trials from a server that has paid the imports; False: a fresh process each, as several GPUs need."""


class Local:
    """A warm server, or a fresh interpreter per trial."""

    def __init__(self, warm: bool, threads: int | None) -> None:
        worker.prepare(threads)  # for the server, which reads it as it imports
        self.processes: dict[str, BaseProcess] = {}
        self.context: Any = multiprocessing.get_context("forkserver" if warm else "spawn")
        if warm:
            self.context.set_forkserver_preload(["intern.launchers._warm"])
            forkserver.ensure_running()  # the imports run while the coordinator goes on

    def submit(self, folder: Path, name: str) -> str:
        """Start the worker as the leader of a session of its own; if the server hangs, without it from now on."""
        own = {key: value for key, value in os.environ.items() if key.startswith("INTERN_")}  # as it is now
        process = self.context.Process(target=worker.main, args=(str(folder), os.getpid(), own))
        if not started(process, warm=self.context.get_start_method() == "forkserver"):
            self.context = multiprocessing.get_context("spawn")
            return self.submit(folder, name)
        handle = f"{name}:{process.pid}"
        self.processes[handle] = process
        return handle

    def find(self, name: str) -> str | None:
        """Return None: a trial of another coordinator has died with it."""
        return None

    def state(self, handle: str) -> State:
        """Return whether the worker lives; what a worker that was killed may have left behind is killed."""
        process = self.processes.get(handle)
        if process is None:
            return "unknown"
        if process.is_alive():
            return "running"
        self.cancel(handle)
        return ENDS.get(process.exitcode, "ended")

    def logs(self, handle: str) -> str:
        """Return nothing: all that a worker says is in its log.txt."""
        return ""

    def cancel(self, handle: str) -> None:
        """Kill the whole group."""
        process = self.processes[handle]
        assert process.pid
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        process.join()

    def close(self) -> None:
        """Kill what still runs; the server ends with this process."""
        for handle, process in self.processes.items():
            if process.is_alive():
                self.cancel(handle)


def started(process: BaseProcess, warm: bool) -> bool:
    """Start a process; return whether that succeeded. A warm server that does not answer in time is killed."""
    if not warm:
        process.start()
        return True
    forkserver.ensure_running()  # here: a server dies with the thread that started it

    def ask() -> None:
        with suppress(EOFError, OSError):  # the server was killed below, or by another
            process.start()

    asking = threading.Thread(target=ask, daemon=True)
    asking.start()
    asking.join(ANSWER)
    if not asking.is_alive() and process.pid:
        return True
    if server := forkserver._forkserver._forkserver_pid:  # type: ignore[attr-defined]
        with suppress(ProcessLookupError):
            os.kill(server, signal.SIGKILL)
    return False


def open_launcher(compute: Compute) -> Local:
    """Return the launcher of `compute=local`."""
    return Local(bool(getattr(compute, "warm", True)), threads(compute))
