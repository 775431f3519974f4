"""Decline: fewer of the held-out prompts are right than when the stage began, or than they were at its best, by more
than chance explains. What a stage takes away slowly, or from a low reward, shows here and not in the rollouts."""

from collections.abc import Sequence
from math import comb

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, halfway
from intern.diagnosis._remedies import more, times, to

STAGES = ("sft", "grpo")
RANK = 45
LEVELS = {1: 0.001, 2: 0.01}  # chance of so many losses over wins in each of the last 1 or 2 looks
LOST = 1 / 3  # of what was right at best, at least
CURES = (
    (".learning_rate", times(0.1)),
    (".learning_rate", times(0.3)),
    ("data.verified", to(True)),
    ("sft.max_steps", more),
    ("grpo.beta", more),
    ("grpo.num_generations", more),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last look, or the last two, show it; SFT has until half-way to warm up, and while it mends."""
    looks = [row["right"] for row in rows if "right" in row]
    if len(looks) < 2 or "right" not in rows[-1]:
        return None
    right = [look.count("1") for look in looks]
    if right[-1] > (1 - LOST) * max(right) or not any(fallen(looks, last, LEVELS[last]) for last in LEVELS):
        return None
    if rows[-1]["stage"] == "sft" and (not halfway(rows) or right[-1] > right[-2]):
        return None
    symptom = f"{right[-1]} of {len(looks[-1])} held-out prompts are right, and {right[0]} were when the stage began"
    symptom += f", {max(right)} at its best" if max(right) > right[0] else ""
    return symptom, CURES


def fallen(looks: Sequence[str], last: int, level: float) -> bool:
    """Whether the last looks all stand below the first one, or below the best before them, which each of those could
    have been (Bonferroni)."""
    before = looks[:-last]
    best = max(before, key=lambda look: look.count("1"), default="")
    references = ((before[0], level), (best, level / len(before))) if before else ()
    return any(all(chance(look, now) <= bound for now in looks[-last:]) for look, bound in references)


def chance(before: str, look: str) -> float:
    """The exact chance of so many losses or more among the prompts that were won or lost since an earlier look."""
    lost = sum(a > b for a, b in zip(before, look, strict=True))
    won = sum(a < b for a, b in zip(before, look, strict=True))
    return sum(comb(lost + won, k) for k in range(lost, lost + won + 1)) / 2 ** (lost + won)
