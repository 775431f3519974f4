"""The ledger: an append-only file of events, one JSON object a line, from which every trial can be read.

The one process that holds the study's lock writes it. A line torn by a crash is cut at the next start, and one that a
full disk cut short at once. What has been read is kept, so that a step of a long study reads what is new alone.

    python -m intern trials mixed-tiny
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern import damage, files, records
from intern.errors import UserError
from intern.llm import Answer
from intern.records import Trial, Verdict
from intern.trial.job import Result

FILE = "ledger.jsonl"
FORMAT = 2
TICK = 60.0  # seconds without an event, after which the time spent is recorded
TOLD = ("trial", "result", "verdict", "recovery")  # events that say something of a trial
Listener = Callable[[Trial], None]


def under(outputs: Path) -> list[str]:
    """Return the names of the studies in a folder."""
    return sorted(path.parent.name for path in outputs.glob(f"*/{FILE}"))


@dataclass
class Pending:
    """What new events say of a trial."""

    values: dict[str, Any]
    """Fields of the trial, as JSON."""
    line: int = 0
    """The number of the last line that tells of it."""


class Ledger:
    """A study's events and the trials that they make up."""

    def __init__(self, study: Path) -> None:
        self.study = study
        self.path = study / FILE
        self.trials: list[Trial] = []
        """Every trial as the events so far leave it."""
        self.starts: list[dict[str, Any]] = []
        """Every start of a coordinator: its time, its command, the versions of the libraries."""
        self.end: dict[str, Any] | None = None
        """The event that ended the study: reason and winner; a later start takes back an end without a winner."""
        self.answers: list[Answer] = []
        """What a language model answered, in order; errors too."""
        self.failures = 0
        """How many of the last answers since a coordinator started are errors."""
        self.handles: dict[int, dict[str, Any]] = {}
        """Trial → its last submission: attempt, name and, once it is known, handle."""
        self.taken: dict[str, int] = {}
        """Proposal of the inbox → the trial, or the refusal, that came of it."""
        self.last_time: float | None = None
        """When the last event was written."""
        self.spent = 0.0
        """Seconds that coordinators have spent on the study, up to the last event."""
        self._before = 0.0
        self._since: float | None = None
        self.lines = self.line = 0
        """Lines that were read, and the number of the one that is read now."""
        self.begun = 0
        """Trials that the lines so far have begun."""
        self._listeners: list[Listener] = []
        self.size = 0
        """Bytes that were read."""
        self.refresh()

    @property
    def closed(self) -> bool:
        """Whether a winner was scored on test, so that the study can find nothing more."""
        return self.end is not None and self.end["winner"] is not None

    @property
    def dollars(self) -> float:
        """What the study has cost: the answers of its language model, and what stages of its trials have paid."""
        return sum(answer.dollars for answer in self.answers) + sum(trial.dollars for trial in self.trials)

    def listen(self, listener: Listener) -> None:
        """Call a function with every trial so far, and with each as it changes."""
        for trial in self.trials:
            listener(trial)
        self._listeners.append(listener)

    def begin(self, moment: float) -> None:
        """Count the seconds that the study takes from a moment on, by a clock that nobody can set.

        Args:
            moment: a value of time.monotonic.
        """
        self._before, self._since = self.spent, moment

    def elapsed(self) -> float:
        """Return the seconds that coordinators have spent on the study: up to now if one does, else up to the last
        event."""
        return self.spent if self._since is None else self._before + time.monotonic() - self._since

    def tick(self) -> None:
        """Record the seconds spent, if the last event is a minute old: a kill loses no more than that."""
        if self.elapsed() - self.spent >= TICK:
            self._append("tick")

    def refresh(self) -> None:
        """Read the events that were appended since.

        Raises:
            UserError: if a line of it is no event, or tells of a trial that no line before it began.
        """
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.size)
            text = file.read()
        with damage.uncollected():
            self._take_all(damage.rows(self.path, text, self.lines))
        self.size += text.rfind(b"\n") + 1

    def _take_all(self, events: list[dict[str, Any]]) -> None:
        """Take events in, and make of them the trials that they tell of."""
        changed: dict[int, Pending] = {}
        self.line = self.lines
        try:
            for event in events:
                self.line += 1
                self._take(event, changed)
            self.lines = self.line
            for number, pending in sorted(changed.items()):
                self.line = pending.line
                self._put(number, records.load(Trial, pending.values))
        except damage.FAULTS as error:
            raise damage.damaged(self.path, damage.told(error), self.line) from None

    def start(self, command: str, versions: dict[str, str]) -> None:
        """Record that a coordinator begins or goes on."""
        self._append("start", format=FORMAT, command=command, versions=versions)

    def propose(self, trial: Trial, taken: str | None = None) -> None:
        """Record a trial as RUNNING or REJECTED, and in the same line which proposal of the inbox it is, if any."""
        self._append("trial", **records.dump_set(trial), **({"inbox": taken} if taken else {}))

    def submit(self, number: int, attempt: int, name: str) -> None:
        """Record that a trial is about to be submitted, before it is."""
        self._append("submit", number=number, attempt=attempt, name=name)

    def submitted(self, number: int, handle: str) -> None:
        """Record by which handle a submitted trial is found again."""
        self._append("handle", number=number, handle=handle)

    def finish(self, number: int, result: Result) -> None:
        """Record what a trial's folder says of its end."""
        self._append("result", number=number, **records.dump(result))

    def judge(self, number: int, verdict: Verdict, which: str = "verdict") -> None:
        """Record the comparison with the incumbent, or which="recovery": with a stopped stage's input checkpoint."""
        self._append(which, number=number, verdict=records.dump(verdict))

    def answer(self, answer: Answer) -> None:
        """Record what a language model answered, before anything is made of it."""
        self._append("answer", **records.dump(answer))

    def finish_study(self, reason: str, winner: int | None) -> None:
        """Record why the study has ended, and the trial that won, if one did."""
        self._append("end", reason=reason, winner=winner)

    def _append(self, event: str, **values: Any) -> None:
        """Add one event, on disk before this returns, or not at all (OSError)."""
        now = {"time": round(time.time(), 3), "spent": round(self.elapsed(), 3)}
        row = {"event": event, **now, **values}
        files.append(self.path, row)
        self.refresh()

    def _take(self, event: dict[str, Any], changed: dict[int, Pending]) -> None:
        """Take one event in; what it says of a trial is added to the changed ones."""
        kind = event.pop("event")
        self.last_time = event.pop("time")
        self.spent = event.pop("spent", self.spent + (event.get("seconds") or 0.0))  # older ones have trials' alone
        if kind == "start":
            if self.end and not self.closed:  # its test items are unspent: it goes on, with more budget
                self.end = None
            self.starts.append({**event, "time": self.last_time})
            self.failures = 0
        elif kind == "submit":
            self.handles[event["number"]] = event
        elif kind == "handle":
            self.handles[event["number"]]["handle"] = event["handle"]
        elif kind == "answer":
            self.answers.append(records.load(Answer, event))
            self.failures = self.failures + 1 if self.answers[-1].error else 0
        elif kind == "end":
            self.end = {"reason": event["reason"], "winner": event["winner"]}
        elif kind in TOLD:
            self._change(event.pop("number"), kind, event, changed)

    def _change(self, number: int, kind: str, event: dict[str, Any], changed: dict[int, Pending]) -> None:
        """Add what an event says of a trial to what is known of it."""
        known = changed.get(number)
        if kind == "trial":
            if not 0 <= number <= self.begun:
                raise ValueError(f"it begins trial {number}, and the next one is {self.begun}")
            self.begun = max(self.begun, number + 1)
            if taken := event.pop("inbox", None):
                self.taken[taken] = number
            known = Pending({"number": number})
        elif known is None:
            known = Pending(records.dump(self.trials[number]))
        known.values.update({kind: event["verdict"]} if kind in ("verdict", "recovery") else event)
        known.line = self.line
        changed[number] = known

    def _put(self, number: int, trial: Trial) -> None:
        """Add or replace a trial and tell the listeners."""
        self.trials[number : number + 1] = [trial]
        for listener in self._listeners:
            listener(trial)


