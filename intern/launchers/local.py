"""Trials on this machine. The heavy imports are paid once per study, in a fork server; each trial is forked
from it as a process of its own, which can be killed with all it started and gives its memory back."""

import multiprocessing
import os
import signal
from multiprocessing import forkserver
from multiprocessing.process import BaseProcess
from pathlib import Path

from intern.config.schema import Compute
from intern.trial import worker

QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # or two threads spin: GRPO took 240 s beside other work, 29 s alone
    "GOMP_SPINCOUNT": "0",
}


class Local:
    """A warm server (`compute.warm`), or a fresh interpreter per trial: what several GPUs or vLLM need."""

    def __init__(self, compute: Compute) -> None:
        os.environ.update(QUIET)
        os.environ["OMP_NUM_THREADS"] = str(compute.threads or len(os.sched_getaffinity(0)))
        self.context = multiprocessing.get_context("forkserver" if compute.warm else "spawn")
        if compute.warm:
            self.context.set_forkserver_preload(list(worker.HEAVY))
            forkserver.ensure_running()  # the imports run while the coordinator goes on

    def start(self, folder: Path) -> "LocalTrial":
        """Start the worker on a trial folder."""
        process = self.context.Process(target=worker.main, args=(str(folder), os.getpid()))
        process.start()
        return LocalTrial(process)

    def close(self) -> None:
        """Nothing to give back: the server ends with this process."""


class LocalTrial:
    """One worker process, the leader of its own session."""

    def __init__(self, process: BaseProcess) -> None:
        self.process = process

    def exit_status(self) -> int | None:
        """None while it runs; afterwards 0, or what it died of."""
        if self.process.is_alive():
            return None
        self.kill()  # a worker that was killed may leave a stage's child behind
        return self.process.exitcode

    def kill(self) -> None:
        """End the whole group."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        self.process.join()


def open(compute: Compute) -> Local:
    """The launcher of `compute=local`."""
    return Local(compute)
