"""Entropy collapse: the policy says one thing only, and that thing earns no more than what it began with, so
that sampling can find nothing better any more."""

from statistics import fmean

from intern.config.changes import more, times
from intern.diagnosis import Run, Symptom
from intern.diagnosis._trend import earning, ends

AFTER = ("one_answer",)
LAST = 3
FALLEN = 0.1  # of the entropy of the first rows
DEAD = 0.5  # share of groups without spread of reward
SOLVED = 0.9  # of the highest reward: nothing better is left to find
REMEDIES = (
    ("temperature", more),
    ("learning_rate", times(0.3)),
    ("entropy_coef", more),
    ("epsilon_high", more),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last rows all have so little entropy and spread, and earn no more than the first did."""
    levels, dead = ends(run, "entropy"), run.series("frac_reward_zero_std")[-LAST:]
    entropy, rewards = run.series("entropy"), run.series("reward")
    if levels is None or len(entropy) <= LAST or len(dead) < LAST or not rewards:
        return None
    first, last = levels
    low = max(last.mean, *entropy[-LAST:]) <= FALLEN * first.mean
    if not low or min(dead) < DEAD or fmean(rewards[-LAST:]) > SOLVED * run.top_reward or earning(run):
        return None
    return Symptom(f"entropy fell from {first.mean:.3f} to {entropy[-1]:.3f} nats", REMEDIES)
