"""What a study does next: a pure function of where it stands. It runs nothing, reads nothing and asks nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from intern import files
from intern.records import Kind, Left, Proposal, Trial
from intern.search.history import History
from intern.study import budget

IN_A_ROW = 4  # trials for want of memory that end a study: two configs, each of them twice


@dataclass(frozen=True)
class State:
    """Where a study stands."""

    trials: Sequence[Trial]
    """The ledger's trials."""
    history: History
    """The same as proposers see them, and the incumbent."""
    left: Left
    """The budget that remains; trials under way are counted."""
    running: frozenset[int] = frozenset()
    """Numbers of the trials that a worker runs now."""
    slots: int = 1
    """Trials that may run at once."""
    queue: tuple[Proposal, ...] = ()
    """Proposals that were made and not tried yet."""
    asked: bool = False
    """Whether the proposer has nothing to propose as the study stands now."""
    before: Mapping[int, tuple[str, ...]] | None = None
    """Stopped trial → the stages that made the stopped one's input checkpoint; () if that was the base."""
    target: float | None = None
    """Mean dev score at which the search ends."""
    confirm: bool = True
    """Whether the winner is exported and scored on test."""
    reason: str = "the winner was already scored on test"
    """Why the search has ended, once its winner is being confirmed."""
    fresh: frozenset[int] = frozenset()
    """Numbers of the trials that ended since this coordinator started: what failed in its time is not tried again."""


@dataclass(frozen=True)
class Begin:
    """Record a new trial."""

    kind: Kind
    """What sort of trial."""
    proposal: Proposal | None = None
    """The proposal, if a proposer made it."""
    parent: int | None = None
    """For a rollback, the stopped trial; for a confirmation, the winner."""
    reason: str = ""
    """Why the search has ended, for a confirmation."""


@dataclass(frozen=True)
class Run:
    """Give a recorded trial a worker."""

    number: int


@dataclass(frozen=True)
class Judge:
    """Compare a scored trial with another one on dev."""

    number: int
    against: int
    which: str
    """"verdict": with the incumbent; "recovery": a remedy with the stopped stage's input checkpoint."""


@dataclass(frozen=True)
class Ask:
    """Ask the proposer."""


@dataclass(frozen=True)
class Wait:
    """Wait until a running trial says something."""


@dataclass(frozen=True)
class Confirm:
    """Publish the confirmed export of the winner; None: nothing beat the base."""

    winner: int | None
    reason: str


@dataclass(frozen=True)
class End:
    """Stop; the study may be continued."""

    reason: str
    fault: str | None = None
    """What a person has to mend first."""


Decision = Begin | Run | Judge | Ask | Wait | Confirm | End


def decide(state: State) -> Decision:
    """Return what the study does next."""
    free = state.slots - len(state.running)
    under_way = (t.number for t in state.history.pending() if t.state == "RUNNING")
    waiting = [number for number in under_way if number not in state.running]
    if waiting:
        return Run(waiting[0]) if free > 0 else Wait()
    if judge := unjudged(state):
        return judge
    if lack := exhausted(state):
        return Wait() if state.running else End(f"memory did not suffice {IN_A_ROW} times in a row", lack)
    if not state.trials or state.trials[0].state != "COMPLETE":
        return baseline(state)
    tested = state.history.confirmation()
    if tested is not None:
        return Wait() if state.running else ending(state, tested, state.reason)
    if reason := search_ended(state):
        return Wait() if state.running else ending(state, None, reason)
    if state.queue:
        return attempt(state, state.queue[0]) if free > 0 else Wait()
    if state.asked:
        return Wait() if state.running else ending(state, None, "the proposer has nothing more to try")
    return Ask() if free > 0 else Wait()


def unjudged(state: State) -> Judge | None:
    """Return the first comparison that is still to be made."""
    for trial in state.history.pending():
        if trial.state != "COMPLETE":
            continue
        if trial.verdict is None:
            return Judge(trial.number, state.history.incumbent.number, "verdict")
        if trial.kind == "remedy" and trial.recovery is None and trial.parent is not None:
            against = scored_input(state, trial.parent)
            if against is not None and against.state == "COMPLETE":
                return Judge(trial.number, against.number, "recovery")
    return None


def baseline(state: State) -> Decision:
    """Return how trial 0 comes about, without which nothing can be compared."""
    if state.running:
        return Wait()
    if 0 in state.fresh:
        return End("the baseline could not be scored", state.trials[0].reason)
    if state.trials and (lack := state.left.lack()):
        return End("the baseline could not be scored", f"{lack}. Give more (budget.hours=…)")
    return Begin("baseline")


def exhausted(state: State) -> str | None:
    """Return the reason of the last trial if so many that ended lately, one after the other, had too little memory: no
    single config is to blame."""
    ended = (t for t in reversed(state.trials) if t.state not in ("RUNNING", "REJECTED"))
    last = list(islice(ended, IN_A_ROW))
    short = [t for t in last if t.number in state.fresh and t.void and files.for_want_of_memory(t.reason)]
    return short[0].reason if len(short) == IN_A_ROW else None


def search_ended(state: State) -> str | None:
    """Say what ends the search, if something does."""
    best = state.history.incumbent
    if state.target is not None and best.number and (best.mean("dev") or 0.0) >= state.target:
        return f"the target of {state.target} is met on dev"
    if lack := state.left.lack():
        return lack
    if not state.queue or state.queue[0].faults:  # a refusal needs neither trials nor time
        return None
    first = state.queue[0]
    tried = state.history.of_recipe(first.recipe)
    return state.left.lack(first.fidelity) or budget.too_short(state.left, first, state.trials, tried)


def attempt(state: State, proposal: Proposal) -> Decision:
    """Return how a proposal is tried: a stopped stage's input checkpoint is scored before its remedies."""
    parent = proposal.parent
    if proposal.kind == "remedy" and parent is not None and scored_input(state, parent) is None:
        return Begin("rollback", parent=parent)
    return Begin(proposal.kind, proposal)


def scored_input(state: State, stopped: int) -> Trial | None:
    """Return the trial that scored a stopped stage's input checkpoint: the baseline, a rollback, or None."""
    if not (state.before or {}).get(stopped):
        return state.trials[0]
    return next((t for t in state.history.children(stopped) if t.kind == "rollback"), None)


def ending(state: State, tested: Trial | None, reason: str) -> Decision:
    """Return how a search that has ended is brought to its end."""
    if not state.confirm:
        return End(reason)
    if tested is not None:
        return Confirm(tested.parent, reason)
    winner = state.history.incumbent
    if winner.kind == "baseline":
        return Confirm(None, reason)
    last = state.trials[-1]
    if last.kind == "confirm" and last.number in state.fresh:
        return End("the winner could not be confirmed", last.reason)
    return Begin("confirm", parent=winner.number, reason=reason)
