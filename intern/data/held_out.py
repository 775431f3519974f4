"""The items of a goal that no training row may be or look like: dev, test and the few-shot examples, of every task."""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config.schema import Goal
from intern.data import items, tasks
from intern.data.decontamination import Decontamination, HeldOut
from intern.data.items import Row

FILE = "held_out.jsonl"  # beside a goal's items: dev and test whole, with their split, if the goal scores on a part
FEW_SHOT = "few-shot"


def held_out(goal: Goal, folder: Path, stop: str, mirror: str | None) -> list[HeldOut]:
    """Return all items of the goal.

    Of a benchmark of which it scores on a part the whole is held out. Few-shot examples count if it uses some; those
    that a task of lm-eval draws anew for each item are rows of a training split, and do not.

    Args:
        folder: the folder of the goal's items.
        stop: the text that ends an answer.
        mirror: a folder with copies of Hub data sets; None: the Hub.
    """
    held: list[HeldOut] = []
    whole = items.read(folder / FILE) if (folder / FILE).exists() else []
    for split in ("dev", "test"):
        if not tasks.named(goal, split):
            rows = [row for row in whole if row["split"] == split] or items.read(folder / f"{split}.jsonl")
            held += own(split, rows)
            continue
        for task, loaded in tasks.tasks(goal, split, folder, stop, mirror):
            held += documents(f"{split} {task.name}", loaded.eval_docs)
            if goal.few_shot:
                held += documents(f"{FEW_SHOT} {task.name}", fixed(loaded))
    if goal.few_shot and (folder / "few_shot.jsonl").exists():
        held += own(FEW_SHOT, items.read(folder / "few_shot.jsonl"))
    return held


def own(split: str, rows: Sequence[Row]) -> Iterator[HeldOut]:
    """Yield the items of a goal's own split."""
    for number, row in enumerate(rows):
        yield HeldOut(f"{split} {number}", (items.bare(row),), row["key"], items.text_of(row, "answer"))


def documents(name: str, docs: Any) -> Iterator[HeldOut]:
    """Yield items as their data set has them: the rendered prompt would match by its boilerplate."""
    for number, doc in enumerate(docs):
        yield HeldOut(f"{name} {number}", tuple(dict.fromkeys(strings(doc))))


def fixed(loaded: Any) -> list[Any]:
    """Return the few-shot examples that a task of lm-eval names itself."""
    samples = getattr(loaded.config.fewshot_config, "samples", None) or []
    return list(samples() if callable(samples) else samples)


def canonical(goal: Goal, question: str) -> str | None:
    """Return the canonical key of a question that may be one of the goal's generator; None for any other."""
    if not goal.generator:
        return None
    try:
        return str(plugins.load("generators", goal.generator).key(question))
    except Exception:  # the border to a plug-in: a question of another form
        return None


def strings(value: Any) -> list[str]:
    """Return every text of an item but single letters, which label its choices."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) and len(value.strip()) > 1 else []


def counted(held: Sequence[HeldOut]) -> dict[str, dict[str, Any]]:
    """Return of each split, and each task of lm-eval, how many items are held out, and the SHA-256 of their texts."""
    parts = {item: item.name.rpartition(" ")[0] for item in held}
    totals = {part: hashlib.sha256() for part in dict.fromkeys(parts.values())}
    for item, part in parts.items():
        totals[part].update("\0".join([*item.texts, item.key, ""]).encode())
    sizes = Counter(parts.values())
    return {part: {"items": sizes[part], "sha256": total.hexdigest()} for part, total in totals.items()}


def guard(goal: Goal, held: Sequence[HeldOut], rows: Sequence[Row]) -> Decontamination:
    """Return what holds rows against the items, as the goal wants it."""
    return Decontamination(held, rows, goal.overlap_words, goal.only_warn)
