"""The trial folder as a job: all that a worker needs to run it anywhere, and all that comes back.

In: `job.json` and `config.yaml`. Out: `events.jsonl` with a heartbeat, `log.txt`, a folder for each stage with what a
report needs of it, and `result.json`, last. The stages' outputs go to a store.
"""

from dataclasses import dataclass, field, replace
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from intern import damage, files, records
from intern.config import strict_yaml, typed
from intern.config.schema import Config, Recipe
from intern.errors import UserError
from intern.records import Diagnosis, Score, StageRun

FORMAT = 1
JOB, CONFIG, EVENTS, RESULT, LOG = "job.json", "config.yaml", "events.jsonl", "result.json", "log.txt"
DUMPER: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)  # libyaml's takes a tenth of the time
LIBRARIES = ("torch", "transformers", "trl", "peft", "datasets", "lm_eval")


@dataclass(frozen=True)
class Step:
    """One stage of a job."""

    name: str
    """Its name in the recipe, or "score", or "export"."""
    stage: str
    """File name under intern/stages."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Its settings, if they are not a section of the recipe."""

    @property
    def title(self) -> str:
        """Its name, with the split and the shots that it scores."""
        shots = self.settings.get("shots")
        words = (self.name, self.settings.get("split"), f"{shots}-shot" if shots else None)
        return " ".join(word for word in words if word)


@dataclass(frozen=True)
class Input:
    """Something that a job starts from, by content."""

    hash: str
    """Hash of its content."""
    kind: str
    """"store": an entry of the job's store; "hub": a repository."""
    address: str
    """The entry's name, or the repository."""


@dataclass(frozen=True)
class Job:
    """What a coordinator asks of a worker, beside config.yaml."""

    number: int
    """The trial's number."""
    seed: int
    """Seed of every stage."""
    steps: tuple[Step, ...]
    """The stages, in order; none: those of the config's recipe, and the score on dev."""
    model: Input
    """The checkpoint that the first stage starts from."""
    base: Input
    """The untouched base model."""
    items: Input
    """The goal's items."""
    store: str
    """Address of the store of outputs."""
    fidelity: float = 1.0
    """Share of their length that training stages run."""
    expected: tuple[Score, ...] = ()
    """Scores on dev that the job has to meet again before it goes on to test."""
    attempt: int = 1
    """Raised each time that the trial is submitted: a worker of an earlier attempt ends without a result."""
    threads: int | None = None
    """Threads that the worker is meant to use; None: all cores."""
    minutes: float = 600.0
    """Wall time that it is meant to take at most."""
    reserve: float = 0.0
    """Seconds of these that no training may use: they are for the score."""
    dollars: float | None = None
    """Dollars that it may cost at most; None: as many as its stages' own limits."""
    secrets: tuple[str, ...] = ("HF_TOKEN", "ANTHROPIC_API_KEY")
    """Names of environment variables that it may need; never their values."""
    versions: dict[str, str] = field(default_factory=dict)
    """Versions of the libraries where the job was written."""
    format: int = FORMAT
    """Version of this file's form."""


@dataclass(frozen=True)
class Result:
    """How a trial ended."""

    state: str
    """COMPLETE, PRUNED or FAIL."""
    scores: tuple[Score, ...] = ()
    """Scores of its score stages."""
    diagnosis: Diagnosis | None = None
    """The rule that stopped it, if one did."""
    reason: str | None = None
    """Why it failed, or what was cut for want of time."""
    stages: tuple[StageRun, ...] = ()
    """The stages that ended."""
    seconds: float = 0.0
    """Wall time of the attempt that reached the end."""
    dollars: float = 0.0
    """What its stages have paid, in all attempts."""


def write(folder: Path, job: Job, config: Config) -> None:
    """Lay out a trial's folder; job.json last and whole, so that a folder with one can be run."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).unlink(missing_ok=True)
    job = replace(job, steps=job.steps or recipe_steps(config.recipe))
    text: str = yaml.dump(portable(config).tree(), Dumper=DUMPER, sort_keys=False, allow_unicode=True)
    files.write_text(folder / CONFIG, text)
    files.write_whole(folder / JOB, records.dump(job))
    files.sync(folder.parent)


def recipe_steps(recipe: Recipe) -> tuple[Step, ...]:
    """Return the stages of a recipe and the score on dev."""
    return (*training(recipe), score("dev"))


def training(recipe: Recipe) -> tuple[Step, ...]:
    """Return the stages of a recipe."""
    return tuple(Step(name, recipe.kinds[name]) for name in recipe.stages)


def score(split: str, shots: int = 0) -> Step:
    """Return the stage that scores a split."""
    return Step("score", "score", {"split": split, "shots": shots})


def rewrite(folder: Path, **changes: Any) -> None:
    """Change some fields of a folder's job before it is submitted."""
    files.write_whole(folder / JOB, records.dump(replace(read(folder), **changes)))


def portable(config: Config) -> Config:
    """Return a trial's config without the places of this machine that the job names by content."""
    model = config.model
    local = Path(model.path).is_dir()
    model = replace(model, path=Path(model.path).resolve().name if local else model.path)
    return replace(config, model=model, goal=replace(config.goal, data_dir=None))


def read(folder: Path) -> Job:
    """Return a folder's job.

    Raises:
        UserError: if it is damaged, or was written by another version of this program.
    """
    value = damage.tree(folder / JOB)
    if value.get("format") != FORMAT:
        raise UserError(
            f"{folder / JOB} has format {value.get('format')}, and this version of intern reads {FORMAT}. "
            "Use the version that wrote it, or start another study with study=NAME."
        )
    with damage.noticed(folder / JOB):
        return records.load(Job, value)


def read_config(folder: Path) -> Config:
    """Return a trial's config."""
    path = folder / CONFIG
    try:
        with damage.noticed(path):
            return typed.config(damage.mapping(strict_yaml.read(path, own=True)))
    except UserError as error:
        if str(error).startswith(f"{path} is damaged"):
            raise
        raise damage.damaged(path, "; ".join(" ".join(line.split()) for line in str(error).splitlines())) from None


def read_result(folder: Path) -> Result | None:
    """Return how a trial ended, or None if it has not."""
    path = folder / RESULT
    return records.read(Result, path) if path.exists() else None


def stage_folder(folder: Path, place: int, name: str) -> Path:
    """Return the folder, inside its trial's, with what a report needs of a stage that has ended."""
    return folder / f"{place}-{name}"


def part_folder(folder: Path, out: str) -> Path:
    """Return the folder, inside its trial's, that a stage writes into until it has ended."""
    return folder / f"{out}.part"


def hash_of(stage: str, out: str) -> str:
    """Return the hash in the name of a stage's output, with the step at which it was cut, if it was."""
    return out.removeprefix(f"{stage}-")


@cache
def versions() -> dict[str, str]:
    """Return the installed versions of the libraries that decide a result."""
    return {name: metadata.version(name) for name in LIBRARIES}
