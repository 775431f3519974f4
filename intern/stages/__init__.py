"""Stages, one per file. Each module states

VERSION   raised when its output for the same inputs changes: outputs of older versions are not reused
READS     the parts of the config that its output depends on, as dotted paths
USES      its inputs: any of "model", "rows", "seed" (a trial's items are always an input)
MAKES     "rows" (rows.jsonl), "model" (a checkpoint) or None
run       (step, config, inputs, out) writes its output into the folder `out`, and nothing elsewhere"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One stage of a trial, with what the trial asks of it beyond the config."""

    stage: str
    """File name under intern/stages."""
    split: str = ""
    """For score: "dev" or "test"."""
    shots: int = 0
    """For score: worked examples in the prompt."""
    fidelity: float = 1.0
    """For sft and grpo: share of the recipe's training steps."""


@dataclass(frozen=True)
class Inputs:
    """What enters a stage."""

    model: Path
    """Checkpoint folder, or a Hub name for an untouched base."""
    rows: Path | None
    """Training rows so far."""
    items: Path
    """Folder with the goal's dev.jsonl, test.jsonl and few_shot.jsonl."""
    seed: int
    """The trial's seed."""
