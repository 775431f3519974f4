"""What becomes of 1,100 rows that are asked of a teacher: planned, written, lost by reason, kept, covered, paid.

The teacher is scripted (tests/teaching.py) and on loopback. It makes the mistakes of a real one at the rates that are
printed; no figure here says how often a real one makes them. Its rows are sums told as stories, so that it is known
which answers are wrong: the last line says how many of those that were written and that were kept. Two minutes:

    PYTHONPATH=tests python scripts/bench_teacher.py outputs/teacher [--rows 1100] [--batch]"""

import argparse
import json
import os
import re
import time
from pathlib import Path
from typing import Any

from messages import Server, serving
from rich.console import Console
from rich.table import Table
from teaching import REALISTIC, Teacher

from intern import files
from intern.config import typed
from intern.config.schema import Compute, Config, Goal, Model
from intern.config.stages import stage
from intern.data import items, splits
from intern.stages import Task, _synthesis


def config(folder: Path, settings: dict[str, Any]) -> Config:
    """Return a goal of sums told as stories, in files of its own, and a recipe of the stage alone."""
    for split, begin in (("train", 100), ("dev", 400), ("test", 700)):
        told = "On one {split} Zoe had {n} stamps and bought {n} more, how many has she now?"
        rows = [{"question": told.format(split=split, n=n), "answer": str(2 * n)} for n in range(begin, begin + 200)]
        items.write(folder / f"{split}.jsonl", rows)
    goal = Goal("stamps", data_dir=str(folder), summary="Sums told as stories")
    recipe, faults = typed.recipe({"stages": ["teacher"], "teacher": settings})
    assert not faults, faults
    return Config(goal, Model("none", "none", eos_token="<|im_end|>"), recipe, compute=Compute("local"))


def right(row: dict[str, Any]) -> bool:
    """Return whether a row's answer is the sum of its question's numbers."""
    return str(row["answer"]) == str(sum(map(int, re.findall(r"\d+", row["question"]))))


def main() -> None:
    """Run the stage, print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", type=int, default=1100)
    parser.add_argument("--answers", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--batch", action="store_true")
    given = parser.parse_args()
    given.folder.mkdir(parents=True)
    os.environ["XDG_CACHE_HOME"] = str(given.folder / "cache")
    teacher = Teacher(rates=REALISTIC)
    wrote: list[dict[str, Any]] = []

    def script(number: int, body: dict[str, Any]) -> Any:
        reply = teacher(number, body)
        rows = reply.get("rows", ()) if isinstance(reply, dict) else ()
        wrote.extend(row for row in rows if isinstance(row["question"], str) and row.get("answer"))
        return reply

    with serving(Server(script)) as server:
        settings = {"rows": given.rows, "answers": given.answers, "rounds": given.rounds, "base_url": server.url}
        settings |= {"batch": given.batch, "poll_seconds": 0.1, "dollars": 1e6}
        made = config(given.folder, settings)
        splits.materialise(made.goal, given.folder / "items")
        for split in ("dev", "test"):
            teacher.held_out += [row["question"] for row in items.read(given.folder / "items" / f"{split}.jsonl")]
        out = given.folder / "out"
        out.mkdir()
        begun, own = time.monotonic(), typed.settings("stages", "teacher", settings)
        stage("teacher").run(Task("teacher", own, made, "", "", None, given.folder / "items", 0, out))
    told, rows = json.loads((out / _synthesis.FILE).read_text()), items.read(out / "rows.jsonl")
    table = Table("what became of the rows asked for", "rows", "share")
    entries = [(f"lost: {_synthesis.WHY[why]}", count) for why, count in told["lost"].items()]
    for what, count in [("asked for", told["asked"]), *entries, ("kept", told["kept"])]:
        table.add_row(what, f"{count:,}", f"{count / told['asked']:.1%}")
    wrong = [sum(not right(row) for row in found) for found in (wrote, rows)]
    console = Console(width=120)
    console.print(f"mistakes of the script: {REALISTIC}")
    console.print(table)
    console.print(f"{told['covered']} of {told['cells']} cells covered; near-duplicates {told['near_duplicates']:.1%}")
    console.print(f"{told['requests']:,} requests, {told['dollars']:.2f} dollars, {told['per_kept']:.4f} a kept row")
    console.print(f"wrong answers: {wrong[0]} of {len(wrote)} written, {wrong[1]} of {len(rows)} kept")
    console.print(f"{time.monotonic() - begun:.0f} s")
    files.write_whole(given.folder / "bench.json", {**told, "wrong_written": wrong[0], "wrong_kept": wrong[1]})


if __name__ == "__main__":
    main()
