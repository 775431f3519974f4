"""The history: whatever happens in whatever order, its answers are those of counting the trials anew."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from intern import files
from intern.overrides import Overrides
from intern.records import UNCOUNTED, Diagnosis, Proposal, Score, Trial, Verdict
from intern.search.history import History, kept

RECIPES = ("a", "b", None)
KINDS = ("propose", "sweep", "remedy", "rollback", "ablate", "repeat", "confirm")
SHARED = ("confirm", "rollback")  # kinds that have another trial's config
LACKS = {"full": f"sft: {files.SHORT}: 0 MB", "exhausted": f"sft: {files.SHORT_OF_MEMORY}: MemoryError:"}
FIDELITIES = (0.3, 1.0)
OVERRIDES = (Overrides(), Overrides({"sft.max_steps": 3}), Overrides({"sft.max_steps": 3, "lora": 8}))
STOP = Diagnosis("nan", "sft", 1, "loss is not a finite number", ())


class Naive:
    """The same answers, each counted over all trials; of the order of events only the last keep is noted."""

    def __init__(self) -> None:
        self.trials: list[Trial] = []
        self.incumbent = 0

    def put(self, trial: Trial) -> None:
        """Take in a new trial, or what became of one."""
        kept_before = trial.number < len(self.trials) and kept(self.trials[trial.number])
        self.trials[trial.number :] = [trial, *self.trials[trial.number + 1 :]]
        if kept(trial) and not kept_before:
            self.incumbent = trial.number

    def best(self, recipe: str, fidelity: float | None) -> Trial | None:
        """The highest mean on dev, the first of equals."""
        scored = [
            t
            for t in self.trials
            if t.recipe == recipe and t.state == "COMPLETE" and t.mean("dev") is not None
            if t.kind not in ("rollback", "confirm", "repeat") and fidelity in (None, t.fidelity)
        ]
        return max(scored, key=lambda t: t.mean("dev") or 0.0, default=None)

    def has(self, proposal: Proposal) -> bool:
        """Whether this very config was run, or is running."""
        wanted = (proposal.recipe, proposal.overrides, proposal.seed, proposal.fidelity)
        alike = (t for t in self.trials if (t.recipe, t.overrides, t.seed, t.fidelity) == wanted)
        return any(self.says(t) for t in alike if t.kind not in SHARED)

    def says(self, trial: Trial) -> bool:
        """Whether a trial says something of its config: it had the disk, and the memory if not twice."""
        if trial.reason != LACKS["exhausted"]:
            return trial.reason != LACKS["full"]
        mine = (trial.recipe, trial.overrides, trial.seed, trial.fidelity, trial.kind in SHARED)
        short = [t for t in self.trials if t.reason == trial.reason]
        return [(t.recipe, t.overrides, t.seed, t.fidelity, t.kind in SHARED) for t in short].count(mine) > 1

    def counted(self) -> float:
        """The trials of the budget that were used."""
        used = [t for t in self.trials if t.kind not in UNCOUNTED and t.reason not in LACKS.values()]
        return round(sum(t.fidelity for t in used), 6)


def waits(trial: Trial) -> bool:
    """Whether something of a trial is still to come: its end, its verdict or, for a remedy, whether it helped."""
    judged = trial.verdict and (trial.kind != "remedy" or trial.parent is None or trial.recovery)
    scored = trial.state == "COMPLETE" and trial.kind not in ("baseline", "confirm")
    return trial.state == "RUNNING" or bool(scored and not judged)


def effects(trials: Sequence[Trial], recipe: str) -> list[tuple[set[str], bool, list[float]]]:
    """(keys changed, whether the fidelity was, gains) of what was varied within a recipe, in the trials' order."""
    found: list[tuple[set[str], bool, list[float]]] = []
    for trial in trials:
        parent = trials[trial.parent] if trial.parent is not None else trial
        now, before = trial.mean("dev"), parent.mean("dev")
        if parent is trial or now is None or before is None or not trial.recipe == parent.recipe == recipe:
            continue
        keys = {key for key in ("sft.max_steps", "lora") if trial.overrides.get(key) != parent.overrides.get(key)}
        way = (keys, trial.fidelity != parent.fidelity)
        same = [gains for *other, gains in found if tuple(other) == way]
        if same:
            same[0].append(now - before)
        else:
            found.append((*way, [now - before]))
    return found


