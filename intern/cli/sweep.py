"""What a multirun ends with: a table with a row for each study.

    python -m intern -m goal=arithmetic seed=0,1
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from intern.cli import table
from intern.cli.words import shown
from intern.report import fmt
from intern.study import ledger
from intern.study.reader import Reader
from intern.text import say

COLUMNS = ("study", "best trial", "base on dev", "best on dev", "best against base", "best on test", "exit")


@dataclass
class Job:
    """One job of a multirun."""

    words: list[str]
    """Its words."""
    folder: Path | None = None
    """Its study's folder, if its words make one."""
    status: int = 2
    """Its exit status."""


def show(jobs: Sequence[Job]) -> None:
    """Print the table, if a study was begun; the jobs of one study, trials of proposer=fixed, share a row."""
    if not any(begun(job.folder) for job in jobs):  # each has said why
        return
    common = set.intersection(*(set(job.words) for job in jobs))
    by_study: dict[str, list[Job]] = {}
    for job in jobs:
        own = [word.lstrip("+") for word in job.words if word not in common]
        by_study.setdefault(str(job.folder or shown(" ".join(own))), []).append(job)
    say()
    table.show(COLUMNS, [(name, *row(group)) for name, group in by_study.items()])


def row(jobs: Sequence[Job]) -> tuple[str, ...]:
    """Return the cells of one study beside its name: what it found, and its worst exit status."""
    status = str(max(job.status for job in jobs))
    folder = jobs[0].folder
    nothing = (*["-"] * (len(COLUMNS) - 2), status)
    if folder is None or not begun(folder):
        return nothing
    study = Reader(folder)
    base, best = study.baseline, study.best
    if base is None or base.mean("dev") is None or best is None:
        return nothing
    verdict = None if best is base else study.compared(best, base)
    final = study.final
    return (
        f"{best.number} {fmt.what(best)}",
        fmt.rate(base),
        fmt.rate(best),
        f"{verdict.call}: +{verdict.wins} -{verdict.losses}, p = {verdict.p:.2g}" if verdict else "none is better",
        fmt.rate(final, "test") if final else "not confirmed",
        status,
    )


def begun(folder: Path | None) -> bool:
    """Return whether there is a study in a folder."""
    return folder is not None and (folder / ledger.FILE).exists()
