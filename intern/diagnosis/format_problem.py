"""Format problem: under 95 % of the outputs have an answer that the evaluator finds. That is no want of skill:
the training targets lack the answer line, or the stage has unlearnt it."""

from math import comb

from intern.config import Recipe
from intern.diagnosis import Rows, found, halfway, mean, series
from intern.records import Diagnosis
from intern.remedy import more, remedies, times, to

STAGES = ("sft", "grpo")
RANK = 38
LAST = 2
PARSED = 0.95
CHANCE = 0.01  # so few of the canaries would parse by accident
UNLEARNT = 0.5  # rollouts are sampled, not greedy: only half or less of what parsed at entry is a fault there


def check(rows: Rows, recipe: Recipe) -> Diagnosis | None:
    """Fires at once for targets without answers; for canaries from half-way on, for rollouts on a fall."""
    row = rows[-1]
    if row.get("target_parse_rate", 1.0) < PARSED:
        return diagnosed(rows, recipe, f"{row['target_parse_rate']:.0%} of the training targets have an answer line")
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
    return diagnosed(rows, recipe, f"an answer was found in {mean(last):.0%} of the outputs") if bad else None


def diagnosed(rows: Rows, recipe: Recipe, symptom: str) -> Diagnosis:
    """The diagnosis with what may mend a format."""
    stage = rows[-1]["stage"]
    cures = remedies(
        recipe,
        *((("data.answer_line", to(True)), ("data.verified", to(True))) if stage == "sft" else ()),
        (f"{stage}.learning_rate", times(0.1)),
        (f"{stage}.max_steps", more),
        ("grpo.max_completion_length", times(2)),
        (f"{stage}.learning_rate", times(0.3)),
    )
    return found("format_problem", rows, symptom, cures)


def tail(hits: int, n: int) -> float:
    """The chance of so few hits or fewer among n, were the rate PARSED."""
    return sum(comb(n, k) * PARSED**k * (1 - PARSED) ** (n - k) for k in range(hits + 1))
