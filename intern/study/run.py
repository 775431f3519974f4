"""The study: baseline, then proposals through the gate until target, budget or contract end it, then the winner is
exported and scored on test, once. All of its state is in its folder; this process may die at any moment.

    python -m intern goal=mixed model=tiny
"""

import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from intern import checkpoints
from intern.config import fit
from intern.config.gate import Scope
from intern.config.library import Library
from intern.data import local
from intern.launchers import open_launcher
from intern.study import cache, evidence, hub, identity, ledger, pretrained, published
from intern.study.events import Event, Noted
from intern.study.ledger import Ledger
from intern.study.reader import STORE, Reader
from intern.study.scheduler import Publish, Scheduler
from intern.trial import job
from intern.trial.store import LocalStore


def folder_of(scope: Scope) -> Path:
    """Return the study's folder."""
    return Path(scope.config.outputs) / scope.config.study


def run(scope: Scope, library: Library, publish: Publish, began: float | None = None) -> Iterator[Event]:
    """Run or continue the study of a scope, and yield what happens; nothing if it has a tested winner.

    Args:
        scope: what a person has set.
        library: the recipes.
        publish: (reader, winner) → puts the confirmed export, with its card, into the study's folder.
        began: the moment of time.monotonic from which the budget's hours are counted; None: now.

    Raises:
        UserError: if a person has to mend something first.
    """
    began = time.monotonic() if began is None else began
    folder = folder_of(scope)
    config = replace(scope.config, model=pretrained.resolved(scope.config.model))
    scope = replace(scope, config=config)
    checkpoints.check(config.model.path, config.model.eos_token)
    hub.check(scope)
    scope, commits = hub.pinned(scope, identity.commits(folder))
    goal = published.resolved(config.goal, config.compute.mirror, identity.begun(folder).get("hub_revision"))
    if goal != config.goal:
        scope = fitted(replace(scope, config=replace(scope.config, goal=goal)))
    config = scope.config
    new = [place for place in (folder, *folder.parents) if not place.exists()]
    with ledger.locked(folder) as events, dropped_unless_begun(events, new):
        events.begin(began)
        store = LocalStore(Path(config.compute.store).expanduser() if config.compute.store else folder / STORE)
        if config.compute.store:
            cache.register(store.root, folder)
        inputs = identity.identify(folder, scope, store, commits)
        for note in inputs.notes:
            yield Noted(note)
        if events.closed:
            return
        for name in scope.recipes:
            identity.freeze(folder, library, name)
        evidence.freeze(folder, config.goal)
        events.start(scope.command, job.versions())
        launcher = open_launcher(config.compute)
        try:
            yield from Scheduler(scope, Reader(folder, events), inputs, store.root, launcher, publish).run()
        finally:
            launcher.close()


def fitted(scope: Scope) -> Scope:
    """Return the scope with its recipes fitted to rows that were not here when its words were read."""
    rows = local.count(scope.config.goal)
    recipes = {name: fit.recipe(recipe, scope.config, rows) for name, recipe in scope.recipes.items()}
    own = recipes.get(scope.config.recipe.name, scope.config.recipe)
    return replace(scope, recipes=recipes, config=replace(scope.config, recipe=own))


@contextmanager
def dropped_unless_begun(events: Ledger, new: Sequence[Path]) -> Iterator[None]:
    """Remove a study's folder if what is done here fails before a trial is begun, and the folder is new.

    Args:
        events: the study's ledger.
        new: those of the study's folder and the folders around it that were not there before, the study's first.
    """
    try:
        yield
    except BaseException:
        if events.study in new and not events.trials:
            shutil.rmtree(events.study, ignore_errors=True)
            for place in new[1:]:
                with suppress(OSError):  # somebody else has put something there
                    place.rmdir()
        raise
