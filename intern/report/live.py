"""The terminal of a running study: a live view if it can be drawn, else a line for each stage, or nothing.

    python -m intern goal=mixed model=tiny          a live view in a terminal
    python -m intern goal=mixed model=tiny | cat    a line for each stage
    python -m intern goal=mixed model=tiny quiet=true
"""

from types import TracebackType
from typing import Any

from rich.console import Console
from rich.live import Live

from intern.records import Diagnosis, Trial
from intern.report import fmt, view
from intern.study.events import Ended, Event, Noted, Settled, Watched
from intern.text import one_line
from intern.trial.reader import Progress


class Screen:
    """Listens to a study's events and shows them; a context manager that gives the terminal back."""

    def __init__(self, console: Console, quiet: bool) -> None:
        self.console, self.quiet = console, quiet
        self.draws = not quiet and drawable(console)
        self._live: Live | None = None
        self._last: Any = None
        self._lines: dict[int, Lines] = {}
        self._followed: int | None = None
        self._notes: dict[int, tuple[Diagnosis, ...]] = {}

    def __enter__(self) -> "Screen":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._clear()

    def show(self, event: Event) -> None:
        """Show one event."""
        if self.quiet:
            return
        if isinstance(event, Watched):
            self._watch(event)
        elif isinstance(event, Noted):
            self.console.print(one_line(event.text), highlight=False, soft_wrap=True, markup=False)
        elif isinstance(event, Ended):
            self._clear()
            self._lines.pop(event.trial.number, None)
            if event.trial.number == self._followed:
                self._followed = None
        elif isinstance(event, Settled):
            self._clear()
            line = fmt.line(event.trial, self._notes.pop(event.trial.number, ()))
            self.console.print(one_line(line), highlight=False, soft_wrap=True, markup=False)

    def _watch(self, event: Watched) -> None:
        """Draw a running trial, of several the first until it ends; or print what is new of each."""
        self._notes[event.trial.number] = event.progress.notes
        if not self.draws:
            lines = self._lines.setdefault(event.trial.number, Lines(self.console, event.trial))
            lines.show(event.progress)
            return
        if self._followed is None:
            self._followed = event.trial.number
        if event.trial.number != self._followed:
            return
        if self._live is None:
            self._live = Live(console=self.console, auto_refresh=False, transient=True, vertical_overflow="crop")
            self._live.start()
        width, height = self.console.width, self.console.height
        frame = view.frame(event.progress, event.trial, event.overview, width, height)
        lines_now = self.console.render_lines(frame)
        if lines_now != self._last:  # drawn again only if it has changed: nothing flickers
            self._last = lines_now
            self._live.update(frame, refresh=True)

    def _clear(self) -> None:
        """Take the live view away."""
        if self._live is not None:
            self._live.stop()
            self._live, self._last = None, None


def drawable(console: Console) -> bool:
    """Return whether a live view can be drawn: a terminal that moves its cursor and knows the blocks."""
    return console.is_terminal and not console.is_dumb_terminal and console.encoding.startswith("utf")


class Lines:
    """One line for each stage of a trial as it begins, and one for a rule that fires."""

    def __init__(self, console: Console, trial: Trial) -> None:
        self.console, self.trial = console, trial
        self.told = 0
        self.diagnosis: Diagnosis | None = None
        self.noted = 0

    def show(self, progress: Progress) -> None:
        """Print what is new."""
        for stage in progress.begun[self.told :]:
            self.say(stage.title + ("  (reused)" if stage.reused else ""))
        self.told = len(progress.begun)
        for note in progress.notes[self.noted :]:
            self.say(fmt.note(note))
        self.noted = len(progress.notes)
        diagnosis = progress.diagnosis
        if diagnosis and diagnosis != self.diagnosis:
            self.diagnosis = diagnosis
            self.say(f"{diagnosis.stage}  stopped by {diagnosis.rule} at step {diagnosis.step}: {diagnosis.symptom}")

    def say(self, what: str) -> None:
        """Print one line, under the trial's name."""
        line = f"    {view.label(self.trial)}  {what}"
        self.console.print(one_line(line), highlight=False, markup=False, soft_wrap=True)
