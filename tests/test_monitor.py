"""The live view fits the terminal whatever the run logs; lines without one; silence; and a kill on every way out."""

import io
import json
import math
import os
import pty
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from intern.config.schema import Budget
from intern.records import Diagnosis, Left, Score, Trial, Verdict
from intern.report import estimate, live, monitor
from intern.report.estimate import Look

STEPS = tuple({"stage": s, "split": p, "shots": 0} for s, p in (("synthetic", ""), ("grpo", ""), ("score", "dev")))
TOOK = tuple(
    {**step, "out": "x", "reused": False, "seconds": s} for step, s in zip(STEPS, (1.0, 20.0, 4.0), strict=True)
)
COLLAPSE = Diagnosis("reward_collapse", "grpo", 12, "reward fell from 0.23 to 0.02, all groups alike", (("a=1",),))


def score(value: float) -> tuple[Score, ...]:
    """A score on dev."""
    return (Score("arithmetic", "dev", "exact_match", value, 0.01, 400),)


PAST = (
    Trial(0, "baseline", "COMPLETE", scores=score(0.15), seconds=40.0),
    Trial(
        1,
        "propose",
        "COMPLETE",
        None,
        "generated/grpo",
        scores=score(0.45),
        seconds=25.0,
        stages=TOOK,
        verdict=Verdict("keep", 0, 146, 23, 1e-9),
    ),
    Trial(
        2, "propose", "PRUNED", None, "generated/sft_grpo", ("recipe.grpo.beta=0.04",), diagnosis=COLLAPSE, seconds=9.0
    ),
    Trial(
        3,
        "remedy",
        "COMPLETE",
        2,
        "generated/sft_grpo",
        scores=score(0.4),
        seconds=27.0,
        recovery=Verdict("undecided", 2, 5, 3, 0.7),
        verdict=Verdict("discard", 1, 5, 30, 1e-4),
    ),
    Trial(4, "propose", "REJECTED", None, "x", ("recipe.sft.lr=\x1b[31m\nred[bold]",), reason="no such key"),
)
NOW = Trial(5, "sweep", "RUNNING", 1, "generated/grpo", tuple(f"recipe.grpo.key{i}=0.0123" for i in range(9)))
STANDING = estimate.Standing((*PAST, NOW), PAST[1], Budget(12, 1.0), Left(7, 0.97))
NUMBERS = st.one_of(st.none(), st.floats(), st.floats(0, 1))


def grpo_rows(values: list[Any], steps: int = 40) -> tuple[dict[str, Any], ...]:
    """Logged rows with these values."""
    return tuple(
        {
            "stage": "grpo",
            "step": i + 1,
            "steps": steps,
            "reward": v,
            "loss": v,
            "entropy": v,
            "completions/mean_length": v,
        }
        for i, v in enumerate(values)
    )


def look(values: list[Any], **changed: Any) -> Look:
    """Half-way through GRPO."""
    begun = tuple({**step, "out": step["stage"], "reused": not place} for place, step in enumerate(STEPS[:2]))
    rows = grpo_rows(values)
    return replace(
        Look(12.0, STEPS, begun, (0.1, 2.0), 1, rows, ((3.0, 1), (11.0, len(values)))) if rows else Look(1.0, STEPS),
        **changed,
    )


def drawn(seen: Look, width: int, height: int, trial: Trial = NOW) -> list[str]:
    """The view's lines in a terminal of this size."""
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=True, color_system=None)
    console.print(live.frame(seen, trial, STANDING, "arithmetic-tiny", width, height))
    return console.file.getvalue().splitlines()


@given(st.lists(NUMBERS), st.integers(0, 100))
def test_sparkline(values: list[float | None], width: int) -> None:
    """A character per value, the last `width` of them; × for what is no number, the extremes at their ends."""
    line, last = live.sparkline(values, width), values[-width:] if width else []
    assert len(line) == len(last)
    numbers = [v for v in last if v is not None and abs(v) < live.HUGE]
    for value, char in zip(last, line, strict=True):
        assert (char == "×") == (value is None or not abs(value) < live.HUGE)
        if numbers and min(numbers) < max(numbers) and value in (min(numbers), max(numbers)):
            assert char == (live.BLOCKS[0] if value == min(numbers) else live.BLOCKS[-1])


def test_sparkline_by_example() -> None:
    """What a person sees."""
    assert live.sparkline([0, 1, 2, 3, 4, 5, 6], 10) == "▁▂▃▄▅▆▇"
    assert live.sparkline([9, 0.1, 0.2, None, math.nan], 4) == "▁▇××"
    assert live.sparkline([3.0, 3.0], 9) == "▄▄"


