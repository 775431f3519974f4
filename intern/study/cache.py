"""Outputs of stages in the stores of studies: how much they take, what of them is needed, and how the rest goes.

A winner, an incumbent, a trial to be judged and one under way need what they were made of, and a study its items and
its base. All else is made again if it is asked for, so that it may go: when a person says so, and the weights of losing
trials by themselves once a study's own store has more than `compute.keep_gb` of them.

    python -m intern cache clear --older 7d
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from intern import files
from intern.config import stages
from intern.records import Trial
from intern.study.ledger import FILE as LEDGER
from intern.study.ledger import under
from intern.study.reader import STORE, Reader
from intern.trial.store import LocalStore

ALWAYS = ("items-", "base-")  # beginnings of the names of what every study needs
USERS = ".studies"  # in a store that studies share: the folders of those that use it, one a line
GB = 1e9


@dataclass(frozen=True)
class Entry:
    """An output in a store."""

    name: str
    """Its name."""
    size: int
    """Bytes of its files."""
    frees: int
    """Bytes of those that lie nowhere else: a trial's folder has links to what a report needs."""
    used: float
    """When it was made, or a trial that names it last wrote something."""


@dataclass(frozen=True)
class Shelf:
    """A store with the studies that use it."""

    root: Path
    """The store's folder."""
    studies: Sequence[Reader]
    """Those that use it."""
    entries: Sequence[Entry]
    """Its outputs, those that were used longest ago first."""
    needed: Collection[str]
    """Names of the outputs that may not go."""
    running: bool
    """Whether one of the studies runs now."""

    @property
    def idle(self) -> list[Entry]:
        """The outputs that may go; none while a study runs."""
        return [] if self.running else [entry for entry in self.entries if entry.name not in self.needed]


def register(store: Path, study: Path) -> None:
    """Note that a study uses a store which is not its own."""
    store.mkdir(parents=True, exist_ok=True)
    folder, known = str(study.resolve()), users(store)
    if folder not in known:
        files.write_text(store / USERS, "".join(f"{name}\n" for name in [*known, folder]))


def users(store: Path) -> list[str]:
    """Return the folders of the studies that are known to use a store."""
    return (store / USERS).read_text(encoding="utf-8").splitlines() if (store / USERS).exists() else []


def shelves(outputs: Path) -> list[Shelf]:
    """Return the stores of all studies in a folder, each with all the studies that use it, by their names."""
    by_store: dict[Path, dict[Path, Reader]] = defaultdict(dict)
    for name in under(outputs):
        study = Reader(outputs / name)
        if study.trials:
            by_store[study.store_folder.resolve()][study.folder.resolve()] = study
    for root, studies in by_store.items():
        for folder in map(Path, users(root)):
            if folder not in studies and (folder / LEDGER).exists():
                studies[folder] = Reader(folder)
    return [shelf(root, list(studies.values())) for root, studies in by_store.items()]


def shelf(root: Path, studies: Sequence[Reader]) -> Shelf:
    """Return a store as it is now."""
    own = len(studies) == 1 and root == (studies[0].folder / STORE).resolve()
    used = last_used(studies)
    entries = sorted(found(root, used), key=lambda entry: entry.used)
    needed = {name for study in studies for name in needs(study)}
    needed |= {entry.name for entry in entries if entry.name.startswith(ALWAYS)}
    if not own:  # what no study here names may be another's
        needed |= {entry.name for entry in entries if entry.name not in used}
    return Shelf(root, studies, entries, needed, any(runs(study.folder) for study in studies))


def found(root: Path, used: Mapping[str, float]) -> Iterator[Entry]:
    """Yield what is in a store; links to what lies elsewhere are left out."""
    for place in os.scandir(root) if root.exists() else ():
        if place.name.startswith(".") or place.is_symlink() or not place.is_dir():
            continue
        stats = [path.lstat() for path in Path(place.path).rglob("*") if not path.is_dir()]
        frees = sum(stat.st_size for stat in stats if stat.st_nlink == 1)
        moment = max(place.stat().st_mtime, used.get(place.name, 0.0))
        yield Entry(place.name, sum(stat.st_size for stat in stats), frees, moment)


def last_used(studies: Iterable[Reader]) -> dict[str, float]:
    """Return output → when a trial that names it last wrote something into its folder."""
    moments: dict[str, float] = {}
    for study in studies:
        for trial in study.trials:
            place = study.place(trial.number)
            moment = place.stat().st_mtime if trial.stages and place.exists() else 0.0
            for run in trial.stages:
                moments[run.out] = max(moment, moments.get(run.out, 0.0))
    return moments


