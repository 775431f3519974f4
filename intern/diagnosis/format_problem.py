"""Format problem: under 95 % of the outputs have an answer that the evaluator finds. That is no want of skill:
the training targets lack the answer line, or the stage has unlearnt it."""

from statistics import fmean

from intern.config.changes import more, times, to
from intern.diagnosis import Run, Symptom

AFTER = ("truncation",)
LAST = 2
PARSED = 0.95
CHANCE = 0.01  # of so few parsed canaries, were PARSED the true rate
UNLEARNT = 0.5  # rollouts are sampled, not greedy: only half or less of what parsed at entry is a fault there
REMEDIES = (
    ("*.answer_line", to(True)),
    ("*.verified", to(True)),
    ("learning_rate", times(0.1)),
    ("max_steps", more),
    ("max_completion_length", times(2)),
    ("learning_rate", times(0.3)),
)


def check(run: Run) -> Symptom | None:
    """Fire at once for targets without answers; for canaries from half-way on, for rollouts on a fall."""
    row = run.last
    if row.get("target_parse_rate", 1.0) < PARSED:
        return Symptom(f"{row['target_parse_rate']:.0%} of the training targets have an answer line", REMEDIES)
    rates = run.series("parse_rate")
    if len(rates) <= LAST or "parse_rate" not in row:
        return None
    last = rates[-LAST:]
    if run.samples:
        fell = rates[0] > 1 - PARSED and max(last) <= UNLEARNT * rates[0]
        bad = fell or (max(last) <= 1 - PARSED and run.halfway)
    else:
        canaries = row.get("canaries", 0)
        short = all(chance(round(rate * canaries), canaries) < CHANCE for rate in last)
        bad = short and last[-1] <= last[0] and run.halfway
    return Symptom(f"an answer was found in {fmean(last):.0%} of the outputs", REMEDIES) if bad else None


def chance(hits: int, n: int) -> float:
    """Return the chance of so few hits or fewer among n, were the rate PARSED."""
    from scipy.special import bdtr  # the binomial's distribution function; scipy.stats takes a second to import

    return float(bdtr(hits, n, PARSED))
