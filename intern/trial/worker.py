"""The worker: runs one trial folder to its end. It holds no state of its own and may be killed at any moment.

Every stage runs in a fresh child forked from this process, which has imported the heavy libraries but used
none of them; a stage's output is named by the hash of all that made it, and is reused wherever it recurs.
A stage whose files do not fit on the disk fails its trial; a worker that cannot write its own exits with disk.FULL.

    python -m intern.trial.worker outputs/arithmetic-tiny/trials/003"""

import fcntl
import hashlib
import json
import multiprocessing
import os
import select
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from importlib import import_module, metadata
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from omegaconf import OmegaConf

from intern import files, plugins, records
from intern.config import schema
from intern.config.schema import Config
from intern.errors import UserError
from intern.stages import Inputs, Step

HEAVY = (
    "torch",
    "datasets",
    "transformers.models.qwen3.modeling_qwen3",
    "trl.trainer.sft_trainer",
    "trl.trainer.grpo_trainer",
    "lm_eval.models.huggingface",
    "lm_eval.evaluator",
    "intern.stages._trainer",
)
LONGEST = 2000  # characters of a reason: it goes through a pipe (64 KiB) that nobody empties before the child ends
LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets", "lm_eval")


@dataclass(frozen=True)
class Job:
    """trial.json: what the coordinator asks of a worker, beside config.yaml."""

    number: int
    """The trial's number."""
    seed: int
    """Seed of every stage."""
    steps: tuple[Step, ...]
    """The stages, in order."""
    model: str
    """The checkpoint that the first stage starts from."""
    model_hash: str
    """Its content hash."""
    items_hash: str
    """Content hash of the goal's items."""


class StageFailed(Exception):
    """A stage ended with an error that a second try would meet again."""


def write_job(folder: Path, job: Job, config: Config) -> None:
    """Lay out a trial folder; trial.json last and whole, so that a folder with one can be run."""
    folder.mkdir(parents=True, exist_ok=True)
    OmegaConf.save(OmegaConf.structured(config), folder / "config.yaml")
    records.write_whole(folder / "trial.json", asdict(job))


def read_job(folder: Path) -> tuple[Job, Config]:
    """What write_job wrote."""
    raw = json.loads((folder / "trial.json").read_text())
    raw["steps"] = tuple(Step(**step) for step in raw["steps"])
    return Job(**raw), read_config(folder)


def read_config(folder: Path) -> Config:
    """A trial's config alone."""
    tree = OmegaConf.merge(OmegaConf.structured(schema.blank()), OmegaConf.load(folder / "config.yaml"))
    config: Config = OmegaConf.to_object(tree)
    return config


def main(folder: str, coordinator: int | None = None) -> None:
    """A worker process: its own session, its own log, dead when its coordinator or its parent dies."""
    parent = os.getppid()
    os.setsid()
    die_with_parent(parent)
    die_with(coordinator)
    try:
        with (Path(folder) / "log.txt").open("a") as log:
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())
        for module in HEAVY:  # already there when forked from the warm server
            import_module(module)
        with (Path(folder) / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            run(Path(folder))
    except Exception as fault:
        if not files.is_full(fault):
            raise
        os._exit(files.FULL)  # at once: what the log's buffer holds does not fit either


def die_with_parent(parent: int) -> None:
    """Ask the kernel (Linux) to kill this process when its parent dies, and notice if it already has."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        os._exit(1)


def die_with(coordinator: int | None) -> None:
    """Kill this process group as soon as the coordinator is gone; a warm server takes a second to follow it."""
    if coordinator is None or not hasattr(os, "pidfd_open"):
        return
    try:
        alive = os.pidfd_open(coordinator)
    except ProcessLookupError:
        os._exit(1)

    def watch() -> None:
        select.select([alive], [], [])
        os.killpg(0, signal.SIGKILL)

    threading.Thread(target=watch, daemon=True).start()


def run(folder: Path) -> None:
    """Run the trial's stages in order, reusing what exists; result.json is there when it has ended."""
    if (folder / "result.json").exists():
        return
    job, config = read_job(folder)
    begun, done = time.time(), []
    result: dict[str, Any] = {"state": "COMPLETE", "scores": [], "diagnosis": None, "reason": None}
    try:
        for row in outputs(folder, job, config):
            done.append(row)
            out = folder.parent.parent / "stages" / row["out"]
            if (out / "diagnosis.json").exists():
                result |= {"state": "PRUNED", "diagnosis": json.loads((out / "diagnosis.json").read_text())}
                break
            if row["stage"] == "score":
                result["scores"] += json.loads((out / "scores.json").read_text())
    except StageFailed as failure:
        result |= {"state": "FAIL", "reason": str(failure)}
    records.write_whole(folder / "result.json", {**result, "stages": done, "seconds": round(time.time() - begun, 2)})


def failure(reason: str, seconds: float) -> dict[str, Any]:
    """The result of a trial whose worker could not write one."""
    return {"state": "FAIL", "scores": [], "diagnosis": None, "reason": reason, "stages": [], "seconds": seconds}


def outputs(folder: Path, job: Job, config: Config) -> Iterator[dict[str, Any]]:
    """Yield one row per stage as it ends: what ran, where its output lies, and how long it took."""
    stages = folder.parent.parent / "stages"
    model, model_hash = Path(job.model), job.model_hash
    rows, rows_hash = None, ""
    for place, step in enumerate(job.steps):
        module = plugins.load("stages", step.stage)
        key = stage_key(step, module, config, job, model_hash, rows_hash)
        out = stages / f"{step.stage}-{key}"
        begun, reused = time.time(), out.exists()
        note(folder, {**asdict(step), "out": out.name, "reused": reused})
        if not reused:
            inputs = Inputs(model, rows, folder.parent.parent / "items", job.seed)
            produce(folder, step, config, inputs, out)
        link = folder / f"{place}-{step.stage}"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("../../stages") / out.name)
        yield {**asdict(step), "out": out.name, "reused": reused, "seconds": round(time.time() - begun, 2)}
        if module.MAKES == "model":
            model, model_hash = out, key
        elif module.MAKES == "rows":
            rows, rows_hash = out / "rows.jsonl", key


