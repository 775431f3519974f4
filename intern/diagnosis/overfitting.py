"""Overfitting: rows are seen again, the loss on them falls on, and on held-out rows it has risen well above its
lowest point, with no more tokens right. A rise alone may be a rough patch of a schedule, or mere confidence."""

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, series
from intern.diagnosis._remedies import more, times, to

STAGES = ("sft",)
RANK = 65
LAST = 2
RISE = 1.3  # times the lowest loss on held-out rows
FALL = 0.8  # of the training loss at that point


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires after the first epoch when the last evaluations all stand so far above the lowest one."""
    held, right = series(rows, "eval_loss"), series(rows, "eval_mean_token_accuracy")
    if len(held) < LAST + 2 or len(right) != len(held) or "eval_loss" not in rows[-1]:
        return None
    best, at = held.index(min(held)), [row["step"] for row in rows if series([row], "eval_loss")]
    then = series(rows[: [i for i, row in enumerate(rows) if row.get("eval_loss") == held[best]][0]], "loss")
    if not then or max(series(rows, "epoch"), default=0.0) <= 1.0 or series(rows, "loss")[-1] > FALL * then[-1]:
        return None
    if min(held[-LAST:]) < RISE * held[best] or max(right[-LAST:]) > right[best]:
        return None
    share = max(at[best], 1) / rows[-1]["steps"]
    cures = (
        ("sft.max_steps", times(share)),
        ("sft.num_train_epochs", times(share)),
        ("sft.weight_decay", more),
        ("sft.learning_rate", times(0.3)),
        ("data.verified", to(True)),
    )
    symptom = f"loss on held-out rows rose from {held[best]:.3f} to {held[-1]:.3f}, and no more tokens are right"
    return symptom, cures
