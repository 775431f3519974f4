"""The ledger: an append-only file of events, one JSON object a line, from which every trial can be read.

The one process that holds the study's lock writes it. A line torn by a crash is cut at the next start, and one
that a full disk cut short at once.

    python -m intern trials arithmetic-tiny"""

import fcntl
import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from intern import files
from intern.errors import UserError
from intern.files import mend
from intern.records import Diagnosis, Score, Trial, Verdict

FILE = "ledger.jsonl"


@contextmanager
def locked(study: Path) -> Iterator[None]:
    """Hold the study for one coordinator. Raises UserError where another has it, where the folder is not writable,
    and where the disk is full, then or at any moment while it is held."""
    try:
        study.mkdir(parents=True, exist_ok=True)
        lock = (study / "lock").open("a+")
    except OSError as error:
        raise UserError(
            f"Cannot write to the study's folder {study}: {error.strerror}. Give a folder that you may write "
            "to: outputs=PATH."
        ) from None
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            raise UserError(
                f"Study {study} is already running (process {lock.read().strip() or '?'}). "
                "Wait for it, or start another with study=NAME."
            ) from None
        with space(study):
            os.ftruncate(lock.fileno(), 0)
            os.write(lock.fileno(), str(os.getpid()).encode())
            mend(study / FILE)
            yield


@contextmanager
def space(study: Path) -> Iterator[None]:
    """The border at which a full disk becomes one line: raises UserError for it, and any other fault as it is."""
    try:
        yield
    except UserError:
        raise
    except Exception as fault:
        if not files.is_full(fault):
            raise
        raise UserError(files.message(study, fault)) from fault


def append(study: Path, event: str, **values: Any) -> None:
    """Add one event, on disk before this returns, or not at all (OSError)."""
    files.append(study / FILE, json.dumps({"event": event, "time": round(time.time(), 3), **values}))


def events(study: Path) -> list[dict[str, Any]]:
    """Every whole event, in order."""
    path = study / FILE
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def propose(study: Path, trial: Trial) -> None:
    """Record a trial as RUNNING or REJECTED."""
    append(study, "trial", **{key: value for key, value in asdict(trial).items() if value not in (None, (), "")})


def finish(study: Path, number: int, result: Mapping[str, Any]) -> None:
    """Record what a trial's folder says of its end."""
    append(study, "result", number=number, **result)


def judge(study: Path, number: int, verdict: Verdict, which: str = "verdict") -> None:
    """Record the comparison with the incumbent, or which="recovery": with the checkpoint before a stopped stage."""
    append(study, which, number=number, verdict=asdict(verdict))


def trials(study: Path) -> tuple[Trial, ...]:
    """Every trial as the events so far leave it."""
    found: dict[int, Trial] = {}
    for event in events(study):
        kind = event.pop("event")
        event.pop("time")
        if kind == "trial":
            event["overrides"] = tuple(event.get("overrides", ()))
            found[event["number"]] = Trial(**event)
        elif kind == "result":
            number = event.pop("number")
            found[number] = replace(found[number], **typed(event))
        elif kind in ("verdict", "recovery"):
            number = event["number"]
            found[number] = replace(found[number], **{kind: Verdict(**event["verdict"])})
    return tuple(found[number] for number in sorted(found))


def typed(result: dict[str, Any]) -> dict[str, Any]:
    """A result's JSON as the fields of a Trial."""
    diagnosis = result["diagnosis"]
    if diagnosis:
        diagnosis = Diagnosis(**{**diagnosis, "remedies": tuple(tuple(r) for r in diagnosis["remedies"])})
    return {
        **result,
        "diagnosis": diagnosis,
        "scores": tuple(Score(**s) for s in result["scores"]),
        "stages": tuple(result["stages"]),
    }


def starts(study: Path) -> list[dict[str, Any]]:
    """Every start of a coordinator: its time, its command, the versions of the libraries."""
    return [event for event in events(study) if event["event"] == "start"]


def end(study: Path) -> dict[str, Any] | None:
    """The event that ended the study, if it has ended."""
    return next((event for event in reversed(events(study)) if event["event"] == "end"), None)
