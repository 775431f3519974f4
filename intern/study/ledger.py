"""The ledger: an append-only file of events, one JSON object a line, from which every trial can be read.

The one process that holds the study's lock writes it. A line torn by a crash is cut at the next start, and one that a
full disk cut short at once. What has been read is kept, so that a step of a long study reads what is new alone.

    python -m intern trials mixed-tiny
"""

import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from intern import files, records
from intern.errors import UserError
from intern.llm import Answer
from intern.records import Trial, Verdict
from intern.trial.job import Result

FILE = "ledger.jsonl"
FORMAT = 2
Listener = Callable[[Trial], None]


def under(outputs: Path) -> list[str]:
    """Return the names of the studies in a folder."""
    return sorted(path.parent.name for path in outputs.glob(f"*/{FILE}"))


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
        self.last_time: float | None = None
        """When the last event was written."""
        self._listeners: list[Listener] = []
        self.size = 0
        """Bytes that were read."""
        self.refresh()

    @property
    def closed(self) -> bool:
        """Whether a winner was scored on test, so that the study can find nothing more."""
        return self.end is not None and self.end["winner"] is not None

    def listen(self, listener: Listener) -> None:
        """Call a function with every trial so far, and with each as it changes."""
        for trial in self.trials:
            listener(trial)
        self._listeners.append(listener)

    def refresh(self) -> None:
        """Read the events that were appended since."""
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self.size)
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]
        self.size += len(whole)
        for line in whole.splitlines():
            self._take(json.loads(line))

    def start(self, command: str, versions: dict[str, str]) -> None:
        """Record that a coordinator begins or goes on."""
        self._append("start", format=FORMAT, command=command, versions=versions)

    def propose(self, trial: Trial) -> None:
        """Record a trial as RUNNING or REJECTED."""
        self._append("trial", **records.dump_set(trial))

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
        row = {"event": event, "time": round(time.time(), 3), **values}
        files.append(self.path, row)
        self.refresh()

    def _take(self, event: dict[str, Any]) -> None:
        """Take one event in."""
        kind = event.pop("event")
        self.last_time = event.pop("time")
        if kind == "start":
            if self.end and not self.closed:  # its test items are unspent: it goes on, with more budget
                self.end = None
            self.starts.append({**event, "time": self.last_time})
            self.failures = 0
        elif kind == "trial":
            self._put(records.load(Trial, event))
        elif kind == "submit":
            self.handles[event["number"]] = event
        elif kind == "handle":
            self.handles[event["number"]]["handle"] = event["handle"]
        elif kind == "result":
            number = event.pop("number")
            result = records.load(Result, event)
            changes = {name: getattr(result, name) for name in Result.__dataclass_fields__}
            self._put(replace(self.trials[number], **changes))
        elif kind in ("verdict", "recovery"):
            verdict = records.load(Verdict, event["verdict"])
            self._put(replace(self.trials[event["number"]], **{kind: verdict}))
        elif kind == "answer":
            self.answers.append(records.load(Answer, event))
            self.failures = self.failures + 1 if self.answers[-1].error else 0
        elif kind == "end":
            self.end = event

    def _put(self, trial: Trial) -> None:
        """Add or replace a trial and tell the listeners."""
        if trial.number == len(self.trials):
            self.trials.append(trial)
        else:
            self.trials[trial.number] = trial
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
        UserError: if an older version of this program wrote it.
    """
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
