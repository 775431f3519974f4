"""The process that a stage runs in: forked from the worker, which goes on whatever becomes of it."""

import multiprocessing
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from intern import files, hardware
from intern.config.stages import stage
from intern.errors import UserError
from intern.stages import Task
from intern.trial import lifetime

HEARTBEAT = 10.0  # seconds
LONGEST = 2000  # characters of a reason: it goes through a pipe (64 KiB) that nobody empties before the child ends


class StageFailed(Exception):
    """A stage ended with an error that a second try would meet again."""


class OutOfMemory(StageFailed):
    """A stage for whose rows at once there was no memory."""


def run(name: str, task: Task, threads: int | None, signs: Sequence[Path], beat: Callable[[], None]) -> None:
    """Run a stage in a child of this process.

    Args:
        name: file name under intern/stages.
        task: what it is given.
        threads: of torch; None: as many as before.
        signs: files and folders that change while the stage gets on.
        beat: called now and then while it runs.

    Raises:
        StageFailed: if it ended with an error, or stood still; OutOfMemory if that was for want of memory.
        SystemExit: if it was killed; a second try may go on from where it was.
    """
    kills = hardware.kills()
    forked = multiprocessing.get_context("fork")
    receiver, sender = forked.Pipe(duplex=False)
    with receiver, sender:
        child = forked.Process(target=live, args=(name, task, sender, os.getpid(), threads))
        child.start()
        still = wait(child, 60 * task.config.compute.still_minutes, signs, beat)
        reason = receiver.recv_bytes().decode() if receiver.poll() else f"exit status {child.exitcode}"
    if still:
        raise StageFailed(f"{task.name}: no step, no token and no line of its log in {still:.0f} seconds: it hung")
    if child.exitcode == -signal.SIGKILL and hardware.kills() > kills:
        raise OutOfMemory(f"{task.name}: {files.SHORT_OF_MEMORY}: the kernel killed it")
    if child.exitcode and child.exitcode < 0:
        print(f"stage {task.name} was killed by signal {-child.exitcode} (out of memory?)", file=sys.stderr)
        sys.exit(files.KILLED if child.exitcode == -signal.SIGKILL else 1)
    if child.exitcode:
        short = files.shortage(task.out.parent) if child.exitcode == files.FULL else None
        lacks = f"{files.SHORT_OF_MEMORY}: {reason}" if child.exitcode == files.EXHAUSTED else None
        failed = OutOfMemory if lacks and not short else StageFailed
        raise failed(f"{task.name}: {short or lacks or reason}")


def wait(child: Any, longest: float, signs: Sequence[Path], beat: Callable[[], None]) -> float:
    """Wait for a child, and kill it if nothing changes for too long; return for how many seconds nothing had."""
    seen, since = state(signs), time.monotonic()
    while child.is_alive():
        child.join(min(HEARTBEAT, longest))
        if not child.is_alive():
            break
        beat()
        if (now := state(signs)) != seen:
            seen, since = now, time.monotonic()
        elif time.monotonic() - since >= longest:
            child.kill()
            child.join()
            return time.monotonic() - since
    return 0.0


def state(signs: Sequence[Path]) -> list[tuple[str, int, int]]:
    """Return name, size and time of change of some files, and of all in some folders."""
    found = []
    for path in (path for sign in signs for path in (sign, *sign.rglob("*"))):
        with suppress(OSError):  # a trainer's checkpoint that was just replaced
            told = path.stat()
            found.append((str(path), told.st_size, told.st_mtime_ns))
    return sorted(found)


def live(name: str, task: Task, sender: Connection, parent: int, threads: int | None) -> None:
    """Run a stage in this child process; if it fails, send why."""
    lifetime.die_with_parent(parent)
    try:
        own_threads(threads)
        stage(name).run(task)
        sys.stdout.flush()  # here, where a log that does not fit is seen
    except Exception as fault:  # the border of the job: a failed stage is data
        reason = str(fault) if isinstance(fault, UserError) else f"{type(fault).__name__}: {fault}"
        sender.send_bytes(" ".join(reason.split())[:LONGEST].encode(errors="replace"))
        with suppress(OSError):
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(files.FULL if files.is_full(fault) else files.EXHAUSTED if files.is_out_of_memory(fault) else 1)


def own_threads(number: int | None) -> None:
    """Make torch's thread pool anew in a forked child, and say how many threads it has (None: as many as before).

    Torch would do it at the first use; where two threads are the first at once, as when weights are loaded, one of
    them finds no pool and fails ("Invalid thread pool!", in 18 of 400 children).
    """
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(number or torch.get_num_threads())