def test_trend() -> None:
    """Noise moves no arrow."""
    assert [live.trend(v) for v in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 5, 1, 5], [1, 2], [math.nan] * 9)] == [
        *"↑↓→",
        " ",
        " ",
    ]


@given(st.integers(1, 500), st.integers(1, 500), st.floats(0.1, 100), st.floats(0, 50))
def test_remaining(step: int, more: int, pace: float, since: float) -> None:
    """At an even pace it is the pace times the steps to come, less what has passed since the last step."""
    marks = ((7.0, 0), (7.0 + step * pace, step))
    left = estimate.remaining(marks, step + more, marks[1][0] + since)
    assert left == pytest.approx(max(0.0, more * pace - since), rel=1e-6, abs=1e-6)
    assert estimate.remaining(marks[:1], step, 1.0) is None and estimate.remaining(((1.0, 5), (2.0, 5)), 9, 3.0) is None


def test_estimates() -> None:
    """Stage by its pace, trial with the median of the stages to come, study by the median trial within the hours."""
    seen = look([0.1] * 21)  # 20 steps in 8 s; 19 to come; 1 s has passed
    stage = 19 * 8 / 20 - 1
    assert estimate.stage_left(seen, PAST) == pytest.approx(stage)
    assert estimate.trial_left(seen, PAST) == pytest.approx(stage + 4)
    assert estimate.study_left(seen, NOW, STANDING) == pytest.approx(stage + 4 + 7 * 25)
    assert estimate.study_left(seen, NOW, replace(STANDING, left=Left(7, 0.01))) == pytest.approx(36 - 12)
    assert estimate.trial_left(look([]), PAST) == 25 and estimate.trial_left(look([]), PAST[:1]) is None


@settings(max_examples=150, deadline=None)
@given(st.lists(NUMBERS, max_size=60), st.integers(1, 160), st.integers(1, 50))
def test_never_larger_than_the_terminal(values: list[float | None], width: int, height: int) -> None:
    """Whatever was logged, in a terminal of any size."""
    lines = drawn(look(values, diagnosis=COLLAPSE), width, height)
    assert len(lines) <= height and all(len(line) <= width for line in lines)


def test_80_by_24() -> None:
    """All that was promised is there, and what a proposal wrote cannot steer the terminal."""
    lines = drawn(look([0.1, 0.2, 0.3, 0.4, math.nan]), 80, 24)
    text = "\n".join(lines)
    for part in (
        "arithmetic-tiny",
        "5 of 12",
        "of 1 h 00 min",
        "at most",
        "45.0 ± 1.0 % by trial 1 generated/grpo",
        "base 15.0 ± 1.0 %",
        "trial 5 · sweep · generated/grpo",
        "grpo.key0=0.0123",
        "✓ synthetic   reused",
        "5/40",
        "reward",
        "nan",
        "↑ from 0.1",
        "length",
        "entropy",
        "· score dev",
        "about 4 s",
        "! trial 2 stopped by reward_collapse at grpo step 12",
        "remedies: trial 3 undecided",
        "REJECTED",
    ):
        assert part in text, part
    assert "\x1b[31m" not in text and len(lines) <= 24


@dataclass
class Process:
    """A real process in a session of its own, as a launcher's trial is."""

    process: subprocess.Popen[bytes]

    def exit_status(self) -> int | None:
        """None while it runs."""
        return self.process.poll()

    def kill(self) -> None:
        """End the group."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


WORKER = """
import json, sys, time
from pathlib import Path
folder, stages = Path(sys.argv[1]), Path(sys.argv[1]).parent.parent / "stages"
def note(stage, split="", reused=False):
    row = {"stage": stage, "split": split, "shots": 0, "out": stage + "-0", "reused": reused}
    with (folder / "stages.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\\n")
note("synthetic", reused=True)
note("grpo")
part = stages / "grpo-0.tmp"
part.mkdir(parents=True)
for step in range(1, 9):
    with (part / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "steps": 8, "reward": step / 10, "loss": float("nan")}) + "\\n")
    time.sleep(float(sys.argv[2]))
(part / "diagnosis.json").write_text(sys.argv[3])
part.rename(stages / "grpo-0")
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A trial's folder, with a stage of an earlier attempt."""
    made = tmp_path / "some-study" / "trials" / "005"
    made.mkdir(parents=True)
    (made / "trial.json").write_text(json.dumps({"number": 5, "steps": STEPS}))
    (made / "stages.jsonl").write_text(json.dumps({**STEPS[0], "out": "synthetic-0", "reused": False}) + "\n")
    return made


