"""A task of reasoning-gym judges by its own verifier what follows the last `ANSWER:`.

That is a line, or all the text to the end if the item's own answer has several lines. A full score is 1, anything less
is 0; with `partial` a reward gives the verifier's partial credit too.

    rewards: {goal: 1.0, reasoning_gym: {weight: 0.2, partial: true}}
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from intern import gym
from intern.errors import UserError
from intern.rewards import exact_answer

LONGEST = 10_000  # characters of an answer; a grid of 30 by 30 has 1,800
READABLE = {  # what may reach a verifier that runs it as Python code: characters that can name and call nothing
    "binary_matrix": re.compile(r"[\d\s]*", re.ASCII),
    "countdown": re.compile(r"(?!.*\*\s*\*)[\d+\-*/() ]{1,200}", re.ASCII),
    "n_queens": re.compile(r"[_Q\s]*", re.ASCII),
    "spiral_matrix": re.compile(r"[\d\s]*", re.ASCII),
    "string_insertion": re.compile(r"[A-Z]*", re.ASCII),
}


@dataclass
class Settings:
    """How it judges."""

    partial: bool = False
    """Give partial credit."""


def outcome(text: str, row: Mapping[str, Any], settings: Settings) -> float | None:
    """Return the score; None without an answer. A row of another source is compared as exact_answer does."""
    entry = row.get("entry")
    if not isinstance(entry, str):
        return exact_answer.outcome(text, row)
    given = given_answer(text, str(row["answer"]))
    if given is None:
        return None
    value = judged(entry, given[:LONGEST])
    return value if settings.partial else float(value >= 1.0)


def given_answer(text: str, wanted: str) -> str | None:
    """Return what a completion gives as its answer, as many lines as the wanted one may have."""
    _, found, rest = text.rpartition("ANSWER:")
    if "\n" not in wanted.strip():
        rest = rest.partition("\n")[0]
    return rest.strip() or None if found else None


@lru_cache(1024)
def judged(entry: str, answer: str) -> float:
    """Return the verifier's score of an answer.

    Raises:
        UserError: if the item was drawn by another version of the library, which may draw another one.
    """
    item = json.loads(entry)
    made, here = item.pop("version"), gym.version()
    if made != here:
        fix = f"pip install reasoning-gym=={made}"
        raise UserError(f"The items are of reasoning-gym {made}, and {here} is installed: {fix}")
    readable = READABLE.get(item["task"])
    if readable is not None and not readable.fullmatch(answer):
        return 0.0
    return gym.score(**item, answer=answer)