def stage_key(step: Step, module: Any, config: Config, job: Job, model_hash: str, rows_hash: str) -> str:
    """Hash of all that decides a stage's output: config, seed, inputs, its VERSION and the libraries."""
    tree = OmegaConf.structured(config)
    parts = {
        "step": asdict(step),
        "version": module.VERSION,
        "items": job.items_hash,
        "config": {path: plain(OmegaConf.select(tree, path)) for path in module.READS},
        "model": model_hash if "model" in module.USES else None,
        "rows": rows_hash if "rows" in module.USES else None,
        "seed": job.seed if "seed" in module.USES else None,
        "libraries": versions(),
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def versions() -> dict[str, str]:
    """The installed versions of the libraries that decide a result."""
    return {name: metadata.version(name) for name in LIBRARIES}


def plain(node: Any) -> Any:
    """A config node as JSON."""
    return OmegaConf.to_container(node) if OmegaConf.is_config(node) else node


def note(folder: Path, row: dict[str, Any]) -> None:
    """Tell whoever watches the folder which stage is under way."""
    files.append(folder / "stages.jsonl", json.dumps(row))


def produce(folder: Path, step: Step, config: Config, inputs: Inputs, out: Path) -> None:
    """Run one stage in a fresh child; its folder takes its final name only when it is whole.

    Raises StageFailed where the stage ended with an error; its half-made folder is then removed. One that was
    killed keeps it, to go on from there."""
    import torch

    if torch.cuda.is_initialized():
        raise StageFailed("CUDA was touched before the fork: a stage's child could not use it")
    part = out.with_name(out.name + ".tmp")
    part.mkdir(parents=True, exist_ok=True)
    forked = multiprocessing.get_context("fork")
    told, teller = forked.Pipe(duplex=False)
    with told, teller:
        child = forked.Process(target=stage, args=(step, config, inputs, part, teller, os.getpid()))
        child.start()
        child.join()
        reason = told.recv_bytes().decode() if told.poll() else f"exit status {child.exitcode}"
    if child.exitcode and child.exitcode < 0:
        sys.exit(f"stage {step.stage} was killed by signal {-child.exitcode} (out of memory?)")
    if child.exitcode:
        shutil.rmtree(part, ignore_errors=True)
        raise StageFailed(f"{step.stage}: {files.shortage(out.parent) if child.exitcode == files.FULL else reason}")
    shutil.rmtree(part / "partial", ignore_errors=True)
    part.rename(out)


def stage(step: Step, config: Config, inputs: Inputs, out: Path, teller: Connection, parent: int) -> None:
    """The child's whole life."""
    die_with_parent(parent)
    try:
        plugins.load("stages", step.stage).run(step, config, inputs, out)
        sys.stdout.flush()  # here, where a log that does not fit is seen
    except Exception as fault:  # the border of the job: a failed stage is data
        reason = str(fault) if isinstance(fault, UserError) else f"{type(fault).__name__}: {fault}"
        teller.send_bytes(" ".join(reason.split())[:LONGEST].encode(errors="replace"))
        with suppress(OSError):
            traceback.print_exc()
            sys.stderr.flush()
        os._exit(files.FULL if files.is_full(fault) else 1)


if __name__ == "__main__":
    schema.register()
    main(sys.argv[1])
