"""Length explosion: completions have grown to twice their length and run into their limit, while the reward has
not grown with them. Longer reasoning that pays is no fault."""

from statistics import fmean

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom

AFTER = ("kl_explosion",)
LAST = 2
GROWN = 2.0  # times the first row's mean length
CLIPPED = 0.25  # share of completions cut at max_completion_length
REMEDIES = (
    ("learning_rate", times(0.3)),
    ("mask_truncated_completions", to(True)),
    ("loss_type", to("dr_grpo")),
    ("learning_rate", times(0.1)),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last rows are all so long and so often cut, and earn no more than the first did."""
    lengths, clipped = run.series("completions/mean_length"), run.series("completions/clipped_ratio")
    rewards = run.series("reward")
    if len(lengths) <= LAST or not clipped or not rewards:
        return None
    grown = min(lengths[-LAST:]) >= GROWN * lengths[0] and min(clipped[-LAST:]) >= CLIPPED
    if not grown or fmean(rewards[-LAST:]) > rewards[0]:
        return None
    text = f"completions grew from {lengths[0]:.0f} to {lengths[-1]:.0f} tokens, {clipped[-1]:.0%} of them cut"
    return Symptom(text, REMEDIES)
