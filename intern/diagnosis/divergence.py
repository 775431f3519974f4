"""Divergence: the loss is far above that of the stage's input checkpoint, or the policy has become
noise. A step too large has destroyed what was learnt; later steps repair a part of it at best."""

from statistics import fmean

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom

AFTER = ("nan",)
LAST = 2  # logged rows in a row: one spike is often made good
RATIO = 2.5  # of the loss at entry; healthy warm-ups were seen to reach 1.8
ABOVE = 0.1  # nats above it at least: twice almost nothing is almost nothing
MOST = 0.5  # nats above it that are too many whatever the loss at entry was; healthy runs stayed under 0.05
NOISE = 4.0  # of the entropy at entry, and at least FLOOR nats
FLOOR = 1.0
REMEDIES = (
    ("learning_rate", times(0.1)),
    ("learning_rate", times(0.3)),
    ("max_grad_norm", times(0.3)),
    ("warmup_steps", to(0.3)),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last rows all stand beyond the bound; entry is the first evaluation or rollout."""
    key, entry_key = ("entropy", "entropy") if run.samples else ("loss", "eval_loss")
    entry, last = run.series(entry_key)[:1], run.series(key)[-LAST:]
    if not entry or len(last) < LAST or key not in run.last:
        return None
    rise = min(max((RATIO - 1) * entry[0], ABOVE), MOST)
    bound = max(NOISE * entry[0], FLOOR) if run.samples else entry[0] + rise
    if min(last) <= bound:
        return None
    return Symptom(f"{key} is {fmean(last):.2f} and was {entry[0]:.2f} when the stage began", REMEDIES)
