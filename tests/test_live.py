"""The live view fits the terminal whatever the run logs; lines without one; silence; and a kill on every way out."""

import io
import json
import math
import os
import pty
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import scope, until
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from intern import files, plugins
from intern.config.gate import Scope
from intern.config.library import Library
from intern.config.schema import Budget
from intern.errors import UserError
from intern.overrides import Overrides
from intern.records import Diagnosis, Left, Score, StageRun, Trial, Verdict
from intern.report import estimate, fmt, live, view
from intern.study import events, identity
from intern.study import run as studies
from intern.study.events import Overview
from intern.study.ledger import Ledger
from intern.study.reader import Reader
from intern.trial import job as jobs
from intern.trial.job import Input, Job, Step
from intern.trial.reader import Begun, Follower, Progress, tail
from intern.trial.store import LocalStore

STEPS = (Step("synthetic", "synthetic"), Step("grpo", "grpo"), Step("score", "score", {"split": "dev", "shots": 0}))
TITLES = tuple(step.title for step in STEPS)
TOOK = tuple(
    StageRun(step.name, step.stage, "x", False, seconds, step.settings.get("split", ""))
    for step, seconds in zip(STEPS, (1.0, 20.0, 4.0), strict=True)
)
COLLAPSE = Diagnosis(
    "reward_collapse", "grpo", 12, "reward fell from 0.23 to 0.02, all groups alike", (Overrides({"grpo.beta": 0.1}),)
)


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
        2,
        "propose",
        "PRUNED",
        None,
        "generated/sft_grpo",
        Overrides({"grpo.beta": 0.04}),
        diagnosis=COLLAPSE,
        seconds=9.0,
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
    Trial(4, "propose", "REJECTED", None, "x", Overrides({"sft.lr": "\x1b[31m\nred[bold]"}), reason="no such key"),
)
NOW = Trial(5, "sweep", "RUNNING", 1, "generated/grpo", Overrides({f"grpo.key{i}": 0.0123 for i in range(9)}))
OVERVIEW = Overview("arithmetic-tiny", (*PAST, NOW), PAST[1], Budget(12.0, 1.0), Left(7, 0.97), 120.0)
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


def progress(values: list[Any], **changed: Any) -> Progress:
    """Half-way through GRPO."""
    begun = tuple(
        Begun(place, step.title, step.name, step.stage, step.stage, not place) for place, step in enumerate(STEPS[:2])
    )
    if not values:
        return replace(Progress(1.0, TITLES), **changed)
    marks = ((3.0, 1), (11.0, len(values)))
    return replace(Progress(12.0, TITLES, begun, (0.1, 2.0), 1, grpo_rows(values), marks), **changed)


def drawn(seen: Progress, width: int, height: int, trial: Trial = NOW, overview: Overview = OVERVIEW) -> list[str]:
    """The view's lines in a terminal of this size."""
    file = io.StringIO()
    console = Console(file=file, width=width, height=height, force_terminal=True, color_system=None)
    console.print(view.frame(seen, trial, overview, width, height))
    return file.getvalue().splitlines()


@given(st.lists(NUMBERS), st.integers(0, 100))
def test_sparkline(values: list[float | None], width: int) -> None:
    """A character per value, the last `width` of them; × for what is no number, the extremes at their ends."""
    line, last = view.sparkline(values, width), values[-width:] if width else []
    assert len(line) == len(last)
    numbers = [v for v in last if v is not None and abs(v) < fmt.HUGE]
    for value, char in zip(last, line, strict=True):
        assert (char == "×") == (value is None or not abs(value) < fmt.HUGE)
        if numbers and min(numbers) < max(numbers) and value in (min(numbers), max(numbers)):
            assert char == (view.BLOCKS[0] if value == min(numbers) else view.BLOCKS[-1])


def test_sparkline_by_example() -> None:
    """What a person sees."""
    assert view.sparkline([0, 1, 2, 3, 4, 5, 6], 10) == "▁▂▃▄▅▆▇"
    assert view.sparkline([9, 0.1, 0.2, None, math.nan], 4) == "▁▇××"
    assert view.sparkline([3.0, 3.0], 9) == "▄▄"


