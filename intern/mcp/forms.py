"""What a client says and is told, as types: the tools' schemas come from them."""

from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from intern.config import gate

Group = Literal["goal", "model", "recipe", "proposer"]
Name = Annotated[str, Field(max_length=100, description="A name that `choices` lists.")]
NewStudy = Annotated[
    str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9_.-]*$", max_length=80, description="A name for the study.")
]
StudyName = Annotated[str, Field(max_length=200, description="A study that `studies` lists.")]
Line = Annotated[str, Field(max_length=gate.LONGEST)]
Lines = Annotated[
    list[Line], Field(max_length=gate.MOST, description="recipe.KEY=VALUE, keys and values of the recipe's contract.")
]
Amount = Annotated[float, Field(gt=0, le=1e9, description="At most what this server gives; it is the default.")]
Seed = Annotated[int, Field(ge=0, le=10**9)]
Sentence = Annotated[str, Field(max_length=500, description="One sentence: why this should help.")]
Sweep = Annotated[list[Line], Field(max_length=20, description="Contract keys that Optuna fills in.")]
Share = Annotated[float, Field(gt=0, le=1, description="Share of the recipe's steps; it counts as so much of a trial.")]
Gain = Annotated[float, Field(ge=-1, le=1, description="By how much it should beat the best mean on dev so far.")]
Place = Annotated[int, Field(ge=0, le=10**6)]
Few = Annotated[int, Field(ge=1, le=20)]


@dataclass(frozen=True)
class Checked:
    """What would run."""

    command: str
    """The command that a person would type."""
    recipes: list[str]
    """The recipes that it may try."""
    changes: list[str]
    """What the overrides change."""


@dataclass(frozen=True)
class Contract:
    """A recipe and all that may be changed of it."""

    name: str
    """The recipe's name."""
    summary: str
    """What it does."""
    stages: list[str]
    """What runs, in order."""
    suits: list[str]
    """Goals, or kinds of goal, that try it by themselves."""
    contract: list[dict[str, str]]
    """Key, the recipe's own value, legal values."""


@dataclass(frozen=True)
class Status:
    """Where a study stands."""

    study: str
    """Its name."""
    state: Literal["starting", "running", "stopped", "ended", "failed"]
    """Of these, stopped: it can be continued; failed: it never began, see `printed`."""
    trials: int = 0
    """Trials in the ledger, baseline included."""
    counted: float = 0.0
    """Trials of the budget that are used."""
    hours: float = 0.0
    """Hours of the budget that are used."""
    best: str = ""
    """The best trial so far by paired comparison on dev."""
    ended: str = ""
    """Why it has ended."""
    waiting: list[str] = field(default_factory=list)
    """Proposals in its inbox."""
    taken: dict[str, int] = field(default_factory=dict)
    """Proposal → the trial that came of it, REJECTED ones too."""
    printed: list[str] = field(default_factory=list)
    """The last lines that it printed, if it does not run."""


@dataclass(frozen=True)
class Laid:
    """A proposal that waits in a study's inbox."""

    proposal: str
    """Its name; `status` says which trial comes of it."""
    waiting: int
    """How many wait, this one included."""
    running: bool
    """Whether the study runs; if not, it takes the proposal when it is continued."""
