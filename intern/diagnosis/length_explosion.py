"""Length explosion: completions have grown to twice their length and run into their limit, while the reward has
not grown with them. Longer reasoning that pays is no fault."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, mean, series
from intern.diagnosis._remedies import times, to

STAGES = ("grpo",)
RANK = 25
LAST = 2
GROWN = 2.0  # times the first row's mean length
CLIPPED = 0.25  # share of completions cut at max_completion_length
CURES = (
    ("grpo.learning_rate", times(0.3)),
    ("grpo.mask_truncated_completions", to(True)),
    ("grpo.loss_type", to("dr_grpo")),
    ("grpo.learning_rate", times(0.1)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last rows are all so long and so often cut, and earn no more than the first did."""
    lengths, clipped = series(rows, "completions/mean_length"), series(rows, "completions/clipped_ratio")
    rewards = series(rows, "reward")
    if len(lengths) <= LAST or not clipped or not rewards:
        return None
    grown = min(lengths[-LAST:]) >= GROWN * lengths[0] and min(clipped[-LAST:]) >= CLIPPED
    if not grown or mean(rewards[-LAST:]) > rewards[0]:
        return None
    symptom = f"completions grew from {lengths[0]:.0f} to {lengths[-1]:.0f} tokens, {clipped[-1]:.0%} of them cut"
    return symptom, CURES