def needs(study: Reader) -> set[str]:
    """Return the outputs that a study's winner, incumbent and confirmation are made of, and those of trials that are
    still to be judged, or under way."""
    told = [study.winner, study.best, study.final, study.baseline, *study.history.pending()]
    kept = {run.out for trial in told if trial for run in trial.stages}
    return kept | under_way(study, [t for t in told if t and t.state == "RUNNING"])


def under_way(study: Reader, trials: Iterable[Trial]) -> set[str]:
    """Return the outputs that running trials have begun or taken from the store."""
    return {stage.out for trial in trials for stage in study.begun(trial)}


def runs(study: Path) -> bool:
    """Return whether a coordinator holds a study now."""
    try:
        with ExitStack() as stack:
            if (study / "lock").exists():
                stack.enter_context(files.locked(study / "lock", wait=False))
    except BlockingIOError:
        return True
    return False


def clear(chosen: Sequence[Shelf], older: float | None, cap: float | None) -> Iterator[tuple[Shelf, Entry]]:
    """Remove what may go and was not used for a time, and then what was used longest ago until all is under a cap;
    yield each as it goes.

    Args:
        chosen: the stores.
        older: seconds; None: nothing goes for its age.
        cap: bytes that all outputs together may take; None: any.
    """
    by_age = sorted(((one, entry) for one in chosen for entry in one.idle), key=lambda pair: pair[1].used)
    rest = sum(entry.size for one in chosen for entry in one.entries)
    for one, entry in by_age:
        old = older is not None and entry.used < time.time() - older
        if old or (cap is not None and rest > cap):
            if not removed(one, entry):
                continue
            rest -= entry.size
            yield one, entry


def removed(one: Shelf, entry: Entry) -> bool:
    """Remove an output while no study that uses the store can start; return whether it has gone."""
    with ExitStack() as stack:
        try:
            for study in one.studies:
                stack.enter_context(files.locked(study.folder / "lock", wait=False))
        except BlockingIOError:
            return False
        return remove(LocalStore(one.root), entry.name, lambda: False)


def remove(store: LocalStore, name: str, wanted: Callable[[], bool]) -> bool:
    """Take an output out of a store, whole, unless it is wanted; return whether it has gone.

    A worker that takes it notes that under the same lock: it sees the output and is seen, or makes it again."""
    with store.making(name):
        if wanted() or not store.has(name):
            return False
        store.remove(name)
    return True


class Weights:
    """The weights that a running study keeps in its own store: those of losing trials go above a limit."""

    def __init__(self, study: Reader, store: Path, limit: float) -> None:
        self.study, self.store, self.limit = study, LocalStore(store), limit
        self.sizes: dict[str, int] = {}
        """Output → bytes, of those that are there."""
        self.seen = 0

    def trim(self, running: Iterable[int]) -> list[str]:
        """Remove what is above the limit, what the latest trials have not named first; return the names.

        Args:
            running: numbers of the trials that a worker runs now.
        """
        self.look()
        if sum(self.sizes.values()) <= self.limit:
            return []
        trials = [self.study.trials[number] for number in running]
        kept, gone = needs(self.study) | under_way(self.study, trials), []
        for name in list(self.sizes):
            if sum(self.sizes.values()) <= self.limit:
                break
            if name not in kept and remove(self.store, name, lambda out=name: out in under_way(self.study, trials)):  # type: ignore[misc]
                gone.append(name)
                del self.sizes[name]
        return gone

    def look(self) -> None:
        """Measure the weights of trials that have ended since; those that are named again become the newest."""
        ended = [t for t in self.study.trials[self.seen :] if t.state != "RUNNING"]
        for run in (run for trial in ended for run in trial.stages if stages.stage(run.stage).makes in MODELS):
            size = self.sizes.pop(run.out, None) or size_of(self.store.root / run.out)
            if size:
                self.sizes[run.out] = size
        running = (t.number for t in self.study.trials[self.seen :] if t.state == "RUNNING")
        self.seen = next(running, len(self.study.trials))


MODELS = ("model", "export")  # what a stage makes that has weights


def size_of(folder: Path) -> int:
    """Return the bytes of an output's files; 0 if it has gone."""
    return sum(path.lstat().st_size for path in folder.rglob("*")) if folder.exists() else 0
