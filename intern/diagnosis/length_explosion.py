"""Length explosion: completions have grown to twice their length and run into their limit, while the reward has
not grown with them. Longer reasoning that pays is no fault."""

from intern.config.changes import times, to
from intern.diagnosis import Run, Symptom
from intern.diagnosis._trend import earning, ends

AFTER = ("kl_explosion",)
GROWN = 2.0  # times the length at first: were lengths as spread as they are long, 4 errors of the mean of 16 prompts
CLIPPED = 0.25  # share of completions cut at max_completion_length
REMEDIES = (
    ("learning_rate", times(0.3)),
    ("mask_truncated_completions", to(True)),
    ("loss_type", to("dr_grpo")),
    ("learning_rate", times(0.1)),
)


def check(run: Run) -> Symptom | None:
    """Fire when the last rows are so long and so often cut, and earn no more than the first did."""
    lengths, clipped = ends(run, "completions/mean_length"), ends(run, "completions/clipped_ratio")
    if lengths is None or clipped is None or earning(run):
        return None
    first, last = lengths
    if last.mean < GROWN * first.mean or clipped[1].mean <= CLIPPED:
        return None
    text = f"completions grew from {first.mean:.0f} to {last.mean:.0f} tokens, {clipped[1].mean:.0%} of them cut"
    return Symptom(text, REMEDIES)
