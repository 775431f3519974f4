"""1 for an answer that equals the row's as mathematics, else 0; None without an answer.

Column: `answer`, a number or LaTeX, or a list of which any counts. The answer is the last `\\boxed{…}` of the
completion or its last `ANSWER: …` line, whichever comes later. Two numbers are compared exactly, all else by
math-verify (`pip install "intern[math]"`), in a process of its own that is ended when a check takes too long or too
much memory: math-verify's own alarm works in a main thread alone.

How it is hacked, and what is done about it. Many answers (boxes, `3 or 4`, `\\pm 4`, sets, intervals): the last box
counts, and all of it. The question's own expression in place of its value (`2+2`, `\\sum`, `4!`, `84/21`), which
math-verify finds equal: where the answer is a number, only a number is right, a fraction in lowest terms; functions to
be evaluated (COMPUTED) may stand only where the row's answer has them; and an answer has at most SLACK operators more
than the row's. A decimal for `\\pi` or `\\sqrt2`, which math-verify compares to six digits: wrong. `x = x`, `3 = 4`: an
equation is wrong where an expression is asked, but for one that names it (`x = 4`). Towers of powers: an answer of more
than LONGEST characters is wrong, and so is one whose check does not end. What remains: an expanded form passes for a
factored one of like length, `B` for `b`, and a closed set of answers can be guessed.
"""

import atexit
import json
import math
import os
import re
import select
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from importlib import util
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from intern.rewards import UNJUDGED, _checker
from intern.rewards.exact_answer import ANSWER

COLUMNS = (("answer",),)
LONGEST = 300  # characters of an answer; of MATH's the longest has 150
SLACK = 2  # operators: an equal form of another shape has about as many
PATIENCE = 10  # times as long on the clock as on the processor: only a machine that has none left takes so long
START_SECONDS = 120.0  # to import sympy and math-verify, on a busy machine; 2 on an idle one
BOX = re.compile(r"\\(?:boxed|fbox)\s*\{")
DROPPED = re.compile(
    r"\\[,;:! ]|\\(?:left|right|displaystyle)(?![a-zA-Z])|\\?[$%]|(?:\^\s*\{?\s*)?\\(?:circ|degree)\b\s*\}?|~"
    r"|(?<![a-zA-Z\d])\s+|\s+(?![a-zA-Z\d])"
)
WORDS = re.compile(r"\\(?:text|mathrm|textbf|mbox)\s*\{([^{}]*)\}")
NAMED = re.compile(r"[a-zA-Z]=(?=[^=]+$)")
COMPUTED = re.compile(
    r"\\(?:int|iint|oint|sum|prod|lim|binom|dbinom|tbinom|choose|det|gcd|lcm|bmod|pmod|mod|max|min|lfloor|lceil|log|ln|lg|exp"
    r"|sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|sinh|cosh|tanh)(?![a-zA-Z])|!|\|"
)
OPERATOR = re.compile(r"[-+*/^<>=]|\\(?:[dt]?frac|cdot|times|div|sqrt|pm|mp|cup|cap)(?![a-zA-Z])")
DECIMAL = r"(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+)?"
PLAIN = re.compile(rf"([-+]?)({DECIMAL})(?:\\times10\^\{{?(-?\d{{1,3}})\}}?)?", re.ASCII)
RATIO = re.compile(r"([-+]?)(\d*?)(?:\\[dt]?frac\{?(-?\d+)\}?\{?(\d+)\}?|(-?\d+)/(\d+))", re.ASCII)


@dataclass
class Settings:
    """How long a check may take."""

    seconds: Annotated[int, Field(ge=1, le=60)] = 5
    """Of the processor for one check."""
    batch_seconds: Annotated[int, Field(ge=1, le=3600)] = 120
    """For the checks of a batch; what is left over is not judged."""


def lack(settings: Settings) -> str:
    """Return whether math-verify is missing, and the fix."""
    return "" if util.find_spec("math_verify") else 'no math-verify: pip install "intern[math]"'


def outcome(text: str, row: Mapping[str, Any], settings: Settings) -> float | None:
    """Return 1.0 or 0.0; None without an answer; UNJUDGED for a row without one."""
    return judged(text, row, settings, math.inf)


def outcomes(texts: Sequence[str], rows: Sequence[Mapping[str, Any]], settings: Settings) -> list[float | None]:
    """Return the outcomes of a batch; UNJUDGED for what needs a check once its time is over."""
    end = time.monotonic() + settings.batch_seconds
    return [judged(text, row, settings, end) for text, row in zip(texts, rows, strict=True)]


def judged(text: str, row: Mapping[str, Any], settings: Settings, end: float) -> float | None:
    """Return the outcome of a completion, with no check that would begin after `end`."""
    answer = extracted(text)
    if answer is None:
        return None
    golds = row.get("answer")
    golds = [extracted(str(gold)) or str(gold) for gold in (golds if isinstance(golds, list) else [golds])]
    if golds == ["None"]:
        return UNJUDGED
    if len(answer) > LONGEST:
        return 0.0
    values = [compared(gold, answer, settings.seconds, end) for gold in golds]
    return 1.0 if 1.0 in values else max(values, key=math.isnan)


