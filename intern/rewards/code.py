"""1 for a program that passes every test of its row, else 0; None if the completion has no code.

Columns: `test` and `entry_point` (HumanEval's form: `test` defines `check(candidate)`), with `starter` for the code
that the program goes on from; or `test_list`, a list of asserts (MBPP's form), with `test_setup_code`. The last fenced
block of the completion is the program, or all of it.

How it is hacked, and what is done about it. Leaving before the tests (`sys.exit(0)`, `os._exit(0)`), a success printed,
an object that equals everything, `assert`, `unittest` or builtins patched, tests read from frames, memory or files: the
program runs in another process than the tests, which has neither them nor the verdict, and what it returns reaches an
assert as plain values alone (see `_harness`). Harm to the machine, network, keys, files: all runs in a sandbox (see
`intern.sandbox`), and where there is none the reward is refused before anything starts. What remains: a program can
remember the answers to inputs that it has seen in training, and weak tests pass wrong programs. Values pass as copies:
a test of what a program does to its arguments, or one that hands over a function, is always failed.
"""

import ast
import builtins
import json
import os
import re
import secrets
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from intern import sandbox
from intern.rewards import UNJUDGED, _harness

COLUMNS = (("test", "entry_point"), ("test_list",))
LONGEST = 50_000  # characters of a program; HumanEval's and MBPP's have 2,000
FENCE = re.compile(r"^```[^\n`]*\n(.*?)^```", re.MULTILINE | re.DOTALL)
HARNESS = Path(_harness.__file__).read_text(encoding="utf-8")


@dataclass
class Settings:
    """What a program may take."""

    seconds: Annotated[int, Field(ge=1, le=60)] = 4
    """Of the processor, for all of its tests; three times as long on the clock."""
    megabytes: Annotated[int, Field(ge=64, le=16_000)] = 512
    """Of memory."""


def lack(settings: Settings) -> str:
    """Return why no code can be run here, and the fix; "" if it can."""
    return sandbox.lack()


def outcome(text: str, row: Mapping[str, Any], settings: Settings) -> float | None:
    """Return 1.0 or 0.0; None without code; UNJUDGED for a row without tests, or if no sandbox can be started."""
    program = extracted(text)
    if not program:
        return None
    job = job_of(program, row)
    if job is None or sandbox.lack():
        return UNJUDGED
    if len(program) > LONGEST:
        return 0.0
    limits = sandbox.Limits(settings.seconds, settings.megabytes)
    try:
        output = sandbox.run(HARNESS, json.dumps(job).encode(), limits).output
    except OSError:  # no process, no memory: that is no fault of the program's
        return UNJUDGED
    return float(output == json.dumps({"mark": job["mark"], "fault": ""}).encode())


def outcomes(texts: Sequence[str], rows: Sequence[Mapping[str, Any]], settings: Settings) -> list[float | None]:
    """Return the outcomes of a batch, as many at once as there are cores."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    with ThreadPoolExecutor(cores) as pool:
        return list(pool.map(lambda text, row: outcome(text, row, settings), texts, rows))


def extracted(text: str) -> str:
    """Return the program in a completion: its last fenced block, or all of it if there is none."""
    blocks = FENCE.findall(text if text.endswith("\n") else f"{text}\n")
    program: str = blocks[-1] if blocks else text
    return program if program.strip() else ""


def job_of(program: str, row: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what the harness is to do; None if the row has no tests that can be read."""
    starter = str(row.get("starter") or "")
    if starter:
        program = f"{starter}{'' if program[0].isspace() else chr(10)}{program}"
    if row.get("test") and row.get("entry_point"):
        name = str(row["entry_point"])
        setup, tests, names = starter, [f"{row['test']}\ncheck({name})"], [name]
    elif isinstance(row.get("test_list"), list):
        setup, tests = str(row.get("test_setup_code") or ""), [str(test) for test in row["test_list"]]
        names = unbound(setup, tests)
    else:
        return None
    if not (tests and names):
        return None
    return {"program": program, "setup": setup, "tests": tests, "names": names, "mark": secrets.token_hex(16)}


def unbound(setup: str, tests: Sequence[str]) -> list[str]:
    """Return the names that tests use and nothing but the program can define; none if they cannot be read."""
    try:
        tree = ast.parse("\n".join([setup, *tests]))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    used, bound = set[str](), set(dir(builtins))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            (used if isinstance(node.ctx, ast.Load) else bound).add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            bound |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
    return sorted(used - bound)
