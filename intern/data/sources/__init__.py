"""Sources of rows, one per file. An entry of a recipe's `data.mix` names one by its key:

    mix:
      - {goal: true, limit: 500, weight: 1}
      - {hub: allenai/sciq, columns: {question: question, answer: correct_answer}, limit: 2000, weight: 3}

A module states, for such an entry,

Settings   a dataclass with a field of the module's own name, whose value is the entry's, and what else it takes
rows       a Request → the rows, each a mapping of their own columns
OURS       whether these are in our columns already (optional)
malformed  settings → every fault that its types cannot say (optional)
called     settings → (kind, name) of each plug-in that has a hand in the rows (optional)

or, for a format of files, which a person names in goal.data_dir and a recipe, which may be a stranger's, never can,

SUFFIXES   how the names of its files end
read       a file → Records, one for each row, with its place, or with a fault
holds      a file → whether it is one of these, whatever it is called (optional)
count      a file → how many rows it has, unread (optional)
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config import typed
from intern.config.column import Unmade
from intern.config.schema import Goal, Recipe
from intern.data.columns import Columns
from intern.data.items import Row
from intern.errors import UserError

OURS = tuple(f.name for f in fields(Columns))
GENERATED = 2000  # rows drawn of a generator if the entry sets no limit


@dataclass(frozen=True)
class Request:
    """What a source is asked for."""

    settings: Any
    """The source's own settings."""
    columns: Columns
    """How foreign rows become ours, and how many are taken."""
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
        UserError: if it names none, several, or a format of files.
    """
    known = plugins.names("sources")
    legal = [name for name in known if hasattr(plugins.load("sources", name), "Settings")]
    if files := [key for key in entry if key in known and key not in legal]:
        way = "Give yours with goal.data_dir=PATH; its rows are {goal: true}"
        raise UserError(f"{files[0]}: a recipe names no file. {way}")
    named = [key for key in entry if key in legal and entry[key]]
    if len(named) != 1:
        raise UserError(f"each source is one of {', '.join(f'`{name}: …`' for name in legal)}, not {dict(entry)}")
    return named[0]


def called(entry: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield (kind, name) of each plug-in that has a hand in the rows of an entry."""
    kind, settings, columns = read(entry)
    yield "sources", kind
    yield from getattr(plugins.load("sources", kind), "called", lambda settings: ())(settings)
    if columns.verifier:
        yield "rewards", columns.verifier


def verifiers(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Yield ("rewards", name) of each verifier that a recipe's sources name: it judges their rows."""
    for name in recipe.stages:
        for entry in getattr(getattr(recipe, name), "mix", None) or []:
            if entry.get("verifier"):
                yield "rewards", str(entry["verifier"])


def rows(
    entry: Mapping[str, Any], goal: Goal, items: Path, seed: int, mirror: str | None, unmade: Callable[[str, str], None]
) -> Iterator[Row]:
    """Yield the rows of an entry of `data.mix`, in our columns.

    Args:
        unmade: is told (why, where) of each row that cannot be used; these do not count against the limit.
    """
    kind, settings, columns = read(entry)
    module = plugins.load("sources", kind)
    foreign: Iterable[Mapping[str, Any]] = module.rows(Request(settings, columns, goal, items, seed, mirror))
    taken = 0
    for number, item in enumerate(foreign, 1):
        if taken == columns.limit:
            return
        if getattr(module, "OURS", False):
            row: Row | None = dict(item)
        else:
            if number == 1:
                columns.check(str(entry[kind]), list(item))
            row = None
            try:
                row = columns.row(goal, item)
            except Unmade as error:
                unmade(str(error), f"row {number}")
        if row is not None:
            taken += 1
            yield row