def test_trend() -> None:
    """Noise moves no arrow."""
    assert [view.trend(v) for v in ([0, 1, 2, 3], [3, 2, 1, 0], [1, 5, 1, 5], [1, 2], [math.nan] * 9)] == [
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
    seen = progress([0.1] * 21)  # 20 steps in 8 s; 19 to come; 1 s has passed
    stage = 19 * 8 / 20 - 1
    assert estimate.stage_left(seen, PAST) == pytest.approx(stage)
    assert estimate.trial_left(seen, PAST) == pytest.approx(stage + 4)
    assert estimate.study_left(seen, NOW, OVERVIEW) == pytest.approx(stage + 4 + 7 * 25)
    assert estimate.study_left(seen, NOW, replace(OVERVIEW, left=Left(7, 0.01))) == pytest.approx(36)
    assert estimate.trial_left(progress([]), PAST) == 25 and estimate.trial_left(progress([]), PAST[:1]) is None


def test_a_long_study() -> None:
    """Estimates come from the recent trials, and from the baseline what they lack."""
    base = replace(PAST[0], stages=(StageRun("score", "score", "x", False, 7.0, "test"),))
    old, new = replace(PAST[1], stages=TOOK), replace(PAST[1], stages=(replace(TOOK[1], seconds=2.0),))
    trials = [base, *[old] * estimate.RECENT, *[new] * estimate.RECENT]
    assert [estimate.usual(title, trials) for title in ("grpo", "score test", "synthetic")] == [2.0, 7.0, None]


@settings(max_examples=150, deadline=None)
@given(st.lists(NUMBERS, max_size=60), st.integers(1, 160), st.integers(1, 50))
def test_never_larger_than_the_terminal(values: list[float | None], width: int, height: int) -> None:
    """Whatever was logged, in a terminal of any size."""
    lines = drawn(progress(values, diagnosis=COLLAPSE), width, height)
    assert len(lines) <= height and all(len(line) <= width for line in lines)


def test_80_by_24() -> None:
    """All that was promised is there, and what a proposal wrote cannot steer the terminal."""
    lines = drawn(progress([0.1, 0.2, 0.3, 0.4, math.nan]), 80, 24)
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
        "✓ synthetic     reused",
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


LAUNCHER = '''
import json, os, signal, subprocess, sys
from dataclasses import dataclass

WORKER = """
import json, sys, time
from pathlib import Path
folder, pause, diagnosis, result = Path(sys.argv[1]), float(sys.argv[2]), sys.argv[3], sys.argv[4]
def tell(place, name, reused=False):
    row = {"event": "stage", "place": place, "title": name, "name": name, "stage": name, "out": name, "reused": reused}
    with (folder / "events.jsonl").open("a") as file:
        file.write(json.dumps(row) + "\\\\n")
tell(0, "synthetic", reused=True)
tell(1, "grpo")
part = folder / "grpo.part"
part.mkdir()
for step in range(1, 9):
    with (part / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": step, "steps": 8, "reward": step / 10, "loss": float("nan")}) + "\\\\n")
    time.sleep(pause)
(part / "diagnosis.json").write_text(diagnosis)
part.rename(folder / "1-grpo")
(folder / "result.json").write_text(result)
"""
FOUND = {"rule": "reward_collapse", "stage": "grpo", "step": 8, "symptom": "SYMPTOM", "remedies": []}
RESULT = {"state": "PRUNED", "diagnosis": FOUND, "seconds": 1.0}
started = []

@dataclass
class Settings:
    pause: float = 0.0

class Here:
    def __init__(self, pause):
        self.pause = pause

    def submit(self, folder, name):
        words = [sys.executable, "-c", WORKER, str(folder), str(self.pause), json.dumps(FOUND), json.dumps(RESULT)]
        started.append(subprocess.Popen(words, start_new_session=True))
        return name

    def find(self, name):
        return None

    def state(self, handle):
        return "running" if started[-1].poll() is None else "ended"

    def logs(self, handle):
        return ""

    def cancel(self, handle):
        os.killpg(started[-1].pid, signal.SIGKILL)
        started[-1].wait()

    def close(self):
        if started and started[-1].poll() is None:
            self.cancel("")

def open_launcher(compute):
    return Here(compute.pause)
'''


class Study:
    """A study whose trial 5 an earlier coordinator began, and a launcher whose worker logs eight steps and is then
    stopped by a rule."""

    def __init__(self, folder: Path, library: Library) -> None:
        self.folder, self.library = folder / "some-study", library
        self.trial = self.folder / "trials" / "005"
        nothing = Input("0", "store", "none")
        config = self.scope(0.0).config
        jobs.write(self.trial, Job(5, 0, STEPS, nothing, nothing, nothing, "nowhere", attempt=0), config)
        stopped = replace(config, recipe=library.load("generated/sft_grpo"))
        jobs.write(self.folder / "trials" / "002", Job(2, 0, STEPS, nothing, nothing, nothing, "nowhere"), stopped)
        event = {"event": "stage", "place": 0, "title": "earlier", "name": "earlier", "stage": "sft", "out": "x"}
        (self.trial / "events.jsonl").write_text(json.dumps({**event, "reused": False}) + "\n")
        identity.identify(self.folder, self.scope(0.0), LocalStore(self.folder / "store"))
        ledger = Ledger(self.folder)
        for trial in (*PAST, NOW):
            ledger.propose(trial)

    def scope(self, pause: float, *words: str) -> Scope:
        """The study's scope."""
        place = ("study=some-study", f"outputs={self.folder.parent}", "compute.launcher=here", f"compute.pause={pause}")
        return scope(self.library, "goal=arithmetic", "model=tiny", "recipe=generated/grpo", *place, *words)

    def follow(self, pause: float, console: Console, quiet: bool = False, *words: str) -> None:
        """Run trial 5 and show it as the command line does."""
        with live.Screen(console, quiet) as screen:
            for event in studies.run(self.scope(pause, *words), self.library, lambda *_: None):
                screen.show(event)
                if isinstance(event, events.Settled):
                    break

    def killed(self) -> bool:
        """Whether the worker was ended."""
        (process,) = plugins.load("launchers", "here").started
        return bool(process.poll() == -signal.SIGKILL)


@pytest.fixture
def study(tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> Study:
    """A study with a trial that an earlier coordinator began."""
    (tmp_path / "plugins" / "launchers").mkdir(parents=True)
    (tmp_path / "plugins" / "launchers" / "here.py").write_text(LAUNCHER.replace("SYMPTOM", COLLAPSE.symptom))
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "plugins"))
    return Study(tmp_path, library)


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
            for chunk in chunks:
                self.parts.append(chunk.decode(errors="replace"))
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


