"""The baseline that reads no question: one answer to everything. On a task with a frequent answer it scores well, and a
model that has learnt that answer alone must not pass for one that has learnt the task."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intern import files, rewards
from intern.config.schema import Goal
from intern.data import items
from intern.data.items import Row

DRAWN = 2000  # train items that a generated goal is judged by
FILE = "constant.json"
SPLITS = ("dev", "test")


def write(goal: Goal, splits: Mapping[str, list[Row]], folder: Path) -> None:
    """Write beside a goal's items the best completion to give always, and its outcomes: {text, dev, test}."""
    text = best(goal, splits)
    scored = {split: judged(goal, text, splits[split]) for split in SPLITS} if text else {}
    files.write_whole(folder / FILE, {"text": text, **scored})


def best(goal: Goal, splits: Mapping[str, list[Row]]) -> str | None:
    """Return the completion that is right for the most train items; None for lm-eval's own tasks, and if each judgement
    costs money.

    Args:
        goal: the goal, whose scorer decides.
        splits: the rows of the goal's items by split.
    """
    rows = train(goal, splits)
    if not rows or not rewards.looked_at(rewards.scorer(goal), rows):
        return None
    frequent = [Counter(items.text_of(row, key) for row in rows).most_common(1)[0][0] for key in ("answer", "target")]
    candidates = dict.fromkeys((items.answer_line(frequent[0]), frequent[1]))
    if len(candidates) == 1:
        return frequent[1]
    return max(candidates, key=lambda text: sum(outcome["value"] for outcome in judged(goal, text, rows)))


def train(goal: Goal, splits: Mapping[str, list[Row]]) -> list[Row]:
    """Return train items: of a person's files all, of a generated goal some, of lm-eval's own tasks none."""
    if "train" in splits:
        return splits["train"]
    return items.take(items.generated(goal, "train", 0), DRAWN) if goal.generator else []


def judged(goal: Goal, text: str, rows: list[Row]) -> list[dict[str, Any]]:
    """Return what one completion gets on each row, as the score stage writes it."""
    outcomes = rewards.many(rewards.scorer(goal), [text] * len(rows), rows)
    return [{"task": goal.name, "doc_id": n, "value": value or 0.0} for n, value in enumerate(outcomes)]
