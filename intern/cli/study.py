"""`python -m intern KEY=VALUE …`: run a study, or continue it, and show what happens."""

from collections.abc import Iterator

from intern.cli.compose import beyond
from intern.config.gate import Scope
from intern.config.library import Library
from intern.overrides import Overrides
from intern.records import UNCOUNTED, Trial
from intern.report import export, text
from intern.report.live import Screen
from intern.study import budget, ledger
from intern.study import run as studies
from intern.study.events import Event, Noted
from intern.study.reader import Reader
from intern.text import block, say
from intern.trial import job


def run(scope: Scope, library: Library, began: float | None = None) -> int:
    """Run or continue the study of a scope and print its result; return the exit status, 2 if nothing could run.

    Args:
        scope: what a person has set.
        library: the recipes.
        began: the moment of time.monotonic from which the budget's hours are counted; None: now.
    """
    from rich.console import Console

    console = Console()
    folder = studies.folder_of(scope)
    over = (folder / ledger.FILE).exists() and Reader(folder).ledger.closed
    with Screen(console, scope.config.quiet) as screen:
        for why in library.left_out.values() if scope.config.recipe.name == "none" else ():
            screen.show(Noted(f"left out: {' '.join(why.split())}"))
        for event in events(scope, library, began):
            screen.show(event)
    if over:
        message = f"Study {folder} has ended; its test items are spent. Start another with study=NAME."
        console.print(block(message), soft_wrap=True, markup=False, highlight=False)
    study = Reader(folder)
    console.print(block(text.whole(study)), soft_wrap=True, markup=False, highlight=False)
    if failure := nothing_ran(study, scope):
        say(f"intern: {failure}", error=True)
        return 2
    return 0


def events(scope: Scope, library: Library, began: float | None = None) -> Iterator[Event]:
    """Yield what happens in a study, and once it has begun, which values of a person's leave a recipe's contract."""
    for place, event in enumerate(studies.run(scope, library, export.publish, began)):
        if place == 0:
            yield from map(Noted, beyond(scope))
        yield event


def nothing_ran(study: Reader, scope: Scope) -> str | None:
    """Say what to do if all proposals of a study were refused or failed, or the one trial of proposer=fixed; None if
    one could run."""
    proposed = [trial for trial in study.trials if trial.kind not in UNCOUNTED]
    lack = budget.left(scope.config.budget, study.history, study.ledger.spent).lack()
    if study.ledger.end and not proposed and lack:
        advice = "Give more (budget.hours=…), or score fewer items (goal.dev_items=…) in a study of another name."
        return f"No trial of study {study.folder} was run: {lack}. {advice}"
    if scope.config.proposer.name == "fixed":
        proposed = [trial for trial in proposed if given(trial, scope)][-1:]
    if not proposed or any(trial.state not in ("REJECTED", "FAIL") for trial in proposed):
        return None
    last = proposed[-1]
    log = study.place(last.number) / job.LOG
    seen = f" See {log}." if log.exists() else ""
    which = f"Trial {last.number}" if len(proposed) == 1 else f"Each of the {len(proposed)} trials"
    return (
        f"{which} of study {study.folder} was refused or failed; the last: {last.reason}.{seen} Mend what the reason "
        "names, and start another study with study=NAME."
    )


def given(trial: Trial, scope: Scope) -> bool:
    """Return whether a trial is the one that the command line describes; of a refused one the pins are not compared."""
    pins = scope.pins.get(trial.recipe or "", Overrides())
    own = trial.overrides == pins or trial.state == "REJECTED"
    return own and trial.recipe in scope.recipes and trial.seed == scope.config.seed
