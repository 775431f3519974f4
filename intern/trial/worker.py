"""The worker: runs one trial folder to its end. It holds no state of its own and may be killed at any moment.

Every stage runs in a fresh child forked from this process, which has imported the heavy libraries but used none of
them. A stage whose files do not fit on the disk fails its trial; a worker that cannot write its own exits with
files.FULL.

    python -m intern.trial.worker outputs/mixed-tiny/trials/003
"""

import gc
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from intern import diagnosis, files, records
from intern.config.schema import Config
from intern.config.stages import Stage, stage
from intern.errors import UserError
from intern.records import Diagnosis, Score, StageRun
from intern.stages import COST, CUT, Task
from intern.trial import job as jobs
from intern.trial import lifetime
from intern.trial.child import StageFailed
from intern.trial.job import Input, Job, Result, Step, part_folder, stage_folder
from intern.trial.key import key
from intern.trial.produce import produce
from intern.trial.store import Store, open_store

LIKE = 0.02  # of the items, or one, may be judged otherwise when a checkpoint is scored again: other hardware rounds
QUIET = {
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_VERBOSITY": "error",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",  # or two threads spin: GRPO took 240 s beside other work, 29 s alone
    "GOMP_SPINCOUNT": "0",
}
GROUND = ("torch", "scipy.special", "datasets", "transformers.models.qwen3.modeling_qwen3")


class Superseded(Exception):
    """The trial was submitted again; this worker's attempt no longer counts."""


def preloads(names: Iterable[str]) -> list[str]:
    """Return the heavy modules that some stages need: they are imported once, and every stage's child has them."""
    described = [stage(name) for name in dict.fromkeys(names)]
    heavy = [one for one in described if one.preloads or one.makes != "rows"]
    named = dict.fromkeys(module for one in heavy for module in one.preloads)
    return [*GROUND, *named, "intern.stages._trainer"] if heavy else []


def load(names: Iterable[str]) -> None:
    """Import what some stages need; without the garbage collector, which would take a quarter of that time."""
    gc.disable()
    for module in preloads(names):
        import_module(module)
    gc.freeze()  # nothing of it is garbage: no collection looks at it again, nor copies its pages in a forked child
    gc.enable()


def prepare(threads: int | None) -> None:
    """Set what the heavy libraries read from the environment as they are imported."""
    os.environ.update(QUIET)
    own = os.environ.get("OMP_NUM_THREADS") or len(os.sched_getaffinity(0))
    os.environ["OMP_NUM_THREADS"] = str(threads or own)


def main(folder: str, coordinator: int | None = None, environment: Mapping[str, str] | None = None) -> None:
    """Run as a worker process, with a session and a log of its own.

    Args:
        folder: the trial's folder.
        coordinator: a process with which it dies, and with its own parent; None: it outlives both.
        environment: variables that differ from those of a warm server, which may be older than they are.
    """
    parent = os.getppid()
    os.environ.update(environment or {})
    if os.getsid(0) != os.getpid():
        os.setsid()
    if coordinator is not None:
        lifetime.die_with_parent(parent)
        lifetime.die_with(coordinator)
    place = Path(folder)
    try:
        with (place / jobs.LOG).open("a") as log:
            os.dup2(log.fileno(), sys.stdout.fileno())
            os.dup2(log.fileno(), sys.stderr.fileno())
        job = jobs.read(place)
        prepare(job.threads)
        load(step.stage for step in job.steps)  # already there if forked from the warm server
        with files.locked(place / "lock"):
            run(place)
    except Superseded:
        return
    except Exception as fault:
        if files.is_out_of_memory(fault):
            os._exit(files.KILLED)
        if not files.is_full(fault):
            raise
        os._exit(files.FULL)  # at once: what the log's buffer holds does not fit either


