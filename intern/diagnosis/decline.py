"""Decline: fewer of the held-out prompts are right than when the stage began, or than they were at its best, by more
than chance explains. What a stage takes away slowly, or from a low reward, shows here and not in the rollouts."""

from collections.abc import Sequence

from intern.config.changes import more, times, to
from intern.diagnosis import Run, Symptom

AFTER = ("reward_collapse",)
LEVELS = {1: 0.001, 2: 0.01}  # chance of so many losses over wins in each of the last 1 or 2 probes
LOST = 1 / 3  # of what was right at best, at least
OF_TARGETS = (
    ("learning_rate", times(0.1)),
    ("learning_rate", times(0.3)),
    ("*.verified", to(True)),
    ("max_steps", more),
)
OF_ROLLOUTS = (
    ("learning_rate", times(0.1)),
    ("learning_rate", times(0.3)),
    ("beta", more),
    ("num_generations", more),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last probe, or the last two, have fallen; if the stage learns targets, not before half-way, and not
    while the last probe is better than the one before it."""
    probes = [row["right"] for row in run.rows if "right" in row]
    if len(probes) < 2 or "right" not in run.last:
        return None
    right = [probe.count("1") for probe in probes]
    if right[-1] > (1 - LOST) * max(right) or not any(fallen(probes, last, LEVELS[last]) for last in LEVELS):
        return None
    if not run.samples and (not run.halfway or right[-1] > right[-2]):
        return None
    text = f"{right[-1]} of {len(probes[-1])} held-out prompts are right, and {right[0]} were when the stage began"
    text += f", {max(right)} at its best" if max(right) > right[0] else ""
    return Symptom(text, OF_ROLLOUTS if run.samples else OF_TARGETS)


def fallen(probes: Sequence[str], last: int, level: float) -> bool:
    """Return whether the last probes are all below the first one, or the best before them, by more than chance; the
    best is picked from several (Bonferroni)."""
    before = probes[:-last]
    if not before:
        return False
    best = max(before, key=lambda probe: probe.count("1"))
    references = ((before[0], level), (best, level / len(before)))
    return any(all(chance(probe, now) <= bound for now in probes[-last:]) for probe, bound in references)


def chance(before: str, now: str) -> float:
    """Return the exact chance of so many losses or more among the prompts that were won or lost since then."""
    from scipy.special import bdtrc  # the binomial's tail above; scipy.stats takes a second to import

    lost = sum(a > b for a, b in zip(before, now, strict=True))
    won = sum(a < b for a, b in zip(before, now, strict=True))
    return float(bdtrc(lost - 1, lost + won, 0.5)) if lost else 1.0