def blind(trial: Trial) -> Trial:
    """A trial without its test scores."""
    return replace(trial, scores=tuple(s for s in trial.scores if s.split == "dev"))


@st.composite
def events(some: st.DrawFn) -> list[Trial]:
    """What a ledger with several slots may see: trials begin, end and are judged in any order."""
    trials = [Trial(0, "baseline", "COMPLETE", scores=scores(0.1))]
    seen, incumbent = list(trials), 0
    for _ in range(some(st.integers(0, 25))):
        running = [t for t in trials if t.state == "RUNNING"]
        open_ = [t for t in trials[1:] if t.state == "COMPLETE" and waits(t)]
        what = some(st.sampled_from(["begin", "end", "end", "judge", "judge"]))
        if what == "end" and running:
            trial = ended(some, some(st.sampled_from(running)))
        elif what == "judge" and open_:
            trial = some(st.sampled_from(open_))
            call = some(st.sampled_from(["keep", "keep", "discard", "undecided"]))
            if trial.verdict:
                trial = replace(trial, recovery=Verdict(call, 0, 9, 1, 0.02))
            else:
                trial = replace(trial, verdict=Verdict(call, incumbent, 9, 1, 0.02))
                incumbent = trial.number if call == "keep" else incumbent
        else:
            trial = Trial(
                len(trials),
                some(st.sampled_from(KINDS)),
                some(st.sampled_from(["RUNNING", "RUNNING", "RUNNING", "REJECTED"])),
                some(st.none() | st.integers(0, len(trials) - 1)),
                some(st.sampled_from(RECIPES)),
                some(st.sampled_from(OVERRIDES)),
                some(st.integers(0, 1)),
                fidelity=some(st.sampled_from(FIDELITIES)),
            )
        trials[trial.number :] = [trial, *trials[trial.number + 1 :]]
        seen.append(trial)
    return seen


def scores(dev: float) -> tuple[Score, ...]:
    """A score on dev, and a better one on test that nobody may see."""
    return tuple(Score("t", split, "acc", value, 0.01, 400) for split, value in (("dev", dev), ("test", dev + 0.2)))


def ended(some: st.DrawFn, trial: Trial) -> Trial:
    """How a trial may end."""
    how = some(st.sampled_from(["scored", "scored", "stopped", "failed", *LACKS]))
    if how == "scored":
        return replace(trial, state="COMPLETE", scores=scores(some(st.sampled_from([0.0, 0.2, 0.4]))))
    if how == "stopped":
        return replace(trial, state="PRUNED", diagnosis=STOP)
    return replace(trial, state="FAIL", reason=LACKS.get(how, "killed"))


def answers(history: History, trials: Sequence[Trial]) -> dict[str, Any]:
    """All that a history is asked, for every argument that means something."""
    return {
        "trials": list(history.trials),
        "incumbent": history.incumbent.number,
        "children": {t.number: [c.number for c in history.children(t.number)] for t in trials},
        "of_recipe": {name: [t.number for t in history.of_recipe(name)] for name in ("a", "b", "c")},
        "stopped": [t.number for t in history.stopped()],
        "pending": [t.number for t in history.pending()],
        "confirmation": number(history.confirmation()),
        "effects": {n: [(e.keys, e.cheaper, [*e.gains]) for e in history.effects(n)] for n in ("a", "b", "c")},
        "best": {(name, f): number(history.best(name, f)) for name in ("a", "b", "c") for f in (None, *FIDELITIES)},
        "counted": round(history.counted, 6),
        "has": {p: history.has(p.recipe, p.overrides, p.seed, p.fidelity) for p in proposals()},
    }


