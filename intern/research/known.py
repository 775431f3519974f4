"""What is known for a goal without a network: the last pass of research on this machine, else what is bundled."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from intern import files, records
from intern.config.schema import Goal
from intern.errors import UserError
from intern.research import bundled
from intern.research.evidence import Evidence

if TYPE_CHECKING:  # what asks the network is not loaded by a study that only reads
    from intern.research.gather import Survey


def place(goal: Goal) -> Path:
    """Return the file of the last pass for a goal."""
    return files.cache() / "research" / "surveys" / f"{goal.name}.json"


def keep(goal: Goal, survey: "Survey") -> None:
    """Keep what a pass has brought; a disk that is full costs the next study its evidence, and no more."""
    path = place(goal)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        files.write_whole(path, records.dump(survey))


def evidence(goal: Goal) -> tuple[Evidence, ...]:
    """Return what papers suggest for a goal."""
    if not place(goal).exists():
        return bundled.evidence(goal)
    from intern.research.gather import Survey

    try:
        return records.read(Survey, place(goal)).evidence
    except (OSError, UserError, ValidationError):  # of another version, or damaged
        return bundled.evidence(goal)
