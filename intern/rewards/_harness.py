"""Tests of a program, run so that the program cannot see or forge them. This file is run in a sandbox, by its text.

Two processes: this one has the tests, another has the program. The program is called with values and answers with
values; both travel as JSON and become plain Python values again, so that no object of the program's, with an `==` of
its own, comes near an assert. The program's process has neither the tests nor the verdict's file; it was started before
the tests were read, may start no process, and cannot look into this one or end it.
"""

import builtins
import json
import os
import resource
import struct
import sys
from collections.abc import Callable
from contextlib import suppress
from itertools import islice
from types import CodeType
from typing import Any, NoReturn

MOST = 10**6  # bytes of a message
DEEPEST = 60  # of lists in lists
ITEMS = 10**5  # of an iterator
SEQUENCES: dict[str, Any] = {"tuple": tuple, "set": set, "frozenset": frozenset}
ALONE = (1, 1)  # of processes and threads; two are running already, so that there is no further one
UNDUMPABLE = (4, 0, 0, 0, 0)  # prctl(PR_SET_DUMPABLE, 0): no other process may look into this one


class Gone(Exception):
    """The program's process has ended, or says nothing that can be read."""


class Kept:
    """A value of the program's that is none of Python's plain ones: it can be handed back to it and nothing else."""

    def __init__(self, place: int) -> None:
        self.place = place

    def __bool__(self) -> bool:
        raise TypeError("a value of the program's own")


def send(file: int, message: object) -> None:
    """Write a message."""
    body = json.dumps(message).encode()
    body = struct.pack(">I", len(body)) + body
    while body:
        body = body[os.write(file, body) :]


def receive(file: int) -> Any:
    """Read a message; raise Gone if there is none."""
    (size,) = struct.unpack(">I", exactly(file, 4))
    if size > MOST:
        raise Gone
    try:
        return json.loads(exactly(file, size))
    except (ValueError, RecursionError):
        raise Gone from None


def exactly(file: int, size: int) -> bytes:
    """Read so many bytes; raise Gone if there are fewer."""
    body = b""
    while len(body) < size:
        part = os.read(file, size - len(body))
        if not part:
            raise Gone
        body += part
    return body


def packed(value: Any, keep: Callable[[Any], Any], depth: int = 0) -> Any:
    """Return a value as JSON; what is no plain value is kept and named by its place."""
    if depth > DEEPEST:
        raise ValueError("too deep")
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, list):
        return [packed(part, keep, depth + 1) for part in value]
    if isinstance(value, dict):
        return {"dict": [[packed(k, keep, depth + 1), packed(v, keep, depth + 1)] for k, v in value.items()]}
    for name, kind in SEQUENCES.items():
        if isinstance(value, kind):
            return {name: [packed(part, keep, depth + 1) for part in value]}
    if isinstance(value, (bytes, bytearray)):
        return {"bytes": value.hex()}
    if isinstance(value, complex):
        return {"complex": [value.real, value.imag]}
    if hasattr(value, "__next__") or isinstance(value, (range, type({}.keys()), type({}.values()), type({}.items()))):
        return {"iterator": [packed(part, keep, depth + 1) for part in islice(value, ITEMS)]}
    return {"kept": keep(value)}


def unpacked(value: Any, kept: Callable[[int], Any]) -> Any:
    """Return a value from JSON, of Python's own types alone."""
    if isinstance(value, list):
        return [unpacked(part, kept) for part in value]
    if not isinstance(value, dict):
        return value
    ((name, parts),) = value.items()
    if name == "kept":
        return kept(parts)
    if name == "bytes":
        return bytes.fromhex(parts)
    if name == "complex":
        return complex(float(parts[0]), float(parts[1]))
    values = [unpacked(part, kept) for part in parts]
    return iter(values) if name == "iterator" else {"dict": dict, **SEQUENCES}[name](values)


def serve(asked: int, answered: int) -> NoReturn:
    """Be the program: run its code and answer calls of its names, until this process is ended."""
    null = os.open("/dev/null", os.O_RDWR)
    for file in (0, 1, 2):
        os.dup2(null, file)
    for file in set(range(3, 32)) - {asked, answered}:
        with suppress(OSError):
            os.close(file)
    resource.setrlimit(resource.RLIMIT_NPROC, ALONE)
    space: dict[str, Any] = {"__name__": "program"}
    values: list[Any] = []

    def keep(value: Any) -> int:
        values.append(value)
        return len(values) - 1

    while True:
        message = receive(asked)
        try:
            if "source" in message:
                exec(compile(message["source"], "program", "exec"), space)
                reply = {"value": None}
            else:
                given, named = unpacked(message["given"], values.__getitem__)
                reply = {"value": packed(space[message["name"]](*given, **named), keep)}
            send(answered, reply)
        except BaseException as error:  # SystemExit and KeyboardInterrupt too
            send(answered, {"error": type(error).__name__})


class Program:
    """The other process, as the tests see it."""

    def __init__(self) -> None:
        """Start it. It has what this process has now, and so it must be started before the tests are read."""
        self.gone = False
        asked, self.asks = os.pipe()
        self.answers, answered = os.pipe()
        if os.fork() == 0:
            try:
                serve(asked, answered)
            finally:
                os._exit(1)
        os.close(asked)
        os.close(answered)

    def ask(self, message: dict[str, Any]) -> Any:
        """Return the value that the program answers with.

        Raises:
            Gone: if it does not answer; it never will again.
            Exception: of the kind that the program raised, if that is one of Python's own, else a RuntimeError.
        """
        try:
            send(self.asks, message)
            reply = receive(self.answers)
            if "error" not in reply:
                return unpacked(reply["value"], Kept)
            kind: Any = getattr(builtins, str(reply["error"]), None)
        except Exception:  # whatever a program writes that our side of it would not
            self.gone = True
            raise Gone from None
        own = isinstance(kind, type) and issubclass(kind, Exception) and not issubclass(kind, UnicodeError)
        raise kind("in the program") if own else RuntimeError("in the program")

    def named(self, name: str) -> Callable[..., Any]:
        """Return what calls a function or class of the program's."""

        def call(*given: Any, **named: Any) -> Any:
            def place(value: Any) -> int:
                if not isinstance(value, Kept):
                    raise TypeError("a test hands over what is no plain value")
                return value.place

            return self.ask({"name": name, "given": packed([list(given), named], place)})

        return call


def judged(job: dict[str, Any], program: Program) -> str:
    """Return "" if the program passes every test, else what it failed with."""
    code: list[CodeType] = [compile(text, "tests", "exec") for text in job["tests"]]
    space: dict[str, Any] = {"__name__": "tests"}
    try:
        exec(compile(job["setup"], "setup", "exec"), space)
        program.ask({"source": job["program"]})
        for name in job["names"]:
            space[name] = program.named(name)
        for test in code:
            exec(test, space)
    except BaseException as error:
        return type(error).__name__
    return "Gone" if program.gone else ""  # a test that expects an exception may have caught it


def main() -> None:
    """Judge the program of the job on standard input; write the verdict with the job's own mark."""
    import ctypes

    ctypes.CDLL(None).prctl(*UNDUMPABLE)
    program = Program()
    resource.setrlimit(resource.RLIMIT_NPROC, ALONE)  # tests are a stranger's, too
    job = json.loads(sys.stdin.buffer.read())
    verdict = os.dup(1)
    os.dup2(os.open("/dev/null", os.O_WRONLY), 1)
    os.write(verdict, json.dumps({"mark": job["mark"], "fault": judged(job, program)}).encode())


if __name__ == "__main__":
    main()
