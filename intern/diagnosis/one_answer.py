"""One answer: the model answers almost everything alike, and the right answers are not alike. On a task with a frequent
answer that alone scores well, and is not what was to be learnt."""

from intern.config.changes import more, times
from intern.diagnosis import Run, Symptom

AFTER = ("decline",)
LAST = 2  # looks
ENOUGH = 8  # canaries
ALIKE = 0.9  # share of the held-out prompts with the commonest answer
ABOVE = 0.3  # the share that has the commonest right answer, by at least
REMEDIES = (
    ("learning_rate", times(0.3)),
    ("max_steps", more),
    ("learning_rate", times(3)),
    ("entropy_coef", more),
)


def check(run: Run) -> Symptom | None:
    """Fire from half-way on, when each of the last looks shows one answer, and the held-out loss falls no more."""
    looks = [row for row in run.rows if "alike" in row]
    if "alike" not in run.last or len(looks) <= LAST or run.last["canaries"] < ENOUGH:
        return None
    if not run.halfway or run.learning:
        return None
    if any(row["alike"] < max(ALIKE, row["alike_expected"] + ABOVE) for row in looks[-LAST:]):
        return None
    share, expected = run.last["alike"], run.last["alike_expected"]
    return Symptom(f"{share:.0%} of the held-out prompts get one and the same answer; {expected:.0%} should", REMEDIES)
