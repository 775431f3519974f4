"""Carries out what `decide` says: gives trials workers, watches them, records what comes of them.

The order matters: what the ledger names can be run, by this coordinator or by the next.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from intern import files, proposers
from intern.config import gate
from intern.config.gate import Rejection, Scope
from intern.errors import UserError
from intern.launchers import Launcher
from intern.records import Left, Proposal, Trial
from intern.search import recovery, sampler
from intern.search.view import View
from intern.stats import paired
from intern.study import asking, budget, events, inbox, layout
from intern.study.asking import Asker
from intern.study.cache import GB, Weights
from intern.study.decide import Ask, Begin, Confirm, Decision, End, Judge, Run, State, decide
from intern.study.events import Event, Overview
from intern.study.identity import Inputs
from intern.study.reader import Reader
from intern.study.running import Running
from intern.trial import job as jobs
from intern.trial.job import Result
from intern.trial.reader import Follower

ATTEMPTS = 2  # a worker that died without a result (killed, out of memory) is started once more
Publish = Callable[[Reader, Trial], None]
SILENCE = 600.0  # seconds: a worker says every ten that it is alive, so that this one is none, or its machine hangs
TIMES = "budget.hours and compute.trial_minutes allow no more"
PAUSE = 0.25  # seconds between looks at running trials; a look costs a few small reads


class Scheduler:
    """The loop over one study's folder."""

    def __init__(
        self, scope: Scope, reader: Reader, inputs: Inputs, store: Path, launcher: Launcher, publish: Publish
    ) -> None:
        self.scope, self.reader, self.inputs, self.store = scope, reader, inputs, store
        self.launcher, self.publish = launcher, publish
        self.ledger, self.folder = reader.ledger, reader.folder
        self.running: dict[int, Running] = {}
        self.asker = Asker(self.ledger, scope.config)
        self.queue: list[Proposal] = []
        self.laid: tuple[str, Proposal] | None = None
        self.asked, self.reason = False, ""
        self.fresh: set[int] = set()
        self.before: dict[int, tuple[str, ...]] = {}
        compute = scope.config.compute
        self.weights = None if compute.store else Weights(reader, store, compute.keep_gb * GB)

    def run(self) -> Iterator[Event]:
        """Carry out decisions until the study ends, and yield what happens.

        Raises:
            UserError: if a person has to mend something first.
        """
        while True:
            decision = decide(self.state())
            if isinstance(decision, Confirm) and self.lost(decision):
                decision = Begin("confirm", parent=decision.winner, reason=decision.reason)
            if isinstance(decision, Confirm | End):
                yield from self.end(decision)
                return
            yield from self.carry_out(decision)

    def state(self) -> State:
        """Return where the study stands."""
        for trial in self.reader.history.stopped():
            if trial.number not in self.before:
                self.before[trial.number] = recovery.stages_before(trial)
        return State(
            trials=self.ledger.trials,
            history=self.reader.history,
            left=self.left(),
            running=frozenset(self.running),
            slots=self.scope.config.compute.slots,
            queue=(*self.first(), *self.queue),
            asked=self.asked,
            before=self.before,
            target=self.scope.config.goal.target,
            confirm=self.scope.config.proposer.confirm,
            fresh=frozenset(self.fresh),
            **({"reason": self.reason} if self.reason else {}),
        )

    def first(self) -> list[Proposal]:
        """Return the proposal of the inbox that is tried next, before those of the proposer, if a trial may begin."""
        ready = len(self.running) < self.scope.config.compute.slots and self.ledger.trials
        names = inbox.waiting(self.folder, self.ledger.taken) if ready else []
        self.laid = (names[0], inbox.read(self.folder, names[0], self.view())) if names else None
        return [self.laid[1]] if self.laid else []

    def left(self) -> Left:
        """Return what remains of the budget for the search."""
        return budget.left(self.scope.config.budget, self.reader.history, self.ledger.elapsed(), self.closing())

    def closing(self) -> float:
        """Return the seconds that are kept back for the winner."""
        return budget.closing(self.ledger.trials, self.reader.best) if self.scope.config.proposer.confirm else 0.0

    def carry_out(self, decision: Decision) -> Iterator[Event]:
        """Do what was decided."""
        match decision:
            case Begin():
                yield from self.begin(decision)
            case Run(number):
                yield from self.submit(self.ledger.trials[number])
            case Judge(number, against, which):
                yield from self.judge(number, against, which)
            case Ask():
                self.queue = list(proposers.propose(self.scope.config.proposer.name, self.view()))
                self.asked = not self.queue
                yield from self.asker.notes()
            case _:
                yield from self.watch()

    def view(self) -> View:
        """Return what the proposer sees."""
        return asking.view(self.scope, self.reader, self.left(), self.asker)

    def begin(self, decision: Begin) -> Iterator[Event]:
        """Begin a new trial: a proposal, or one that no proposer asks for."""
        self.asked, self.reason = False, decision.reason
        if decision.proposal is None:
            self.record(layout.special(decision, self.reader, self.scope))
        elif self.laid and decision.proposal is self.laid[1]:
            yield from self.attempt(decision.proposal, self.laid[0])
            inbox.drop(self.folder, self.laid[0])
        else:
            self.queue.remove(decision.proposal)
            yield from self.attempt(decision.proposal)

    def attempt(self, proposal: Proposal, taken: str | None = None) -> Iterator[Event]:
        """Let the sampler fill in what a proposal leaves open, vet it, record it; a refusal with its reasons."""
        overrides = proposal.overrides
        if proposal.sweep and not proposal.faults:
            recipe, seed = self.scope.recipes[proposal.recipe], self.scope.config.seed
            overrides |= sampler.ask(self.folder, recipe, proposal, self.ledger.trials, seed)
        trial = layout.proposed(len(self.ledger.trials), proposal, overrides)
        vetted = Rejection(proposal.faults) if proposal.faults else gate.vet(self.scope, proposal.recipe, overrides)
        if isinstance(vetted, Rejection):
            refused = replace(trial, state="REJECTED", reason=gate.told(vetted.reasons))
            self.ledger.propose(refused, taken)
            yield events.Settled(refused)
        else:
            self.record(layout.Plan(replace(trial, overrides=vetted.overrides), vetted.config), taken)

    def record(self, plan: layout.Plan, taken: str | None = None) -> None:
        """Lay out a trial's folder, then record the trial: what the ledger names can be run."""
        trial = plan.trial
        job = layout.job(plan, self.inputs, self.store, self.scope.config.compute)
        jobs.write(self.reader.place(trial.number), job, plan.config)
        self.ledger.propose(trial, taken)

    def submit(self, trial: Trial, deaths: Counter[int] | None = None, began: float | None = None) -> Iterator[Event]:
        """Give a recorded trial a worker, or find the one that it has."""
        folder = self.reader.place(trial.number)
        if (folder / jobs.RESULT).exists():
            yield from self.finish(trial, "", 0.0)
            return
        handle = self.known(trial)
        if handle is None:
            attempt = jobs.read(folder).attempt + 1
            store, reserve = str(self.store.resolve()), budget.reserve(self.ledger.trials)
            limits = {"minutes": self.limit(trial) / 60, "reserve": reserve, "dollars": self.dollars()}
            jobs.rewrite(folder, attempt=attempt, store=store, **limits)
            name = f"{self.folder.resolve().name}-{trial.number:03d}-{attempt}"
            self.ledger.submit(trial.number, attempt, name)
            handle = self.launcher.submit(folder, name)
            self.ledger.submitted(trial.number, handle)
        now = time.monotonic()
        limit = self.limit(trial)  # now: a server that is warmed up may have taken its time
        run = Running(trial, handle, Follower(folder), limit, began or now, deaths or Counter())
        self.running[trial.number] = run
        if deaths is None:
            yield events.Started(trial)

    def limit(self, trial: Trial) -> float:
        """Return the seconds that an attempt at a trial may take from now on."""
        return budget.limit(self.scope.config.compute, trial, self.left(), self.closing())

    def dollars(self) -> float | None:
        """Return the dollars that a trial may cost: its slot's share of what is left; None without a limit."""
        whole = self.scope.config.budget.dollars
        return None if whole is None else max(whole - self.ledger.dollars, 0.0) / self.scope.config.compute.slots

    def known(self, trial: Trial) -> str | None:
        """Return the handle of a trial that an earlier coordinator submitted, if the launcher still runs it."""
        last = self.ledger.handles.get(trial.number)
        if last is None:
            return None
        handle: str | None = last.get("handle")
        if handle is None and (handle := self.launcher.find(last["name"])):
            self.ledger.submitted(trial.number, handle)
        return handle if handle and self.launcher.state(handle) == "running" else None

    def watch(self) -> Iterator[Event]:
        """Look at every running trial once, then pause."""
        for run in list(self.running.values()):
            state = self.launcher.state(run.handle)
            late = budget.reserve(self.ledger.trials) if run.follower.scoring() else 0.0  # it is all but done
            if state == "running" and run.follower.seconds() > run.limit + late:
                self.launcher.cancel(run.handle)
                yield from self.ended(run, f"time is up after {run.limit / 60:.1f} minutes: {TIMES}")
                continue
            yield events.Watched(run.trial, run.follower.progress(), self.overview())
            if state == "running" and run.follower.silent() > SILENCE:
                self.launcher.cancel(run.handle)
            if state != "running":
                if state == "full":
                    raise UserError(files.full_message(self.folder))
                yield from self.after_worker(run, state == "killed")
        if self.running:
            self.ledger.tick()
            time.sleep(PAUSE)

    def overview(self) -> Overview:
        """Return where the study stands, for whoever watches."""
        best = self.reader.history.incumbent
        trials, name = self.ledger.trials, self.folder.resolve().name
        spent = self.ledger.elapsed()
        return Overview(name, trials, trials[best.number], self.scope.config.budget, self.left(), spent)

    def after_worker(self, run: Running, killed: bool) -> Iterator[Event]:
        """Record the result of a worker that has ended, or start another if it died without one."""
        folder = self.reader.place(run.trial.number)
        if (folder / jobs.RESULT).exists():
            yield from self.ended(run, "")
            return
        begun = run.follower.progress().begun
        run.deaths[len(begun)] += 1
        if run.deaths[len(begun)] == ATTEMPTS:
            stage = begun[-1].title if begun else "start"
            why = f"{stage}: {files.SHORT_OF_MEMORY}: it was killed {ATTEMPTS} times" if killed else None
            log = self.launcher.logs(run.handle) or f"see {folder / jobs.LOG}"
            yield from self.ended(run, why or f"the worker died {ATTEMPTS} times in the same stage; {log}")
            return
        del self.running[run.trial.number]
        yield from self.submit(run.trial, run.deaths, run.began)

    def ended(self, run: Running, reason: str) -> Iterator[Event]:
        """Record how a trial with a worker has ended."""
        del self.running[run.trial.number]
        yield from self.finish(run.trial, reason, round(time.monotonic() - run.began, 2))

    def finish(self, trial: Trial, reason: str, seconds: float) -> Iterator[Event]:
        """Record a trial's result."""
        result = jobs.read_result(self.reader.place(trial.number)) or Result("FAIL", reason=reason, seconds=seconds)
        self.ledger.finish(trial.number, result)
        self.asked = False
        self.fresh.add(trial.number)
        trial = self.ledger.trials[trial.number]
        yield events.Ended(trial)
        if trial.state != "COMPLETE" or trial.kind in ("baseline", "confirm"):
            yield from self.settled(trial.number)
        if files.for_want_of_space(trial.reason):  # the next trial would fail likewise, and use up the budget
            raise UserError(files.full_message(self.folder))

    def judge(self, number: int, against: int, which: str) -> Iterator[Event]:
        """Compare two trials on their dev items and record the verdict."""
        ours, theirs = (self.reader.outcomes(n) for n in (number, against))
        self.ledger.judge(number, paired.compare(ours, theirs, against), which)
        if which == "verdict":
            yield from self.settled(number)

    def settled(self, number: int) -> Iterator[Event]:
        """Tell that all is known of a trial, whose weights may go now."""
        yield events.Settled(self.ledger.trials[number])
        if self.weights:
            self.weights.trim(self.running)

    def lost(self, decision: Confirm) -> bool:
        """Return whether the winner's export is gone or damaged: it is then made again before it is published."""
        if decision.winner is None:
            return False
        out = self.reader.exported.out
        return not self.reader.store.has(out) or bool(self.reader.store.damage(out))

    def end(self, decision: Confirm | End) -> Iterator[Event]:
        """Bring the study to its end."""
        if isinstance(decision, End):
            if decision.fault is not None:
                log = self.reader.place(max(self.fresh, default=0)) / jobs.LOG
                raise UserError(
                    f"Study {self.folder}: {decision.reason}: {decision.fault}. See {log}; mend it, and the same "
                    "command tries again."
                )
            return
        if decision.winner is not None:
            self.publish(self.reader, self.ledger.trials[decision.winner])
        self.ledger.finish_study(decision.reason, decision.winner)
        yield from ()
