"""Divergence: the loss stands far above that of the checkpoint which entered the stage, or the policy has become
noise. A step too large has destroyed what was learnt; later steps repair a part of it at best."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, mean, series
from intern.diagnosis._remedies import times, to

STAGES = ("sft", "grpo")
RANK = 10
LAST = 2  # logged rows in a row: one spike is often made good
RATIO = 2.5  # of the loss at entry; healthy warm-ups were seen to reach 1.8
ABOVE = 0.1  # nats above it at least: twice almost nothing is almost nothing
MOST = 0.5  # nats above it that are too many whatever the loss at entry was; healthy runs stayed under 0.05
NOISE = 4.0  # of the entropy at entry, and at least FLOOR nats
FLOOR = 1.0
CURES = (
    (".learning_rate", times(0.1)),
    (".learning_rate", times(0.3)),
    (".max_grad_norm", times(0.3)),
    (".warmup_steps", to(0.3)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires when the last rows all stand beyond the bound; entry is the first evaluation or rollout."""
    stage = rows[-1]["stage"]
    key, entry_key = ("loss", "eval_loss") if stage == "sft" else ("entropy", "entropy")
    entry, last = series(rows, entry_key)[:1], series(rows, key)[-LAST:]
    if not entry or len(last) < LAST or key not in rows[-1]:
        return None
    rise = min(max((RATIO - 1) * entry[0], ABOVE), MOST)
    bound = entry[0] + rise if stage == "sft" else max(NOISE * entry[0], FLOOR)
    if min(last) <= bound:
        return None
    return f"{key} is {mean(last):.2f} and was {entry[0]:.2f} when the stage began", CURES
