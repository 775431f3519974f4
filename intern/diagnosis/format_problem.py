"""Format problem: under 95 % of the outputs have an answer that the evaluator finds. That is no want of skill:
the training targets lack the answer line, or the stage has unlearnt it."""

from math import comb

from intern.config.schema import Recipe
from intern.diagnosis import Finding, Rows, halfway, mean, series
from intern.diagnosis._remedies import more, times, to

STAGES = ("sft", "grpo")
RANK = 38
LAST = 2
PARSED = 0.95
CHANCE = 0.01  # so few of the canaries would parse by accident
UNLEARNT = 0.5  # rollouts are sampled, not greedy: only half or less of what parsed at entry is a fault there
CURES = (
    ("data.answer_line", to(True)),
    ("data.verified", to(True)),
    (".learning_rate", times(0.1)),
    (".max_steps", more),
    ("grpo.max_completion_length", times(2)),
    (".learning_rate", times(0.3)),
)


def check(rows: Rows, recipe: Recipe) -> Finding | None:
    """Fires at once for targets without answers; for canaries from half-way on, for rollouts on a fall."""
    row = rows[-1]
    if row.get("target_parse_rate", 1.0) < PARSED:
        return f"{row['target_parse_rate']:.0%} of the training targets have an answer line", CURES
    rates = series(rows, "parse_rate")
    if len(rates) <= LAST or "parse_rate" not in row:
        return None
    last = rates[-LAST:]
    if row["stage"] == "grpo":
        fell = rates[0] > 1 - PARSED and max(last) <= UNLEARNT * rates[0]
        bad = fell or (max(last) <= 1 - PARSED and halfway(rows))
    else:
        short = all(tail(round(rate * row["canaries"]), row["canaries"]) < CHANCE for rate in last)
        bad = short and last[-1] <= last[0] and halfway(rows)
    return (f"an answer was found in {mean(last):.0%} of the outputs", CURES) if bad else None


def tail(hits: int, n: int) -> float:
    """The chance of so few hits or fewer among n, were the rate PARSED."""
    return sum(comb(n, k) * PARSED**k * (1 - PARSED) ** (n - k) for k in range(hits + 1))
