"""What a launcher must do."""

import time
from pathlib import Path

from intern.config import typed
from intern.config.schema import Config, Goal, Model
from intern.data import splits
from intern.launchers import Launcher, open_launcher
from intern.trial import job as jobs
from intern.trial.job import Input, Job, Step
from intern.trial.store import LocalStore

GOAL = Goal("sums", generator="arithmetic", dev_items=4, test_items=4)


def check(name: str, folder: Path, model: Path) -> None:
    """A trial is run to its result, is found by its handle while it runs, is ended when it is cancelled, and what the
    launcher never saw is unknown or ended."""
    compute = typed.config({**Config().tree(), "compute": {"launcher": name}}).compute
    launcher = open_launcher(compute)
    try:
        whole = laid_out(folder / "1", model, 50)
        handle = launcher.submit(whole, "conformance-1")
        assert isinstance(handle, str) and launcher.state(handle) in ("running", "ended")
        assert ended(launcher, handle) == "ended" and isinstance(launcher.logs(handle), str)
        result = jobs.read_result(whole)
        assert result and result.state == "COMPLETE", (whole / "log.txt").read_text()
        cancelled = laid_out(folder / "2", model, 50_000)
        handle = launcher.submit(cancelled, "conformance-2")
        until(lambda: (cancelled / "events.jsonl").exists())
        launcher.cancel(handle)
        assert ended(launcher, handle) in ("ended", "killed") and not (cancelled / "result.json").exists()
        assert launcher.find("never-submitted") is None
    finally:
        launcher.close()


def laid_out(folder: Path, model: Path, rows: int) -> Path:
    """A trial of one stage that draws so many rows."""
    store = LocalStore(folder.parent / "store")
    store.link("base", model)
    if not store.has("items"):
        splits.materialise(GOAL, folder.parent / "items")
        store.put("items", folder.parent / "items")
    recipe, _ = typed.recipe({"stages": ["synthetic"], "synthetic": {"rows": rows}})
    base = Input("base", "store", "base")
    steps = (Step("synthetic", "synthetic"),)
    asked = Job(1, 0, steps, base, base, Input("items", "store", "items"), str(store.root))
    config = Config(GOAL, Model("local", str(model), dtype="float32"), recipe, study="conformance")
    jobs.write(folder, asked, config)
    return folder


def ended(launcher: Launcher, handle: str) -> str:
    """Wait until a trial has ended; return the launcher's word for it."""
    until(lambda: launcher.state(handle) != "running")
    return launcher.state(handle)


def until(true: object, seconds: float = 120.0) -> None:
    """Wait for a condition."""
    assert callable(true)
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came about"
        time.sleep(0.02)
