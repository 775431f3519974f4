"""The studies that clients have begun: one runs at a time, in a process and session of its own, which outlives the
server. It is the command that a person would type; its words and what it prints lie beside the studies, in `.agent/`.

The running study holds a lock that it got when it was started: the lock goes when its process does, however that ends.
"""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from intern import files, records
from intern.errors import UserError, unknown
from intern.mcp.limits import Wanted

FOLDER = ".agent"
ENDING = 30.0  # seconds that a study gets to end its trials; it ends them in one or two
TAIL = 4000  # bytes of what a study printed


@dataclass(frozen=True)
class Running:
    """The study that runs."""

    study: str
    """Its name."""
    pid: int | None
    """Its process; None while that is made."""


class Runs:
    """What clients have begun under a folder of studies."""

    def __init__(self, outputs: Path) -> None:
        self.place = outputs / FOLDER
        self.started: list[subprocess.Popen[bytes]] = []

    def names(self) -> list[str]:
        """Return the names of the studies that clients have begun."""
        return sorted(path.stem for path in self.place.glob("*.json"))

    def wanted(self, study: str) -> Wanted:
        """Return what a client wanted of a study.

        Raises:
            UserError: if no client has begun it.
        """
        if study not in self.names():
            own = unknown("study of an agent's", study, self.names())
            raise UserError(f"{own} What a person began, a person goes on with.")
        return records.read(Wanted, self.place / f"{study}.json")

    def running(self) -> Running | None:
        """Return the study that runs; None if none does."""
        for process in self.started:
            process.poll()  # takes back what has ended
        path = self.place / "running"
        if not path.exists():
            return None
        with path.open("r+") as file:
            return None if held(file) else Running(**json.loads(path.read_text() or '{"study": "?", "pid": null}'))

    def start(self, study: str, words: Sequence[str], wanted: Wanted) -> None:
        """Start, or continue, a study.

        Raises:
            UserError: if one is running.
        """
        self.place.mkdir(parents=True, exist_ok=True)
        with (self.place / "running").open("a+") as file:
            if not held(file):
                found = self.running()
                raise UserError(f"Study {found.study if found else '?'} is running, and one runs at a time. Stop it.")
            file.truncate(0)
            files.write_whole(self.place / f"{study}.json", records.dump(wanted))
            with (self.place / f"{study}.log").open("wb") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", "intern", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(file.fileno(),),  # the lock
                )
            file.write(json.dumps({"study": study, "pid": process.pid}))
        self.started.append(process)

    def stop(self, study: str) -> bool:
        """End a running study as Ctrl-C does; return whether it has ended.

        Raises:
            UserError: if it is not the one that runs.
        """
        found = self.running()
        if found is None or found.study != study or found.pid is None:
            other = f"; {found.study} is" if found else ""
            raise UserError(f"Study {study} is not running{other}.")
        with suppress(ProcessLookupError):
            os.kill(found.pid, signal.SIGTERM)  # what starts a server in the background may have it ignore Ctrl-C
        end = time.monotonic() + ENDING
        while self.running() == found and time.monotonic() < end:
            time.sleep(0.05)
        return self.running() != found

    def printed(self, study: str) -> list[str]:
        """Return the last lines that a study has printed."""
        path = self.place / f"{study}.log"
        if not path.exists():
            return []
        with path.open("rb") as file:
            file.seek(max(path.stat().st_size - TAIL, 0))
            return file.read().decode("utf-8", "replace").splitlines()[-20:]


def held(file: IO[str]) -> bool:
    """Take the lock of a file for as long as it is open; return False if another has it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