def run(folder: Path) -> None:
    """Run the trial's stages in order, reusing what exists; result.json is there when it has ended."""
    if (folder / jobs.RESULT).exists():
        return
    worker = Worker(folder)
    begun = time.monotonic()
    done: list[StageRun] = []
    state, reason = "COMPLETE", None
    try:
        for ran in worker.outputs():
            done.append(ran)
            if worker.diagnosis:
                state = "PRUNED"
                break
    except (StageFailed, UserError) as failure:
        state, reason = "FAIL", str(failure)
    seconds = round(time.monotonic() - begun, 2)
    reason = reason or worker.cut
    result = Result(state, tuple(worker.scores), worker.diagnosis, reason, tuple(done), seconds, worker.dollars)
    worker.check_attempt()
    files.write_whole(folder / jobs.RESULT, records.dump(result))


class Worker:
    """One attempt at a trial."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.job: Job = jobs.read(folder)
        self.config: Config = jobs.read_config(folder)
        self.store: Store = open_store(self.job.store)
        self.scores: list[Score] = []
        self.diagnosis: Diagnosis | None = None
        self.cut: str | None = None
        self.dollars = 0.0
        self.until = time.monotonic() + 60 * self.job.minutes - self.job.reserve
        self.note("start", attempt=self.job.attempt, pid=os.getpid(), versions=jobs.versions())

    def outputs(self) -> Iterator[StageRun]:
        """Yield one record per stage as it ends: what ran, where its output lies, and how long it took."""
        model, model_hash = self.local(self.job.model), self.job.model.hash
        base, items = self.local(self.job.base), Path(self.local(self.job.items))
        rows, rows_hash = None, ""
        for place, step in enumerate(self.job.steps):
            described = stage(step.stage)
            if described.trains and self.cut and time.monotonic() >= self.until:
                continue  # what is left of the time is for the score
            settings = self.settings(step, described)
            name = key(described, settings, self.config, self.job, model_hash, rows_hash)
            out = f"{step.stage}-{name}"
            part = part_folder(self.folder, out)
            left = None if self.job.dollars is None else max(self.job.dollars - self.dollars, 0.0)
            task = Task(
                step.name, settings, self.config, model, base, rows, items, self.job.seed, part, self.until, left
            )
            ran = self.one(place, step, described, task, out)
            yield ran
            name = jobs.hash_of(step.stage, ran.out)
            if described.makes == "rows":
                rows, rows_hash = self.store.get(ran.out) / "rows.jsonl", name
            elif described.makes in ("model", "export"):
                model, model_hash = str(self.store.get(ran.out)), name

    def one(self, place: int, step: Step, described: Stage, task: Task, out: str) -> StageRun:
        """Run one stage, or take its output from the store."""
        begun, parts = time.monotonic(), 1
        with self.store.making(out):
            reused = self.whole(out)
            self.note("stage", place=place, title=step.title, name=step.name, stage=step.stage, out=out, reused=reused)
            if not reused:
                parts = self.produce(described, task)
                self.check_attempt()
                out = self.named(out, task)
                self.store.put(out, task.out)
        self.keep(described, out, stage_folder(self.folder, place, step.name))
        if described.trains and self.config.diagnose and not self.diagnosis and not self.job.expected:
            self.note_symptom(place, step.name)
        seconds = round(time.monotonic() - begun, 2)
        self.note("done", place=place, seconds=seconds)
        split, shots = step.settings.get("split", ""), step.settings.get("shots", 0)
        return StageRun(step.name, step.stage, out, reused, seconds, split, shots, parts)

    def whole(self, out: str) -> bool:
        """Return whether an output is there undamaged; a damaged one is removed, to be made again."""
        if not self.store.has(out):
            return False
        if fault := self.store.damage(out):
            print(f"{out} in the store is damaged ({fault}), and is made again")
            self.note("damaged", out=out, text=fault)
            self.store.remove(out)
        return not fault

    def named(self, out: str, task: Task) -> str:
        """Return the name of a stage's output: what was cut for want of time is not what its key stands for."""
        if not (task.out / CUT).exists():
            return out
        cut = json.loads((task.out / CUT).read_text(encoding="utf-8"))
        self.cut = cut.get("why") or f"the time was up: {task.name} was cut at step {cut['step']} of {cut['steps']}"
        return f"{out}-cut{cut['step']}"

    def settings(self, step: Step, described: Stage) -> Any:
        """Return a stage's settings: its section of the recipe, shortened, or what the step itself says."""
        if step.name not in self.config.recipe.kinds:
            return described.settings(**step.settings)
        own = getattr(self.config.recipe, step.name)
        cheap = described.trains and self.job.fidelity < 1.0
        return described.shortened(own, self.job.fidelity) if cheap else own

    def local(self, entry: Input) -> str:
        """Return where an input is for this worker: a folder, or a repository that the libraries fetch."""
        if entry.kind == "hub":
            return entry.address
        if not self.store.has(entry.address):
            raise StageFailed(f"the store {self.job.store} has no {entry.address}")
        if fault := self.store.damage(entry.address):
            raise StageFailed(f"{entry.address} in the store {self.job.store} is damaged ({fault})")
        return str(self.store.get(entry.address))

    def keep(self, described: Stage, out: str, folder: Path) -> None:
        """Give the trial's folder what a report needs of a stage's output, and read what the result says of it."""
        source = self.store.get(out)
        folder.mkdir(exist_ok=True)
        for name in described.keeps:
            if (source / name).exists():
                files.link(source / name, folder / name)
        if (source / "diagnosis.json").exists():
            self.diagnosis = records.read(Diagnosis, source / "diagnosis.json")
        if described.makes == "score":
            scored = records.read(tuple[Score, ...], source / "scores.json")
            if faults := [text for text in map(self.unlike, scored) if text]:
                raise StageFailed("; ".join(faults))
            self.scores += [score for score in scored if not self.alike(score)]

    def alike(self, score: Score) -> list[Score]:
        """Return the scores that this one repeats: a confirmation has those of its winner to meet."""
        return [e for e in self.job.expected if (e.task, e.split, e.shots) == (score.task, score.split, score.shots)]

    def unlike(self, score: Score) -> str | None:
        """Say that a score is not what it has to be, if the job says what: test is then left alone."""
        same = self.alike(score)
        if all(abs(e.value - score.value) * score.n <= max(1.0, LIKE * score.n) for e in same):
            return None
        return (
            f"the export scores {score.value:.4f} on {score.task} ({score.split}), and the trial's checkpoint scored "
            f"{same[0].value:.4f}: it is another model, or the machine does not compute alike; test was not touched"
        )

    def note_symptom(self, place: int, name: str) -> None:
        """Note what a rule saw at a stage's last step. It stops nothing: the checkpoint is there, and is scored."""
        logged = files.rows(stage_folder(self.folder, place, name) / "metrics.jsonl")
        if seen := diagnosis.noted(name, logged, self.config):
            told = records.dump(seen)
            more = {key: told[key] for key in ("rule", "step", "remedies", "closed")}
            self.note("symptom", place=place, text=seen.symptom, **more)

    def produce(self, described: Stage, task: Task) -> int:
        """Make one stage's output; return into how many passes those of its settings were split for want of memory."""
        if (torch := sys.modules.get("torch")) and torch.cuda.is_initialized():
            raise StageFailed("CUDA was touched before the fork: a stage's child could not use it")
        return produce(described, task, self.job.threads, (self.folder / jobs.LOG, task.out), self.note, self.pay)

    def pay(self, task: Task) -> None:
        """Count the dollars that a stage says it has paid."""
        if (task.out / COST).exists():
            self.dollars += json.loads((task.out / COST).read_text(encoding="utf-8"))["dollars"]

    def check_attempt(self) -> None:
        """Raise Superseded if the trial was submitted again meanwhile: two workers must not write one result."""
        if jobs.read(self.folder).attempt != self.job.attempt:
            raise Superseded

    def note(self, event: str, **values: Any) -> None:
        """Append an event for whoever watches the folder."""
        files.append(self.folder / jobs.EVENTS, {"event": event, "time": round(time.time(), 3), **values})


if __name__ == "__main__":
    main(sys.argv[1])
