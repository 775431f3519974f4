"""A data set of the Hugging Face Hub, pinned by revision, or its copy in `compute.mirror`. No remote code can run.

    data: {mix: [{hub: allenai/sciq, columns: {question: question, answer: correct_answer}, limit: 2000}]}
"""

from collections.abc import Iterable
from dataclasses import dataclass

from intern.data import hub_sets
from intern.data.items import Row
from intern.data.sources import Request
from intern.errors import UserError


@dataclass
class Settings:
    """Fields of an entry."""

    hub: str
    """Repository, owner/name."""
    name: str | None = None
    """Configuration of the data set."""
    split: str = "train"
    """Its split."""
    revision: str | None = None
    """Its commit."""


def malformed(settings: Settings) -> list[str]:
    """Return what is wrong with the repository's name."""
    fault = hub_sets.fault(settings.hub)
    return [fault] if fault else []


def rows(request: Request) -> Iterable[Row]:
    """Return the data set's rows in our columns.

    Raises:
        UserError: if the goal denies the data set, or it lacks a column.
    """
    wanted: Settings = request.settings
    goal, columns = request.goal, request.columns
    if wanted.hub.casefold() in map(str.casefold, goal.deny):  # the Hub does not tell cases apart
        raise UserError(f"{wanted.hub} is denied as training data for goal {goal.name}.")
    dataset = hub_sets.load(wanted.hub, wanted.name, wanted.split, wanted.revision, request.mirror)
    columns.check(wanted.hub, dataset.column_names)
    if columns.limit and columns.limit < len(dataset):
        dataset = dataset.shuffle(seed=request.seed).select(range(columns.limit))
    mapped = (columns.row(goal, item) for item in dataset)
    return [row for row in mapped if row]
