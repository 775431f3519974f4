"""Follows one trial from outside: draws its progress, and ends it when its time is up. It decides nothing
about the training itself; the rules that do run inside the trainer, at the same step on every machine."""

import json
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from intern.launchers import Running

PAUSE = 0.1  # seconds between looks; a look costs two file reads


def follow(running: Running, folder: Path, limit: float, label: str, console: Console) -> str | None:
    """Wait for the worker; returns None when it ended by itself, or why it was killed. `limit` in seconds."""
    began = time.monotonic()
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}"),
    )
    seen = len(stage_rows(folder))  # an earlier attempt's
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
            bar = bars.add_task(label, total=None, note="")
            while running.exit_status() is None:
                if time.monotonic() - began > limit:
                    running.kill()
                    return f"time is up after {limit / 60:.1f} minutes"
                draw(bars, bar, folder, label, seen)
                time.sleep(PAUSE)
    except BaseException:
        running.kill()  # interrupted: nothing may outlive the coordinator
        raise
    return None


def draw(bars: Progress, bar: Any, folder: Path, label: str, seen: int) -> None:
    """Show the stage under way, its step and its latest loss or reward."""
    rows = stage_rows(folder)[seen:]
    if not rows:
        return
    metrics = folder.parent.parent / "stages" / f"{rows[-1]['out']}.tmp" / "metrics.jsonl"
    row = last_row(metrics)
    note = "  ".join(f"{key} {row[key]:.3g}" for key in ("reward", "loss") if isinstance(row.get(key), float))
    what = " ".join(str(v) for v in (rows[-1]["stage"], rows[-1]["split"]) if v)
    bars.update(bar, description=f"{label}  {what}", completed=row.get("step", 0), total=row.get("steps"), note=note)


def stage_rows(folder: Path) -> list[dict[str, Any]]:
    """The stages that the worker says it has begun."""
    path = folder / "stages.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines() if line.endswith("}")] if path.exists() else []


def last_row(path: Path) -> dict[str, Any]:
    """The last whole row of a metrics file, or {}."""
    try:
        lines = path.read_text().splitlines()
    except OSError:
        return {}
    return next((json.loads(line) for line in reversed(lines) if line.endswith("}")), {})
