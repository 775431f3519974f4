"""Entropy collapse: the policy says one thing only, and that thing earns no more than what it began with, so
that sampling can find nothing better any more."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, mean, series
from intern.diagnosis._remedies import more, times

STAGES = ("grpo",)
RANK = 50
LAST = 3
FALLEN = 0.1  # of the entropy of the first row
DEAD = 0.5  # share of groups without spread of reward
SOLVED = 0.9  # of the highest reward: nothing better is left to find
CURES = (
    ("grpo.temperature", more),
    ("grpo.learning_rate", times(0.3)),
    ("grpo.entropy_coef", more),
    ("grpo.epsilon_high", more),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last rows all have so little entropy and spread, and earn no more than the first did."""
    entropy, rewards = series(rows, "entropy"), series(rows, "reward")
    dead = series(rows, "frac_reward_zero_std")[-LAST:]
    if len(entropy) <= LAST or len(rewards) <= LAST or len(dead) < LAST:
        return None
    enough = min(rewards[0], SOLVED * sum(recipe.rewards.values()))
    if max(entropy[-LAST:]) > FALLEN * entropy[0] or min(dead) < DEAD or mean(rewards[-LAST:]) > enough:
        return None
    return f"entropy fell from {entropy[0]:.3f} to {entropy[-1]:.3f} nats", CURES
