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
    seen = told = len(stage_rows(folder))  # an earlier attempt's
    try:
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bars:
            bar = bars.add_task(label, total=None, note="")
            while running.exit_status() is None:
                if time.monotonic() - began > limit:
                    running.kill()
                    return f"time is up after {limit / 60:.1f} minutes"
                rows = stage_rows(folder)
                if rows[seen:]:
                    draw(bars, bar, folder, label, rows[-1])
                if not console.is_terminal:
                    tell(console, label, rows[told:])
                    told = len(rows)
                time.sleep(PAUSE)
    except BaseException:
        running.kill()  # interrupted: nothing may outlive the coordinator
        raise
    return None


def tell(console: Console, label: str, begun: list[dict[str, Any]]) -> None:
    """Where no bar can move: one line for each stage as it begins."""
    for stage in begun:
        what = f"{named(stage)} {stage['shots']}-shot" if stage["shots"] else named(stage)
        console.print(f"    {label}  {what}{'  (reused)' if stage['reused'] else ''}", highlight=False, soft_wrap=True)


def named(stage: dict[str, Any]) -> str:
    """A stage's name, with the split that it scores."""
    return f"{stage['stage']} {stage['split']}".rstrip()


def draw(bars: Progress, bar: Any, folder: Path, label: str, stage: dict[str, Any]) -> None:
    """Show the stage under way, its step and its latest loss or reward."""
    row = last_row(folder.parent.parent / "stages" / f"{stage['out']}.tmp" / "metrics.jsonl")
    note = "  ".join(f"{key} {row[key]:.3g}" for key in ("reward", "loss") if isinstance(row.get(key), float))
    bars.update(
        bar, description=f"{label}  {named(stage)}", completed=row.get("step", 0), total=row.get("steps"), note=note
    )


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
