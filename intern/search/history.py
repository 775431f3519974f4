"""The trials of a study as proposers see them, indexed so that a step takes no longer in a long study."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from intern import files
from intern.overrides import Overrides
from intern.records import UNCOUNTED, Trial

Setting = tuple[str | None, Overrides, int, float]
Way = tuple[frozenset[str], bool]
REFUSED = 0.1  # of a trial, at least, for a refusal: it costs no time, and without end the study would have none
TOO_MUCH = 2  # trials of one config that memory did not suffice for: once, something else may have had it
UNTRIED = ("confirm", "rollback")  # kinds that have the config of another trial, and do not try it


@dataclass(frozen=True)
class Effect:
    """What came of varying trials of a recipe in one way."""

    keys: frozenset[str]
    """The contract keys that were changed."""
    cheaper: bool
    """Whether the share of the steps was changed."""
    gains: tuple[float, ...]
    """The mean on dev less that of the trial that was varied, for each that was varied so."""


class History:
    """Trials by number, with an index for each question that is asked often."""

    def __init__(self, trials: Iterable[Trial] = ()) -> None:
        self._trials: list[Trial] = []
        self._children: dict[int, list[int]] = defaultdict(list)
        self._of_recipe: dict[str | None, dict[int, Trial]] = defaultdict(dict)
        self._listed: dict[str | None, list[Trial]] = {}
        self._exhausted: Counter[tuple[bool, Setting]] = Counter()
        self.counted = 0.0
        """Trials of the budget that were used: a cheap one counts as its share, a void one not at all."""
        self.seconds = 0.0
        """Seconds of all trials but the baseline."""
        self._means: dict[int, float | None] = {}
        self._best: dict[tuple[str | None, float | None], int] = {}
        self._settings: Counter[Setting] = Counter()
        self._stopped: set[int] = set()
        self._kept: dict[int, int] = {}
        self._incumbent = 0
        self._pending: set[int] = set()
        self._confirmation: int | None = None
        self._uncompared: list[int] = []
        self._effects: dict[str | None, dict[Way, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
        for trial in trials:
            self.put(trial)

    @property
    def trials(self) -> Sequence[Trial]:
        """Every trial, in order; test scores are taken out."""
        return self._trials

    @property
    def incumbent(self) -> Trial:
        """The best trial so far by paired comparison; the baseline at first."""
        return self._trials[self._incumbent]

    def put(self, trial: Trial) -> None:
        """Add the next trial, or what became of an earlier one."""
        if any(score.split != "dev" for score in trial.scores):
            trial = replace(trial, scores=tuple(score for score in trial.scores if score.split == "dev"))
        if trial.number == len(self._trials):
            self._trials.append(trial)
            self._children[-1 if trial.parent is None else trial.parent].append(trial.number)
        else:
            self._count(self._trials[trial.number], -1)
            self._trials[trial.number] = trial
        self._of_recipe[trial.recipe][trial.number] = trial
        self._listed.pop(trial.recipe, None)
        self._count(trial, 1)
        self._note(trial)

    def children(self, number: int) -> list[Trial]:
        """Return the trials that vary a trial, in order; not those that say nothing."""
        return [t for t in (self._trials[n] for n in self._children.get(number, ())) if self._says(t)]

    def of_recipe(self, name: str) -> Sequence[Trial]:
        """Return the trials of a recipe, in order; not those that say nothing."""
        if name not in self._listed:
            self._listed[name] = [t for t in self._of_recipe.get(name, {}).values() if self._says(t)]
        return self._listed[name]

    def stopped(self) -> list[Trial]:
        """Return the trials that a rule has stopped, in order."""
        return [self._trials[n] for n in sorted(self._stopped)]

    def pending(self) -> list[Trial]:
        """Return the trials that are under way or still to be judged, in order."""
        return [self._trials[n] for n in sorted(self._pending)]

    def confirmation(self) -> Trial | None:
        """Return the last trial that scored a winner's export on test, if there is one."""
        return None if self._confirmation is None else self._trials[self._confirmation]

    def effects(self, recipe: str) -> Iterator[Effect]:
        """Yield what came of the trials that vary another one of the same recipe, if both were scored."""
        for number in self._uncompared:  # a report never asks
            self._compare(self._trials[number])
        self._uncompared.clear()
        for (keys, cheaper), gains in sorted(self._effects[recipe].items(), key=lambda way: min(way[1])):
            yield Effect(keys, cheaper, tuple(gain for _, gain in sorted(gains.items())))

    def best(self, recipe: str, fidelity: float | None = None) -> Trial | None:
        """Return a recipe's best trial on dev, of that fidelity or of any; of equals the first."""
        number = self._best.get((recipe, fidelity))
        return None if number is None else self._trials[number]

    def has(self, recipe: str, overrides: Overrides, seed: int, fidelity: float) -> bool:
        """Return whether this config was tried; a trial that says nothing does not count."""
        own = (recipe, overrides, seed, fidelity)
        return self._settings[own] > 0 or self._exhausted[False, own] >= TOO_MUCH

    def _says(self, trial: Trial) -> bool:
        """Return whether a trial says something of its config: a void one does not, unless memory did not suffice for
        the same config again, which wants too much then."""
        if not trial.void:
            return True
        short = files.for_want_of_memory(trial.reason)
        return short and self._exhausted[trial.kind in UNTRIED, setting(trial)] >= TOO_MUCH

    def _count(self, trial: Trial, by: int) -> None:
        untried = trial.kind in UNTRIED
        if trial.void:
            self._exhausted[untried, setting(trial)] += by if files.for_want_of_memory(trial.reason) else 0
        else:
            self._settings[setting(trial)] += 0 if untried else by
            self.counted += 0.0 if trial.kind in UNCOUNTED else by * counts(trial)
        if trial.number:
            self.seconds += by * (trial.seconds or 0.0)

    def _note(self, trial: Trial) -> None:
        """Update the indexes; the result does not depend on the order in which trials end."""
        if waits(trial):
            self._pending.add(trial.number)
        else:
            self._pending.discard(trial.number)
        if trial.kind == "confirm" and trial.state == "COMPLETE":
            self._confirmation = max(trial.number, self._confirmation or 0)
        if trial.diagnosis:
            self._stopped.add(trial.number)
        if trial.verdict and kept(trial):
            self._kept[trial.number] = trial.verdict.against
            self._incumbent = max(self._kept.keys() - set(self._kept.values()), default=trial.number)
        mean = self._means[trial.number] = trial.mean("dev")
        if mean is not None:
            self._uncompared += (trial.number, *self._children.get(trial.number, ()))
        if mean is None or trial.state != "COMPLETE" or trial.kind in ("rollback", "confirm", "repeat"):
            return
        for place in ((trial.recipe, None), (trial.recipe, trial.fidelity)):
            best = self._best.get(place)
            if best is None or (mean, -trial.number) > (self._means[best] or 0.0, -best):
                self._best[place] = trial.number

    def _compare(self, trial: Trial) -> None:
        """Note the gain of a trial over the one that it varies, by the keys that it changes."""
        if trial.parent is None or self._trials[trial.parent].recipe != trial.recipe:
            return
        parent = self._trials[trial.parent]
        now, before = self._means[trial.number], self._means[parent.number]
        if now is None or before is None:
            return
        way = (frozenset(trial.overrides.changed(parent.overrides)), trial.fidelity != parent.fidelity)
        self._effects[trial.recipe][way][trial.number] = now - before


def setting(trial: Trial) -> Setting:
    """Return what two trials share that try the same."""
    return trial.recipe, trial.overrides, trial.seed, trial.fidelity


def counts(trial: Trial) -> float:
    """Return what share of a trial of the budget one counts."""
    return max(trial.fidelity, REFUSED) if trial.state == "REJECTED" else trial.fidelity


def kept(trial: Trial) -> bool:
    """Return whether a trial was judged better than the incumbent of its time."""
    return trial.verdict is not None and trial.verdict.call == "keep"


def waits(trial: Trial) -> bool:
    """Return whether a trial is under way or still to be judged."""
    if trial.state == "RUNNING":
        return True
    if trial.state != "COMPLETE" or trial.kind in ("baseline", "confirm"):
        return False
    remedies = trial.kind == "remedy" and trial.parent is not None
    return trial.verdict is None or (remedies and trial.recovery is None)
