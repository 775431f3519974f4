"""Decline: fewer of the held-out prompts are right than when the checkpoint entered the stage, by more than
chance explains. What a stage takes away slowly, or from a low reward, shows here and not in the rollouts."""

from math import comb

from intern.config import Recipe
from intern.diagnosis import Rows, found, halfway
from intern.records import Diagnosis
from intern.remedy import more, remedies, times, to

STAGES = ("sft", "grpo")
RANK = 45
ONCE, TWICE = 0.001, 0.01  # chance of so many losses over wins: in one look, in each of the last two
LOST = 1 / 3  # of what was right at entry, at least


def check(rows: Rows, recipe: Recipe) -> Diagnosis | None:
    """Fires when the last look, or the last two, show it; SFT has until half-way to warm up, and while it mends."""
    looks = [row["right"] for row in rows if "right" in row]
    if len(looks) < 2 or "right" not in rows[-1]:
        return None
    entry, *later = looks
    right = [look.count("1") for look in looks]
    if right[-1] > (1 - LOST) * right[0]:
        return None
    if rows[-1]["stage"] == "sft" and (not halfway(rows) or right[-1] > right[-2]):
        return None
    chances = [chance(entry, look) for look in later[-2:]]
    if chances[-1] > ONCE and (len(chances) < 2 or max(chances) > TWICE):
        return None
    stage = rows[-1]["stage"]
    cures = remedies(
        recipe,
        (f"{stage}.learning_rate", times(0.1)),
        (f"{stage}.learning_rate", times(0.3)),
        *((("data.verified", to(True)), ("sft.max_steps", more)) if stage == "sft" else ()),
        *((("grpo.beta", more), ("grpo.num_generations", more)) if stage == "grpo" else ()),
    )
    symptom = f"{right[-1]} of {len(entry)} held-out prompts are right, and {right[0]} were when the stage began"
    return found("decline", rows, symptom, cures)


def chance(entry: str, look: str) -> float:
    """The exact chance of so many losses or more among the prompts that were won or lost since entry."""
    lost = sum(a > b for a, b in zip(entry, look, strict=True))
    won = sum(a < b for a, b in zip(entry, look, strict=True))
    return sum(comb(lost + won, k) for k in range(lost, lost + won + 1)) / 2 ** (lost + won)
