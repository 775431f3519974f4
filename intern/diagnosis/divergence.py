"""Divergence: the loss is far above that of the stage's input checkpoint, or the policy has become
noise. A step too large has destroyed what was learnt; later steps repair a part of it at best.

The logged loss of a small batch is noise first of all: rows of real text differ by nats, and a model that does not
change logs any of them. The held-out loss is always of the same rows: what does not change does not move it.
"""

from collections.abc import Sequence
from statistics import fmean

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom
from intern.diagnosis._trend import earning, ends

AFTER = ("nan",)
RATIO = 2.5  # of the loss at entry; healthy warm-ups were seen to reach 1.8
ABOVE = 0.1  # nats above it at least: twice almost nothing is almost nothing
MOST = 0.5  # nats above it that are too many whatever the loss at entry was; healthy runs stayed under 0.05
RUN, EARLIER = 4, 8  # by chance 4 rows are above all n before them once in C(n+4, 4): 1 in 124 over all n from 8 on
NOISE = 4.0  # of the entropy at entry, and at least FLOOR nats
FLOOR = 1.0
REMEDIES = (
    ("learning_rate", times(0.1)),
    ("learning_rate", times(0.3)),
    ("max_grad_norm", times(0.3)),
    ("warmup_steps", to(0.3)),
)


def check(run: Run) -> Symptom | None:
    """Fire when what is learnt has become much worse than at entry, on witnesses that noise does not sway."""
    return of_rollouts(run) if run.samples else of_targets(run)


def of_targets(run: Run) -> Symptom | None:
    """Fire when an evaluation and the row before it stand beyond the bound, or a whole run of rows above all before."""
    held_out, losses = run.series("eval_loss"), run.series("loss")
    if not held_out or not losses:
        return None
    entry = held_out[0]
    bound = entry + min(max((RATIO - 1) * entry, ABOVE), MOST)
    if "eval_loss" in run.last:
        worse = len(held_out) > 1 and min(held_out[-1], losses[-1]) > bound and held_out[-1] >= min(held_out[1:])
        seen, what = held_out[-1], "held-out loss"
    else:
        worse = "loss" in run.last and min(losses[-RUN:]) > bound and outranks(losses)
        seen, what = fmean(losses[-RUN:]), "loss"
    return Symptom(f"{what} is {seen:.2f} and was {entry:.2f} when the stage began", REMEDIES) if worse else None


def outranks(losses: Sequence[float]) -> bool:
    """Return whether the last rows are above all before them, of which there are enough."""
    before, last = losses[:-RUN], losses[-RUN:]
    return len(before) >= EARLIER and min(last) > max(before)


def of_rollouts(run: Run) -> Symptom | None:
    """Fire when the entropy has grown to noise and the rollouts earn no more for it."""
    pair = ends(run, "entropy")
    if pair is None:
        return None
    first, last = pair
    if last.mean <= max(NOISE * first.mean, FLOOR) or earning(run):
        return None
    return Symptom(f"entropy is {last.mean:.2f} and was {first.mean:.2f} when the stage began", REMEDIES)