def test_two_at_once(terminal: Terminal) -> None:
    """One of them is drawn until it ends, and names the other; then the other."""
    other = replace(NOW, number=6)
    overview = replace(OVERVIEW, trials=(*OVERVIEW.trials, other))
    lines = drawn(progress([0.1]), 80, 24, overview=overview)
    assert any("beside it: trial 6 generated/grpo" in line for line in lines)
    with live.Screen(terminal.console, False) as screen:
        for values in ([0.1], [0.1, 0.2]):
            for trial in (NOW, other):
                screen.show(events.Watched(trial, progress(values), overview))
        screen.show(events.Ended(NOW))
        screen.show(events.Watched(other, progress([0.3]), overview))
    first, _, then = terminal.text().partition("trial 6 · sweep")
    assert "trial 5 · sweep" in first and "trial 5 · sweep" not in then


def test_live(study: Study, terminal: Terminal) -> None:
    """Drawn in place a few times a second, its cursor given back, nothing left behind."""
    study.follow(0.1, terminal.console)
    text = terminal.text()
    frames = text.count("some-study")
    assert "8/8" in text and "▆▇▇" in text and "trial 5 stopped by" in text
    assert 2 <= frames <= 12, frames
    assert text.count("\x1b[?25l") == text.count("\x1b[?25h") == 1
    assert text.rindex("\x1b[?25h") > text.rindex("some-study")
    assert fmt.line(Reader(study.folder).trials[5]) in " ".join(text.split("some-study")[-1].splitlines())


def test_live_interrupted(study: Study, terminal: Terminal) -> None:
    """Ctrl-C ends the trial's processes and restores the terminal."""

    def interrupt() -> None:
        if until(lambda: "some-study" in "".join(terminal.parts), 30):
            os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt, daemon=True).start()
    with pytest.raises(KeyboardInterrupt):
        study.follow(60, terminal.console)
    assert study.killed()
    text = terminal.text()
    assert "some-study" in text and text.rindex("\x1b[?25h") > text.rindex("some-study")


def test_any_error_kills(study: Study) -> None:
    """A fault of what is read leaves no worker behind."""
    (study.trial / "1-grpo").mkdir()
    (study.trial / "1-grpo" / "diagnosis.json").write_text("torn")
    with pytest.raises(UserError, match=r"diagnosis.json is damaged: Expecting value at character 0"):
        study.follow(60, Console(file=io.StringIO()))
    assert study.killed()


