"""Overfitting: rows are seen again, the loss on them falls on, and on held-out rows it has risen well above its
lowest point, with no more tokens right. A rise alone may be a rough patch of a schedule, or mere confidence."""

from intern.config.changes import more, times, to
from intern.diagnosis import Run, Symptom, series

AFTER = ("dead_gradient",)
LAST = 2
RISE = 1.3  # times the lowest loss on held-out rows
FALL = 0.8  # of the training loss at that point


def check(run: Run) -> Symptom | None:
    """Fire after the first epoch when the last evaluations all stand so far above the lowest one."""
    losses, right = run.series("eval_loss"), run.series("eval_mean_token_accuracy")
    if len(losses) < LAST + 2 or len(right) != len(losses) or "eval_loss" not in run.last:
        return None
    best = losses.index(min(losses))
    place = next(i for i, row in enumerate(run.rows) if row.get("eval_loss") == losses[best])
    then = series(run.rows[:place], "loss")
    epochs = max(run.series("epoch"), default=0.0)
    if not then or epochs <= 1.0 or run.series("loss")[-1] > FALL * then[-1]:
        return None
    if min(losses[-LAST:]) < RISE * losses[best] or max(right[-LAST:]) > right[best]:
        return None
    share = max(run.rows[place]["step"], 1) / run.last["steps"]
    remedies = (
        ("max_steps", times(share)),
        ("weight_decay", more),
        ("learning_rate", times(0.3)),
        ("*.verified", to(True)),
    )
    text = f"loss on held-out rows rose from {losses[best]:.3f} to {losses[-1]:.3f}, and no more tokens are right"
    return Symptom(text, remedies)