def started(folder: Path, pause: float) -> Process:
    """A worker that logs eight steps and is then stopped by a rule."""
    told = json.dumps({**COLLAPSE.__dict__, "step": 8})
    words = [sys.executable, "-c", WORKER, str(folder), str(pause), told]
    return Process(subprocess.Popen(words, start_new_session=True))


class Terminal:
    """A pseudo-terminal of 80 by 24, with all that was written to it."""

    def __init__(self) -> None:
        self.ours, theirs = pty.openpty()
        self.file = os.fdopen(theirs, "w", encoding="utf-8")
        self.console = Console(file=self.file, width=80, height=24)
        self.parts: list[str] = []
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self) -> None:
        """Take what arrives until the other end closes."""
        chunks = iter(lambda: os.read(self.ours, 1 << 16), b"")
        try:
            self.parts += (chunk.decode(errors="replace") for chunk in chunks)
        except OSError:  # Linux says so where the other end has closed
            return

    def text(self) -> str:
        """All of it, once the other end is closed."""
        self.file.close()
        self.reader.join(5)
        return "".join(self.parts)


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[Terminal]:
    """A terminal that can move its cursor."""
    monkeypatch.setenv("TERM", "xterm-256color")
    made = Terminal()
    yield made
    made.file.close()
    os.close(made.ours)


def test_live(folder: Path, terminal: Terminal) -> None:
    """Drawn in place a few times a second, its cursor given back, nothing left behind."""
    assert monitor.follow(started(folder, 0.1), folder, 60, NOW, STANDING, terminal.console, False) is None
    text = terminal.text()
    frames = text.count("some-study")
    assert "8/8" in text and "▆▇▇" in text and "trial 5 stopped by" in text
    assert 2 <= frames <= 12, frames
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1 and text.rindex("\x1b[?25h") > text.rindex(
        "some-study"
    )


def test_live_interrupted(folder: Path, terminal: Terminal) -> None:
    """Ctrl-C ends the trial's processes and restores the terminal."""
    running = started(folder, 60)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        monitor.follow(running, folder, 60, NOW, STANDING, terminal.console, False)
    assert running.process.poll() == -signal.SIGKILL
    text = terminal.text()
    assert "some-study" in text and text.rindex("\x1b[?25h") > text.rindex("some-study")


def test_any_error_kills(folder: Path) -> None:
    """A fault of the view itself leaves no worker behind."""
    (folder / "stages.jsonl").write_text("")
    running = started(folder, 60)
    (folder.parent.parent / "stages" / "grpo-0").mkdir(parents=True)
    (folder.parent.parent / "stages" / "grpo-0" / "diagnosis.json").write_text("torn")
    with pytest.raises(json.JSONDecodeError):
        monitor.follow(running, folder, 60, NOW, STANDING, Console(file=io.StringIO()), False)
    assert running.process.poll() == -signal.SIGKILL


def test_lines(folder: Path) -> None:
    """Without a terminal: a line for each stage, one for the rule, nothing of the earlier attempt."""
    out = io.StringIO()
    assert monitor.follow(started(folder, 0.05), folder, 60, NOW, STANDING, Console(file=out), False) is None
    assert out.getvalue().splitlines() == [
        "    trial 5 generated/grpo  synthetic  (reused)",
        "    trial 5 generated/grpo  grpo",
        "    trial 5 generated/grpo  grpo  stopped by reward_collapse at step 8: " + COLLAPSE.symptom,
    ]


def test_quiet(folder: Path, terminal: Terminal) -> None:
    """Nothing at all, in a terminal too."""
    assert monitor.follow(started(folder, 0), folder, 60, NOW, STANDING, terminal.console, True) is None
    assert terminal.text() == ""


def test_time_is_up(folder: Path) -> None:
    """Killed at its limit, with the reason."""
    running, began = started(folder, 60), time.monotonic()
    reason = monitor.follow(running, folder, 0.6, NOW, STANDING, Console(file=io.StringIO()), True)
    assert reason == "time is up after 0.0 minutes" and time.monotonic() - began < 5
    assert running.process.poll() == -signal.SIGKILL


def test_tail(tmp_path: Path) -> None:
    """Only whole rows, and of a long file only the end."""
    path = tmp_path / "metrics.jsonl"
    assert monitor.tail(path) == []
    path.write_text('{"step": 1}\n{"step": 2}\n{"ste')
    assert [row["step"] for row in monitor.tail(path)] == [1, 2]
    path.write_text("".join(json.dumps({"step": i, "pad": "x" * 1000}) + "\n" for i in range(1000)))
    rows = monitor.tail(path)
    assert rows[-1]["step"] == 999 and 100 < len(rows) < 140
