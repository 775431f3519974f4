"""Reward collapse: the reward has fallen to half of what it was, by more than sampling explains. Too high a
learning rate is the usual cause; the policy has left the region in which its rewards mean anything."""

from collections.abc import Sequence

from intern.config import Recipe
from intern.diagnosis import Rows, found, mean, series
from intern.records import Diagnosis
from intern.remedy import more, remedies, times

STAGES = ("grpo",)
RANK = 40
LAST = 2  # logged rows in a row: one poor batch is no collapse
FALLEN = 0.5  # of the second-best row: the best may be a lucky batch
SIGMAS = 3.0  # standard errors of the difference


def check(rows: Rows, recipe: Recipe) -> Diagnosis | None:
    """Fires when the mean of the last rows is at most FALLEN of the peak, and the gap is no accident."""
    rewards = series(rows, "reward")
    if len(rewards) <= LAST or "reward" not in rows[-1]:
        return None
    peak, low = sorted(rewards)[-2], mean(rewards[-LAST:])
    if peak <= 0 or low > FALLEN * peak or peak - low < SIGMAS * error(rewards, rows, recipe):
        return None
    cures = remedies(
        recipe,
        ("grpo.learning_rate", times(0.1)),
        ("grpo.learning_rate", times(0.3)),
        ("grpo.beta", more),
        ("grpo.num_generations", more),
    )
    return found("reward_collapse", rows, f"reward fell from {peak:.2f} to {low:.2f}", cures)


def error(rewards: Sequence[float], rows: Rows, recipe: Recipe) -> float:
    """Standard error of the difference of two rows: a reward in [0, top] varies at most as right and wrong do."""
    steps = [row["step"] for row in rows if "reward" in row]
    batch = (recipe.grpo.per_device_train_batch_size or 8) * (recipe.grpo.gradient_accumulation_steps or 1)
    completions = max(1, steps[-1] - steps[-2]) * batch
    top = sum(recipe.rewards.values()) or 1.0
    middle = min(max(mean(rewards), 0.0), top)
    return (2 * middle * (top - middle) / completions) ** 0.5
