"""Sources of training rows, one per file. An entry of a recipe's `data.mix` names one by its key:

    mix:
      - {goal: true, limit: 500}
      - {hub: allenai/sciq, columns: {question: question, answer: correct_answer}, limit: 2000}

A module states

Settings   a dataclass with a field of the module's own name, whose value is the entry's, and what else it takes
rows       a Request → the rows, in our columns
malformed  settings → every fault that its types cannot say (optional)
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config import typed
from intern.config.schema import Goal
from intern.data.columns import Columns
from intern.data.items import Row
from intern.errors import UserError

OURS = tuple(f.name for f in fields(Columns))


@dataclass(frozen=True)
class Request:
    """What a source is asked for."""

    settings: Any
    """The source's own settings."""
    columns: Columns
    """How foreign rows become ours."""
    goal: Goal
    """What is to be improved."""
    items: Path
    """The folder of the goal's items."""
    seed: int
    """Seed of what is drawn."""
    mirror: str | None
    """Folder with copies of Hub data sets; None: the Hub."""


def read(entry: Mapping[str, Any]) -> tuple[str, Any, Columns]:
    """Return (source, its settings, how its columns are mapped) of an entry of `data.mix`.

    Raises:
        UserError: with every fault of the entry.
    """
    kind = kind_of(entry)
    own = {key: value for key, value in entry.items() if key not in OURS}
    settings = typed.settings("sources", kind, own)
    columns, faults = typed.build(Columns, {key: value for key, value in entry.items() if key in OURS})
    fault = columns.fault() if columns else None
    malformed: Callable[[Any], list[str]] | None = getattr(plugins.load("sources", kind), "malformed", None)
    faults = [*faults, *(malformed(settings) if malformed else []), *([fault] if fault else [])]
    if faults:
        raise UserError("; ".join(faults))
    return kind, settings, columns


def kind_of(entry: Mapping[str, Any]) -> str:
    """Return the one source that an entry names.

    Raises:
        UserError: if it names none, or several.
    """
    legal = plugins.names("sources")
    named = [key for key in entry if key in legal and entry[key]]
    if len(named) != 1:
        raise UserError(f"each source is one of {', '.join(f'`{name}: …`' for name in legal)}, not {dict(entry)}")
    return named[0]


def rows(entry: Mapping[str, Any], goal: Goal, items: Path, seed: int, mirror: str | None) -> Iterable[Row]:
    """Return the rows of an entry of `data.mix`, in our columns."""
    kind, settings, columns = read(entry)
    mapped: Iterable[Row] = plugins.load("sources", kind).rows(Request(settings, columns, goal, items, seed, mirror))
    return mapped