@contextmanager
def locked(study: Path) -> Iterator[Ledger]:
    """Hold a study for one coordinator and yield its ledger.

    Raises:
        UserError: if another has it, if the folder is not writable, if it is of an older version, and if the disk is
            full, then or at any moment while the study is held.
    """
    with ExitStack() as stack:
        try:
            study.mkdir(parents=True, exist_ok=True)
            lock = stack.enter_context(files.locked(study / "lock", wait=False))
        except BlockingIOError:
            owner = (study / "lock").read_text().strip() or "?"
            raise UserError(
                f"Study {study} is already running (process {owner}). Wait for it, or start another with study=NAME."
            ) from None
        except OSError as error:
            raise UserError(
                f"Cannot write to the study's folder {study}: {error.strerror}. Give a folder that you may write to: "
                "outputs=PATH."
            ) from None
        stack.enter_context(full_disk_told(study))
        os.ftruncate(lock, 0)
        os.write(lock, str(os.getpid()).encode())
        files.mend(study / FILE)
        yield opened(study)


def opened(study: Path) -> Ledger:
    """Return a study's ledger.

    Raises:
        UserError: if an older version of this program wrote it, or if its lines have gone.
    """
    file = study / FILE
    if (study / "trials").is_dir() and file.exists() and not file.stat().st_size:
        raise UserError(
            f"{file} is damaged: it is empty, and there are trials. Put it back from a copy; or delete it, and the "
            "study's command begins anew, with what was made."
        )
    if (study / "stages").is_dir():
        raise UserError(
            f"Study {study} was made by an older version of intern and cannot be read by this one. "
            "Start another with study=NAME, or use the version that made it."
        )
    return Ledger(study)


@contextmanager
def full_disk_told(study: Path) -> Iterator[None]:
    """Turn a full disk into one line: raise UserError for it, and any other fault as it is."""
    try:
        yield
    except UserError:
        raise
    except Exception as fault:
        if not files.is_full(fault):
            raise
        raise UserError(files.full_message(study, fault)) from fault
