"""The process that a stage runs in: forked from the worker, which goes on whatever becomes of it."""

import os
import sys
import traceback
from contextlib import suppress
from multiprocessing.connection import Connection

from intern import files
from intern.config.stages import stage
from intern.errors import UserError
from intern.stages import Task
from intern.trial import lifetime

LONGEST = 2000  # characters of a reason: it goes through a pipe (64 KiB) that nobody empties before the child ends


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
        os._exit(files.FULL if files.is_full(fault) else 1)


def own_threads(number: int | None) -> None:
    """Make torch's thread pool anew in a forked child, and say how many threads it has (None: as many as before).

    Torch would do it at the first use; where two threads are the first at once, as when weights are loaded, one of
    them finds no pool and fails ("Invalid thread pool!", in 18 of 400 children).
    """
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(number or torch.get_num_threads())
