"""The items of a goal: the rows of its splits, their canonical keys, and the rule that keeps them apart.

Generated goals keep no list of held-out items: the hash of the canonical key decides the split, so that
pretraining, training, dev and test are disjoint by construction, in every process and on every machine.
A row is a JSON object with question, answer, target (the completion to train on) and key."""

import hashlib
import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config.schema import Goal
from intern.errors import UserError
from intern.rewards.exact_answer import LINE

Row = dict[str, Any]
DEV, TEST = 0.10, 0.15  # shares of all keys: about 410 dev and 610 test items of 4,095 two-digit sums
DRY = 20_000  # draws in a row without a new item after which a generator counts as exhausted


def split_of(key: str) -> str:
    """The split ("train", "dev" or "test") of the item with this canonical key."""
    fraction = share_of(key)
    return "dev" if fraction < DEV else "test" if fraction < DEV + TEST else "train"


def share_of(key: str) -> float:
    """A fixed number in [0, 1) for a key, uniform over keys."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def normal(question: str) -> str:
    """The canonical key of an item that no generator made: its words, without case."""
    return " ".join(question.casefold().split())


def generated(goal: Goal, split: str, seed: int) -> Iterator[Row]:
    """Distinct items of one split from the goal's generator, until it runs dry."""
    generator = plugins.load("generators", goal.generator or "")
    rng, seen, dry = random.Random(f"{goal.generator}/{split}/{seed}"), set(), 0
    while dry < DRY:
        item = generator.draw(rng)
        key = generator.key(item["question"])
        dry += 1
        if key not in seen and split_of(key) == split:
            seen.add(key)
            dry = 0
            yield row(goal, item, key)


def row(goal: Goal, item: Row, key: str | None = None) -> Row:
    """One item as the stages and the evaluator see it: the prompt applied, target and key filled in."""
    question = goal.prompt.format(question=item["question"])
    return {**item, "question": question, "target": target_of(item), "key": key or normal(question)}


def target_of(item: Row) -> str:
    """The item's own target, else the line of its answer; blank where the answer is, so that cleaning sees it."""
    given, answer = (str(value) if (value := item.get(name)) is not None else "" for name in ("target", "answer"))
    return given or (LINE.format(answer=answer) if answer.strip() else "")


def take(rows: Iterable[Row], count: int) -> list[Row]:
    """The first `count` rows."""
    return [r for _, r in zip(range(count), rows, strict=False)]


def materialise(goal: Goal, folder: Path) -> None:
    """Write dev.jsonl, test.jsonl, few_shot.jsonl and, for own files, train.jsonl. lm-eval's own tasks need none.

    Raises UserError for files that cannot be used, before anything expensive starts."""
    if goal.data_dir:
        splits = local(goal, Path(goal.data_dir).expanduser())
    elif goal.generator:
        splits = {
            "dev": take(generated(goal, "dev", 0), goal.dev_items),
            "test": take(generated(goal, "test", 0), goal.test_items),
        }
        shown = take(generated(goal, "train", 0), max(goal.few_shot, 1))  # datasets refuses an empty split
        splits["few_shot"] = [{**r, "target": r.get("solution", r["target"])} for r in shown]
    elif goal.dev and goal.test:
        return
    else:
        raise UserError(
            f"Goal {goal.name} has no items. Give it a folder with train.jsonl and test.jsonl: goal.data_dir=PATH "
            "(or, in its YAML, a generator, or lm-eval tasks for dev and test)."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        write(folder / f"{split}.jsonl", rows)


def local(goal: Goal, folder: Path) -> dict[str, list[Row]]:
    """The splits of a person's own files; dev is carved from train by key where there is no dev.jsonl."""
    test, train = (columns(goal, folder / f"{split}.jsonl") for split in ("test", "train"))
    held = {r["key"] for r in test}
    train = [r for r in train if r["key"] not in held]
    if (folder / "dev.jsonl").exists():
        dev = columns(goal, folder / "dev.jsonl")
    else:
        dev = [r for r in train if share_of(r["key"]) < goal.dev_share]
    held |= {r["key"] for r in dev}
    train = [r for r in train if r["key"] not in held]
    for split, rows in (("train", train), ("dev", dev)):
        if not rows:
            raise UserError(
                f"{folder}: no {split} items are left (dev_share={goal.dev_share}; items of test and dev are "
                "taken out of train). Give more rows, or a dev.jsonl, or another goal.dev_share."
            )
    return {"train": train, "dev": dev, "test": test, "few_shot": train[: max(goal.few_shot, 1)]}


def columns(goal: Goal, path: Path) -> list[Row]:
    """The rows of one file with the goal's columns; raises UserError with every broken line."""
    raw, found = read_checked(path), []
    for number, item in enumerate(raw, 1):
        missing = [theirs for theirs in goal.columns.values() if not isinstance(item, dict) or theirs not in item]
        if missing:
            have = ", ".join(item) if isinstance(item, dict) else type(item).__name__
            found.append(f"line {number}: no column {', '.join(missing)} (it has: {have})")
    if found:
        raise UserError(
            "\n".join(
                [
                    f"{path} lacks columns that goal.columns={goal.columns} names:",
                    *shorten(found),
                    "Mend the file, or map the columns: goal.columns.question=<its name>.",
                ]
            )
        )
    return [row(goal, {ours: item[theirs] for ours, theirs in goal.columns.items()}) for item in raw]


def read_checked(path: Path) -> list[Any]:
    """The JSON values of a file, one a line; raises UserError with every line that does not parse."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(
            f"Cannot read {path}: {error}. goal.data_dir needs train.jsonl and test.jsonl, as UTF-8."
        ) from None
    values, found = [], []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            values.append(json.loads(line))
        except json.JSONDecodeError as error:
            found.append(f"line {number}: {error.msg} at column {error.colno}: {line[:60]!r}")
    if found:
        raise UserError(
            "\n".join([f"{path} has lines that are not JSON:", *shorten(found), "Mend or remove these lines."])
        )
    if not values:
        raise UserError(f"{path} is empty: one JSON object a line is needed.")
    return values


def shorten(found: list[str], most: int = 10) -> list[str]:
    """The first faults, indented, and how many more there are."""
    return [f"  - {fault}" for fault in found[:most]] + [f"  … and {len(found) - most} more"] * (len(found) > most)


def read(path: Path) -> list[Row]:
    """Rows that the project itself wrote."""
    with path.open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def write(path: Path, rows: Iterable[Row]) -> None:
    """Rows, one JSON object a line."""
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
