"""Any of 94 procedural tasks of reasoning-gym (arXiv:2505.24760), with the task's own settings of how hard it is.

Items are drawn by seed. Their splits are those of their questions: the same question under another seed, or of another
config, is the same item. Items have no worked solution, and a task's own verifier judges: the scorer of this name.

    python -m intern goal=reasoning_gym goal.task=gcd study=gcd
"""

import json
import random
from dataclasses import dataclass, field
from typing import Any

from intern import gym
from intern.config.ranges import Text
from intern.errors import UserError

TRIES = 100  # seeds in a row; some tasks fail on a few, or have a few items whose answer is blank


@dataclass
class Settings:
    """What is drawn."""

    task: Text = "chain_sum"
    """Its name in the library."""
    task_config: dict[str, Any] = field(default_factory=dict)
    """Fields of the task's own config, such as max_terms: how hard it is."""


def faults(settings: Any) -> list[str]:
    """Return what is wrong with the settings; the library is loaded only to judge a config that is given."""
    try:
        gym.version()
    except UserError as error:
        return [f"generator: {error}"]
    if why := gym.fault(settings.task):
        return [f"task: {why}"]
    given = settings.task_config
    return [f"task_config: {line}" for line in gym.config_faults(settings.task, given)] if given else []


def draw(rng: random.Random, settings: Any) -> dict[str, str]:
    """Return one item: question, answer, and the entry by which the verifier finds it again."""
    why = "their answers are blank"
    for _ in range(TRIES):
        entry = {"task": settings.task, "config": settings.task_config, "seed": rng.randrange(2**31)}
        try:
            item = gym.item(**entry)
        except gym.Ended:
            raise
        except UserError as error:
            why = str(error)
            continue
        if item["question"].strip() and item["answer"].strip():
            return {**item, "entry": json.dumps({**entry, "version": gym.version()})}
    raise UserError(f"{settings.task} has drawn no item with {TRIES} seeds: {why}")


def key(question: str) -> str:
    """Return the item's canonical name: its words, without case."""
    return " ".join(question.casefold().split())
