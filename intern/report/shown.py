"""Which trials of a long study a page shows: it stays small however long the study is, and says what is left out."""

from collections.abc import Iterator, Sequence
from itertools import chain, islice, zip_longest

from intern.records import Trial, spread
from intern.search.history import kept
from intern.study.reader import Reader

DEEP = 20  # trials between the base and the best one that are shown for their own sake


def chosen(study: Reader, most: int) -> list[Trial]:
    """Return at most so many trials in their order: the first that `ranked` names."""
    if len(study.trials) <= most:
        return list(study.trials)
    return [study.trials[number] for number in sorted(islice(ranked(study), most))]


def ranked(study: Reader) -> Iterator[int]:
    """Yield every trial's number once: the base, the best one with what it varies, what was kept, and then by turns the
    best on dev and the newest."""
    trials = study.trials
    scored = [t for t in trials if t.mean("dev") is not None]
    by_score = sorted(scored, key=lambda t: -(t.mean("dev") or 0.0))
    by_turns = chain.from_iterable(zip_longest(by_score, reversed(trials)))
    first = [*trials[:1], *lineage(study.best, trials), *reversed([t for t in trials if kept(t)])]
    seen: set[int] = set()
    for trial in chain(first, by_turns):
        if trial is not None and trial.number not in seen:
            seen.add(trial.number)
            yield trial.number


def evenly(study: Reader, most: int) -> list[Trial]:
    """Return at most so many trials in their order, evenly spread, with the best one and those that were kept."""
    trials = study.trials
    if len(trials) <= most:
        return list(trials)
    always = [*trials[:1], *trials[-1:], *lineage(study.best, trials)[:1]]
    always += spread([t for t in trials if kept(t)], most // 4)
    even = spread(trials, most - len(always))
    picked = {t.number for t in (*always, *even)}
    return [trials[number] for number in sorted(picked)]


def lineage(trial: Trial | None, trials: Sequence[Trial]) -> list[Trial]:
    """Return a trial and what it varies, the nearest first."""
    path: list[Trial] = []
    while trial is not None and len(path) < DEEP:
        path.append(trial)
        trial = trials[trial.parent] if trial.parent is not None else None
    return path
