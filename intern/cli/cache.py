"""`python -m intern cache`: what the outputs of stages take on the disk, and how those go that nothing needs."""

import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from intern.cli import outputs
from intern.cli.words import shown
from intern.config.schema import Config
from intern.errors import UserError, unknown
from intern.text import say

if TYPE_CHECKING:
    from intern.study.cache import Shelf

CLEAR = "clear [STUDY ...] --older AGE --cap SIZE"
USAGE = f"[{CLEAR}] [outputs=DIR]"
COLUMNS = ("study", "outputs", "needed", "may go", "last used")
AGES = {"m": 60.0, "h": 3600.0, "d": 86400.0, "w": 7 * 86400.0}
SIZES = {"MB": 1e6, "GB": 1e9, "TB": 1e12}
Words = Annotated[list[str] | None, typer.Argument(metavar="WORD", hidden=True)]
Older = Annotated[str | None, typer.Option("--older", metavar="AGE", help="Not used for so long: 12h, 7d, 4w.")]
Cap = Annotated[str | None, typer.Option("--cap", metavar="SIZE", help="Until all take less: 500MB, 10GB, 1TB.")]


def cache(context: typer.Context, words: Words = None, older: Older = None, cap: Cap = None) -> int:
    """Print what the outputs of stages take, study by study, or clear those that nothing needs.

    Never what a winner, an incumbent or a report needs, never of a study that runs. What has gone is made again if it
    is asked for. While a study runs, weights of losing trials go by themselves above compute.keep_gb (20 GB), those
    used longest ago first, if its store is its own.

    \b
    python -m intern cache
    python -m intern cache clear --older 7d --cap 10GB
    """
    from intern.cli import table
    from intern.study import cache as kept

    action, *names = words or [""]
    if action not in ("", "clear"):
        raise UserError(unknown("action of cache", shown(action), ["clear"]))
    if not action and (older or cap):
        raise UserError(f"--older and --cap say what may be cleared: cache {CLEAR}.")
    place = context.obj or Path(Config().outputs)
    folders = {outputs.folder_of(name, context.obj).resolve() for name in names}
    found = kept.shelves(place)
    chosen = [s for s in found if not folders or folders & {study.folder.resolve() for study in s.studies}]
    if not action:
        table.show(COLUMNS, [*map(row, chosen), total(chosen)])
        return 0
    if older is None and cap is None:
        raise UserError("Say what may go: --older AGE (7d), --cap SIZE (10GB), or both.")
    age, most = measure(older, "--older", AGES), measure(cap, "--cap", SIZES)
    gone = [entry for _, entry in kept.clear(chosen, age, most)]
    left = sum(entry.size for s in chosen for entry in s.entries) - sum(entry.size for entry in gone)
    say(f"{len(gone)} outputs have gone, {size(sum(entry.frees for entry in gone))} are free; {size(left)} are left.")
    for one in chosen:
        if one.running:
            say(f"{label(one)} runs: nothing of it was touched.")
    if most is not None and left > most:
        say(f"The rest is needed, or of a study that runs: --cap {shown(cap or '')} cannot be met.")
    return 0


def measure(text: str | None, option: str, units: dict[str, float]) -> float | None:
    """Return what a number with a unit stands for; None for None.

    Raises:
        UserError: if it is none.
    """
    if text is None:
        return None
    if read := re.fullmatch(r"(\d+(?:\.\d+)?) ?([A-Za-z]+)", text, re.ASCII):
        by_name = {unit.lower(): value for unit, value in units.items()}
        if unit := by_name.get(read[2].lower()):
            return float(read[1]) * unit
    legal = ", ".join(f"7{unit}" for unit in units)
    raise UserError(f'{option}: "{shown(text)}" is not a number with a unit. Give one of the form {legal}.')


def label(one: "Shelf") -> str:
    """Return a store's study; of a shared one its folder and all of them."""
    names = ", ".join(study.folder.resolve().name for study in one.studies)
    return names if len(one.studies) == 1 else f"{one.root} ({names})"


def row(one: "Shelf") -> tuple[str, ...]:
    """Return the row of one store."""
    whole, idle = sum(entry.size for entry in one.entries), sum(entry.size for entry in one.idle)
    last = max((entry.used for entry in one.entries), default=None)
    moment = f"{datetime.fromtimestamp(last):%Y-%m-%d %H:%M}" if last else ""
    return label(one), size(whole), size(whole - idle), "it runs" if one.running else size(idle), moment


def total(chosen: "list[Shelf]") -> tuple[str, ...]:
    """Return the row of all stores."""
    whole = sum(entry.size for one in chosen for entry in one.entries)
    idle = sum(entry.size for one in chosen for entry in one.idle)
    return "in all", size(whole), size(whole - idle), size(idle), ""


def size(count: float) -> str:
    """Return bytes as a person reads them."""
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.1f} MB"
