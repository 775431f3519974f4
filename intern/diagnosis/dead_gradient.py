"""Dead gradient: in almost every group all completions earn the same, so that no advantage is left to learn
from. The tasks are too hard for this checkpoint, sampling too cold, or the reward finds nothing to judge."""

from math import ceil

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, mean, prompts, series
from intern.diagnosis._remedies import more, times

STAGES = ("grpo",)
RANK = 60
LAST = 3  # logged rows in a row, at least
PROMPTS = 30  # behind those rows, at least: hard and easy ones come in runs
DEAD = 0.9  # share of groups without spread of reward
SOLVED = 0.9  # of the highest reward: groups that are all right are no fault
CURES = (
    ("grpo.num_generations", more),
    ("grpo.temperature", more),
    ("grpo.learning_rate", times(0.1)),
    ("grpo.max_completion_length", times(2)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last rows all have DEAD groups or more and the reward is not at its top."""
    last = max(LAST, ceil(PROMPTS / prompts(rows, recipe)))
    dead, rewards = series(rows, "frac_reward_zero_std")[-last:], series(rows, "reward")[-last:]
    top = sum(recipe.rewards.values())
    if len(dead) < last or min(dead) < DEAD or not rewards or mean(rewards) >= SOLVED * top:
        return None
    symptom = f"{mean(dead):.0%} of groups have no spread of reward, at a reward of {mean(rewards):.2f} of {top:.2g}"
    return symptom, CURES
