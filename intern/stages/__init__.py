"""Stages, one per file; `intern.config.stages` says what a module states. Here is what its `run` is given."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern.config.schema import Config

PARTIAL = "partial"  # in the output of a training under way: the trainer's own checkpoints, and a file of its last step
COST = "cost.json"  # in the output of a stage that pays for something: {"dollars"}
CUT = "cut.json"  # in the output of a training that was ended for want of time: {"step", "steps"}


@dataclass(frozen=True)
class Task:
    """One stage of one trial, ready to run."""

    name: str
    """Its name in the recipe, which its logged metrics carry."""
    settings: Any
    """Its own `Settings`, shortened if the trial is a cheap one."""
    config: Config
    """The trial's config; its `recipe` is the whole recipe."""
    model: str
    """Folder of the checkpoint that it starts from, or a Hub repository for an untouched base."""
    base: str
    """Folder or repository of the untouched base."""
    rows: Path | None
    """Training rows so far."""
    items: Path
    """Folder with the goal's dev.jsonl, test.jsonl and few_shot.jsonl."""
    seed: int
    """The trial's seed."""
    out: Path
    """Folder that it writes into; a killed stage finds there what it has left."""
    until: float | None = None
    """When a training is to end with what it has, on the clock of time.monotonic; None: never."""
    dollars: float | None = None
    """What it may cost at most, beside its own limit; None: as much as that."""

    @property
    def revision(self) -> str | None:
        """The pinned revision, if the model still comes from the Hub."""
        return None if Path(self.model).is_dir() else self.config.model.revision
