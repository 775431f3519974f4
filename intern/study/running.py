"""A trial that has a worker, as the coordinator that watches it sees it."""

from collections import Counter
from dataclasses import dataclass, field

from intern.records import Trial
from intern.trial.reader import Follower


@dataclass
class Running:
    """A trial that has a worker."""

    trial: Trial
    """As it was when it was submitted."""
    handle: str
    """The launcher's handle."""
    follower: Follower
    """Reads its folder."""
    limit: float
    """Seconds that this attempt may take."""
    began: float
    """When the first attempt of this coordinator was submitted."""
    deaths: Counter[int] = field(default_factory=Counter)
    """Stages reached → workers that died there: progress earns another attempt."""