def test_an_error_of_the_view_kills(study: Study, terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    """And so does a fault of what is shown; the terminal is given back."""

    def broken(*_: object) -> str:
        if (study.trial / "grpo.part").exists():
            raise RuntimeError("the view is broken")
        return ""

    monkeypatch.setattr(view, "frame", broken)
    with pytest.raises(RuntimeError, match="the view is broken"):
        study.follow(60, terminal.console)
    assert study.killed()
    assert terminal.text().count("\x1b[?25h") == 1


def test_lines(study: Study) -> None:
    """Without a terminal: a line for each stage, one for the rule, nothing of the earlier attempt, one for the end."""
    out = io.StringIO()
    study.follow(0.05, Console(file=out))
    assert out.getvalue().splitlines() == [
        "    trial 5 generated/grpo  synthetic  (reused)",
        "    trial 5 generated/grpo  grpo",
        "    trial 5 generated/grpo  grpo  stopped by reward_collapse at step 8: " + COLLAPSE.symptom,
        fmt.line(Reader(study.folder).trials[5]),
    ]


SEEN = Diagnosis("truncation", "grpo", 8, "60% of the outputs are cut at their limit", ())


def test_what_was_seen_at_the_end(terminal: Terminal) -> None:
    """A line where a stop would have one, once; in the live view and in the line of the ended trial too."""
    out = io.StringIO()
    noted = progress([0.1], notes=(SEEN,))
    said = "truncation in grpo, seen at the end, checkpoint kept: 60% of the outputs are cut at their limit"
    with live.Screen(Console(file=out, width=80), False) as screen:
        for now in (progress([0.1]), noted, noted):
            screen.show(events.Watched(NOW, now, OVERVIEW))
        screen.show(events.Ended(NOW))
        screen.show(events.Settled(replace(NOW, state="COMPLETE")))
    lines = out.getvalue().splitlines()
    assert [line for line in lines if said in line] == [f"    trial 5 generated/grpo  {said}", lines[-1]]
    assert lines[-1] == fmt.line(replace(NOW, state="COMPLETE"), [SEEN])
    text = " ".join(" ".join(drawn(noted, 80, 24)).split())
    assert f"! trial 5 {said}" in text and "! trial 2 stopped by reward_collapse" in text
    assert "seen at the end" not in "".join(drawn(progress([0.1]), 80, 24))


def test_a_follower_reads_notes(study: Study) -> None:
    """What an earlier attempt noted does not count."""
    path = study.trial / jobs.EVENTS
    event = {"event": "symptom", "place": 1, "rule": SEEN.rule, "step": SEEN.step, "text": SEEN.symptom}
    begun = {"event": "stage", "place": 1, "title": "grpo", "name": "grpo", "stage": "grpo", "out": "x"}
    begun["reused"] = False
    for row in (begun, event):
        files.append(path, row)
    follower = Follower(study.trial)
    assert follower.progress().notes == ()
    for row in (begun, event):
        files.append(path, row)
    assert follower.progress().notes == follower.progress().notes == (SEEN,)


def test_quiet(study: Study, terminal: Terminal) -> None:
    """Nothing at all, in a terminal too."""
    study.follow(0, terminal.console, quiet=True)
    assert terminal.text() == ""
    assert Reader(study.folder).trials[5].state == "PRUNED"


def test_time_is_up(study: Study) -> None:
    """Killed at its limit, a tenth of a minute at least, with the reason."""

    began = time.monotonic()
    study.follow(60, Console(file=io.StringIO()), True, "compute.trial_minutes=0.01")
    ended = Reader(study.folder).trials[5]
    assert ended.state == "FAIL" and str(ended.reason).startswith("time is up after 0.1 minutes: budget.hours")
    assert 6 <= time.monotonic() - began < 15 and study.killed()


def test_tail(tmp_path: Path) -> None:
    """Only whole rows, and of a long file only the end."""
    path = tmp_path / "metrics.jsonl"
    assert tail(path) == []
    path.write_text('{"step": 1, "steps": 9}\n{"step": 2, "steps": 9}\n{"ste')
    assert [row["step"] for row in tail(path)] == [1, 2]
    path.write_text("".join(json.dumps({"step": i, "steps": 1000, "pad": "x" * 1000}) + "\n" for i in range(1000)))
    rows = tail(path)
    assert rows[-1]["step"] == 999 and 100 < len(rows) < 140
    path.write_text('{"step": 1, "steps": 9}\ngarbage\n')
    assert tail(path) == []
