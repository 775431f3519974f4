"""A data set of the Hugging Face Hub, pinned by revision, or its copy in `compute.mirror`. No remote code can run.

    data: {mix: [{hub: allenai/sciq, columns: {question: question, answer: correct_answer}, limit: 2000}]}

A revision that is not named is the newest commit when a study begins, and is written into its recipes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from intern.data import hub_sets
from intern.data.decontamination import deny
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
    stream: bool | None = None
    """Fetch only what `limit` takes; None: if there is a limit, and the set is known to be large."""


def malformed(settings: Settings) -> list[str]:
    """Return what is wrong with the repository's name."""
    fault = hub_sets.fault(settings.hub)
    return [fault] if fault else []


def rows(request: Request) -> Iterator[dict[str, Any]]:
    """Yield the data set's rows, drawn at random if there is a limit.

    Raises:
        UserError: if the goal denies the data set, it lacks a column, or it cannot be read.
    """
    wanted: Settings = request.settings
    goal, limit = request.goal, request.columns.limit
    if fault := deny.fault(goal, wanted.hub, wanted.split):
        raise UserError(fault)
    stream = wanted.stream if limit or wanted.stream else False
    dataset = hub_sets.load(wanted.hub, wanted.name, wanted.split, wanted.revision, request.mirror, stream)
    if dataset.column_names:  # of a stream they may be unknown
        request.columns.check(wanted.hub, dataset.column_names)
    if not hasattr(dataset, "__len__"):
        dataset = dataset.shuffle(seed=request.seed, buffer_size=hub_sets.BUFFER) if limit else dataset
    elif limit and limit < len(dataset):
        dataset = dataset.shuffle(seed=request.seed).select(range(limit))
    with hub_sets.told(wanted.hub, wanted.split):  # a stream is fetched now
        yield from dataset
