"""What a running study tells whoever listens: the terminal, a page, a test."""

from collections.abc import Sequence
from dataclasses import dataclass

from intern.config.schema import Budget
from intern.records import Left, Trial
from intern.trial.reader import Progress


@dataclass(frozen=True)
class Overview:
    """Where the study stands while a trial runs."""

    name: str
    """The study's name."""
    trials: Sequence[Trial]
    """The ledger, with the trials under way."""
    incumbent: Trial
    """The best trial so far by paired comparison; the baseline at first."""
    budget: Budget
    """What the study may spend."""
    left: Left
    """What remains of it for the search, trials under way counted."""
    spent: float
    """Seconds that the study has taken."""


@dataclass(frozen=True)
class Started:
    """A trial was given a worker."""

    trial: Trial


@dataclass(frozen=True)
class Watched:
    """A running trial was looked at."""

    trial: Trial
    progress: Progress
    overview: Overview


@dataclass(frozen=True)
class Ended:
    """A trial's worker has ended; its result is in the ledger."""

    trial: Trial


@dataclass(frozen=True)
class Settled:
    """All is known of a trial: it failed, was refused or stopped, or was scored and judged."""

    trial: Trial


@dataclass(frozen=True)
class Noted:
    """Something about the goal's items that a person should know before anything is run on them."""

    text: str


Event = Noted | Started | Watched | Ended | Settled