def compared(gold: str, answer: str, seconds: int, end: float) -> float:
    """Return whether an answer is the one that is wanted: by its text, as a number, or by a check."""
    gold, answer = plain(gold), plain(answer)
    if gold == answer:
        return 1.0
    wanted, given = number(gold), number(answer)
    if wanted is not None or given is not None:
        return float(wanted == given)
    if restated(gold, answer):
        return 0.0
    if time.monotonic() > end:
        return UNJUDGED
    return CHECKER.equal(gold, answer, seconds)


def extracted(text: str) -> str | None:
    """Return the last answer of a text, boxed or on a line of its own; None if there is none or it is blank."""
    lines, boxes = list(ANSWER.finditer(text)), list(BOX.finditer(text))
    if boxes and (not lines or boxes[-1].start() > lines[-1].start()):
        answer = braced(text, boxes[-1].end())
    else:
        answer = lines[-1][1] if lines else ""
    if answer and (inner := BOX.match(answer.strip())):
        answer = braced(answer.strip(), inner.end())
    return answer.strip() or None if answer else None


def braced(text: str, start: int) -> str | None:
    """Return what stands in braces from `start` on; None if they do not close."""
    depth = 1
    for place in range(start, min(len(text), start + 10 * LONGEST)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[start:place]
    return None


def plain(answer: str) -> str:
    """Return an answer without spaces, units, signs of currency and percent, its name and its full stop."""
    whole = WORDS.fullmatch(answer.strip())
    bare = whole[1] if whole else re.sub(r"(?<=[\d})])\s*" + WORDS.pattern, "", answer)
    bare = DROPPED.sub("", bare).removesuffix(".")
    return NAMED.sub("", bare, count=1) if NAMED.match(bare) else bare


def number(answer: str) -> Fraction | None:
    """Return the value of a number, a fraction in lowest terms or a mixed number; None for anything else."""
    if match := PLAIN.fullmatch(answer):
        sign, digits, power = match.groups()
        if not any(char.isdigit() for char in digits):
            return None
        value = Fraction(digits.replace(",", "")) * Fraction(10) ** int(power or 0)
        return -value if sign == "-" else value
    if match := RATIO.fullmatch(answer):
        sign, whole, *ratios = match.groups()
        above, below = (int(part) for part in ratios if part is not None)
        if below < 2 or math.gcd(above, below) > 1 or (whole and above < 0):
            return None
        value = int(whole or 0) + Fraction(above, below)
        return -value if sign == "-" else value
    return None


def restated(gold: str, answer: str) -> bool:
    """Return whether an answer leaves something to be computed that the row's own does not."""
    if set(COMPUTED.findall(answer)) - set(COMPUTED.findall(gold)):
        return True
    if ("=" in answer) != ("=" in gold) or answer.count("=") > max(1, gold.count("=")):
        return True
    return len(OPERATOR.findall(answer)) > len(OPERATOR.findall(gold)) + SLACK


class Checker:
    """The process that checks; it is started when it is first needed, and anew after it was ended."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.owner = 0
        self.lock = threading.Lock()

    def equal(self, gold: str, answer: str, seconds: int) -> float:
        """Return 1.0 or 0.0, which a check that does not end gets, too; UNJUDGED if the process is gone, or is left no
        processor."""
        with self.lock:
            try:
                process = self.started()
            except OSError:
                return UNJUDGED
            assert process.stdin
            try:
                process.stdin.write(json.dumps([seconds, gold, answer]).encode() + b"\n")
                process.stdin.flush()
                said = self.line(PATIENCE * (seconds + 1))
            except OSError:
                said = ""
            if said not in ("true", "false", "null"):
                self.end()
                return UNJUDGED
            return float(said == "true")

    def started(self) -> "subprocess.Popen[bytes]":
        """Return the process, ready for checks; raise OSError if it does not become so."""
        if self.owner != os.getpid():  # this one is a fork: the process is another's
            self.process, self.owner = None, os.getpid()
        if self.process is None:
            command = [sys.executable, "-I", str(Path(_checker.__file__))]
            pipe, null = subprocess.PIPE, subprocess.DEVNULL
            self.process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=null, env={}, cwd="/", start_new_session=True
            )
            if self.line(START_SECONDS) != "ready":
                self.end()
                raise OSError("the checker does not start")
        return self.process

    def line(self, seconds: float) -> str:
        """Return the next line that the process writes; "" if it writes none in time."""
        assert self.process and self.process.stdout
        if not select.select([self.process.stdout], [], [], seconds)[0]:
            return ""
        return self.process.stdout.readline().decode().strip()

    def end(self) -> None:
        """End the process and its fork."""
        process, self.process = self.process, None
        if process is not None and self.owner == os.getpid():
            with suppress(OSError):
                os.killpg(process.pid, 9)
            process.wait()


CHECKER = Checker()
atexit.register(CHECKER.end)