def proposals() -> list[Proposal]:
    """Every config that the events may hold."""
    settings = [(overrides, seed, share) for overrides in OVERRIDES for seed in (0, 1) for share in FIDELITIES]
    return [Proposal(name, o, seed=seed, fidelity=share) for name in ("a", "b") for o, seed, share in settings]


def number(trial: Trial | None) -> int | None:
    """A trial's number."""
    return None if trial is None else trial.number


def counted(naive: Naive) -> dict[str, Any]:
    """The same answers, counted."""
    trials = naive.trials
    return {
        "trials": [blind(t) for t in trials],
        "incumbent": naive.incumbent,
        "children": {t.number: [c.number for c in trials if c.parent == t.number and naive.says(c)] for t in trials},
        "of_recipe": {n: [t.number for t in trials if t.recipe == n and naive.says(t)] for n in ("a", "b", "c")},
        "stopped": [t.number for t in trials if t.diagnosis],
        "pending": [t.number for t in trials if waits(t)],
        "confirmation": max([t.number for t in trials if t.kind == "confirm" and t.state == "COMPLETE"], default=None),
        "effects": {name: effects(trials, name) for name in ("a", "b", "c")},
        "best": {(name, f): number(naive.best(name, f)) for name in ("a", "b", "c") for f in (None, *FIDELITIES)},
        "counted": naive.counted(),
        "has": {p: naive.has(p) for p in proposals()},
    }


@settings(max_examples=150, deadline=None)
@given(events())
def test_as_if_counted_anew(seen: list[Trial]) -> None:
    """After every event; and the same when a ledger is read again, trial by trial."""
    history, naive = History(), Naive()
    for trial in seen:
        history.put(trial)
        naive.put(trial)
        assert answers(history, naive.trials) == counted(naive)
    assert answers(History(naive.trials), naive.trials) == counted(naive)


def test_the_incumbent_is_the_same_when_read_again() -> None:
    """With two slots the later trial may end first: the earlier one, which then beat it, stays the incumbent."""
    trials = [Trial(0, "baseline", "COMPLETE"), Trial(1, "propose", "RUNNING"), Trial(2, "propose", "RUNNING")]
    live = History(trials)
    second = replace(trials[2], state="COMPLETE", verdict=Verdict("keep", 0, 9, 1, 0.02))
    first = replace(trials[1], state="COMPLETE", verdict=Verdict("keep", 2, 9, 1, 0.02))
    live.put(second)
    assert live.incumbent == second
    live.put(first)
    assert live.incumbent == first == History([trials[0], first, second]).incumbent


def test_effects_are_in_the_order_of_the_trials() -> None:
    """Whichever ended first: sums of them decide what is swept, to the last digit."""
    steps, rank = Overrides({"sft.max_steps": 3}), Overrides({"lora": 8})
    trials = [Trial(0, "propose", "COMPLETE", recipe="a", scores=scores(0.1))]
    trials += [Trial(n, "propose", "RUNNING", 0, "a", own) for n, own in enumerate((steps, steps, rank), 1)]
    history = History(trials)
    for n, dev in ((3, 0.4), (2, 0.3), (1, 0.2)):
        history.put(replace(trials[n], state="COMPLETE", scores=scores(dev)))
    found = [(effect.keys, [round(gain, 9) for gain in effect.gains]) for effect in history.effects("a")]
    assert found == [({"sft.max_steps"}, [0.1, 0.2]), ({"lora"}, [0.3])]


def test_of_equals_the_first_is_the_best() -> None:
    """Whichever ended first."""
    trials = [Trial(n, "propose", "RUNNING", recipe="a") for n in (0, 1, 2)]
    history = History(trials)
    for n in (2, 1):
        history.put(replace(trials[n], state="COMPLETE", scores=scores(0.4)))
    assert history.best("a").number == 1
