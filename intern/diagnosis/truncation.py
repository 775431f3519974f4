"""Truncation: most of what the model writes is cut at its limit, so that the answer is never reached and the end
of a turn never learnt."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, halfway, mean, series
from intern.diagnosis._remedies import times, to

STAGES = ("sft", "grpo")
RANK = 35
LAST = 3
CUT = 0.5  # share of outputs
CURES = (
    ("synthetic.style", to("answer")),
    ("sft.max_length", times(2)),
    ("sft.max_steps", times(2)),
    ("data.verified", to(True)),
    ("grpo.max_completion_length", times(4)),
    ("grpo.max_completion_length", times(2)),
    ("grpo.mask_truncated_completions", to(True)),
    ("grpo.learning_rate", times(0.3)),
    ("grpo.learning_rate", times(0.1)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last rows are all cut so often, and no less often than before."""
    stage = rows[-1]["stage"]
    key = "completions/clipped_ratio" if stage == "grpo" else "truncation"
    rates = series(rows, key)
    last = rates[-LAST:]
    if len(last) < LAST or key not in rows[-1] or (stage == "sft" and not halfway(rows)):
        return None  # a base may not know yet how to stop
    rewards = series(rows, "reward")
    if rewards and not halfway(rows) and mean(rewards[-LAST:]) > rewards[0]:
        return None
    if min(last) < CUT or last[-1] < last[0]:
        return None
    return f"{mean(last):.0%} of the outputs are cut at their limit", CURES
