"""Real small things for the tests: a random Qwen3 on disk, a process marked so that orphans can be found."""

import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from importlib import util
from pathlib import Path

import pytest

from intern import scratch
from intern.cli.compose import compose, scope_of
from intern.config import choices
from intern.config.gate import Scope
from intern.config.library import Library

os.environ.setdefault("OMP_NUM_THREADS", "1")  # nothing above imports torch; two test processes share two cores
os.environ.setdefault("HF_HUB_OFFLINE", "1")  # what is not here is not waited for; a test that needs a Hub starts one
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a shell starts what runs in the background so
    signal.signal(signal.SIGINT, signal.default_int_handler)
HERE = Path(__file__).resolve().parent.parent
SHARED = HERE.parent / "shared" / "data"


def skip_without_library(name: str) -> None:
    """Skip the test of a plug-in or a goal whose library is an extra that is not installed."""
    if name == "reasoning_gym" and util.find_spec(name) is None:
        pytest.skip('reasoning-gym is not installed: pip install "intern[gym]"')


@pytest.fixture(scope="session")
def random_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Qwen3 of 60 thousand random parameters, saved with tokenizer and chat template."""
    folder = tmp_path_factory.mktemp("random_model")
    tokenizer = scratch.tokenizer()
    shape = {"hidden": 32, "layers": 2, "heads": 2, "kv_heads": 1, "intermediate": 64, "positions": 512}
    scratch.save(scratch.qwen3(tokenizer, **shape, seed=0), tokenizer, folder)
    return folder


@pytest.fixture(scope="module")
def library() -> Library:
    """The recipes, known to Hydra."""
    made = Library()
    choices.register(made)
    return made


def scope(library: Library, *words: str) -> Scope:
    """What a command line of these words sets."""
    return scope_of(compose(words, library), [f"++{word}" for word in words], library)


class Marked:
    """A run of the command line whose every process carries a mark in its environment."""

    def __init__(self, words: list[str], cwd: Path) -> None:
        self.mark = uuid.uuid4().hex
        self.words, self.cwd = words, cwd
        self.process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        """Start (again), with one thread per process."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "intern", *self.words],
            cwd=self.cwd,
            env={**os.environ, "INTERN_MARK": self.mark, "PYTHONPATH": str(HERE)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def finish(self) -> tuple[int, str]:
        """(exit status, what it printed)."""
        out, _ = self.process.communicate(timeout=240)
        return self.process.returncode, out

    def alive(self) -> list[int]:
        """Every process of this run that is still there."""
        found = []
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    marked = f"INTERN_MARK={self.mark}".encode() in (entry / "environ").read_bytes()
                except OSError:
                    continue
                if marked:
                    found.append(int(entry.name))
        return found

    def gone(self, seconds: float = 5.0) -> bool:
        """Whether all of its processes are gone, or go within the time."""
        return until(lambda: not self.alive(), seconds)


def until(true: Callable[[], bool], seconds: float) -> bool:
    """Wait for a condition, looking every millisecond; whether it came about."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if true():
            return True
        time.sleep(0.001)
    return False


@pytest.fixture
def marked(tmp_path: Path) -> Iterator[Callable[[list[str]], Marked]]:
    """Makes marked runs, and kills what is left of them afterwards."""
    runs: list[Marked] = []

    def make(words: list[str]) -> Marked:
        runs.append(Marked(words, tmp_path))
        return runs[-1]

    yield make
    for run in runs:
        for pid in run.alive():
            os.kill(pid, signal.SIGKILL)


LONG = ("test_study", "test_kill", "test_sci", "test_main", "test_travel", "test_extend", "test_worker")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that two processes end together."""
    last = len(LONG)
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else last)
