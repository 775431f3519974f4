"""The items of a goal: the rows of its splits, their canonical keys, and the rule that keeps them apart.

Generated goals keep no list of held-out items: the hash of the canonical key decides the split, so that pretraining,
training, dev and test are disjoint by construction, in every process and on every machine. A row is a JSON object with
question (the user's turn), answer (or a list, of which any is right), target (the completion to train on) and key; and
with bare, the question as its source has it, if the goal's prompt or a form of choices has been added to that.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from intern import damage, generators
from intern.config.schema import Goal
from intern.rewards.exact_answer import LINE

Row = dict[str, Any]
DEV, TEST = 0.10, 0.15  # shares of all keys: about 410 dev and 610 test items of 4,095 two-digit sums


def split_of(key: str) -> str:
    """Return the split ("train", "dev" or "test") of the item with this canonical key."""
    share = share_of(key)
    return "dev" if share < DEV else "test" if share < DEV + TEST else "train"


def share_of(key: str) -> float:
    """Return a fixed number in [0, 1) for a key, uniform over keys."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big") / 2**64


def normal(question: str) -> str:
    """Return the canonical key of an item that no generator made: its words, without case."""
    return " ".join(question.casefold().split())


def generated(goal: Goal, split: str, seed: int) -> Iterator[Row]:
    """Yield distinct rows of one split from the goal's generator, until it runs dry."""
    drawn = generators.distinct(goal, f"{goal.generator}/{split}/{seed}", lambda key: split_of(key) == split)
    for key, item in drawn:
        yield row(goal, item, key)


def row(goal: Goal, item: Row, key: str | None = None) -> Row:
    """Return one item as the stages and the evaluator see it: the prompt applied, target and key filled in."""
    asked = text_of(item, "question")
    question = goal.prompt.replace("{question}", asked)
    made = {**item, "question": question, "target": target_of(item), "key": key or normal(asked)}
    return made if question == asked else {**made, "bare": asked}


def bare(row: Row) -> str:
    """Return the question as its source has it."""
    return str(row.get("bare", row["question"]))


def target_of(item: Row) -> str:
    """Return the item's own target, else the line of its answer; blank if the answer is, so that cleaning sees it."""
    target, answer = text_of(item, "target"), text_of(item, "answer")
    if target:
        return target
    return answer_line(answer) if answer.strip() else ""


def answer_line(answer: str) -> str:
    """Return the line that gives an answer to the evaluator."""
    return LINE.format(answer=answer)


def text_of(item: Row, name: str) -> str:
    """Return a value as text, of a list the first that is one; "" for none."""
    value = item.get(name)
    if isinstance(value, list):
        value = next((entry for entry in value if entry is not None), None)
    return "" if value is None else text(value)


def text(value: Any) -> str:
    """Return a value as text, a number that is whole without `.0`: tables make 72.0 of it where a value is missing."""
    whole = isinstance(value, float) and value.is_integer() and abs(value) < 1e15
    return str(int(value) if whole else value)


def fingerprint(rows: Iterable[Row]) -> str:
    """Return the SHA-256 over rows in their order."""
    total = hashlib.sha256()
    for r in rows:
        total.update(json.dumps(r, sort_keys=True).encode() + b"\n")
    return total.hexdigest()


def shortened(text: str, most: int = 160) -> str:
    """Return a text on one line, its middle left out if it is long."""
    line = " ".join(text.split())
    half = (most - 3) // 2
    return line if len(line) <= most else f"{line[:half]} … {line[-half:]}"


def take(rows: Iterable[Row], count: int | None) -> list[Row]:
    """Return the first `count` rows; all of them for None."""
    return list(islice(rows, count))


def read(path: Path) -> list[Row]:
    """Return rows that the project itself wrote.

    Raises:
        UserError: if one of them is no JSON object.
    """
    return damage.rows(path, path.read_bytes())


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, one JSON object a line."""
    path.write_text("".join(json.dumps(r, ensure_ascii=False) + "\n" for r in rows), encoding="utf-8")
