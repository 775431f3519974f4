"""Format problem: under 95 % of the outputs have an answer that the evaluator finds, and nothing that is being learnt
will change it: the training targets lack the answer line, the stage has unlearnt it, or it teaches it too slowly. A
real model starts outside of the format."""

from collections.abc import Sequence
from statistics import fmean

from intern.config.changes import Change, more, times, to
from intern.diagnosis import Run, Symptom
from intern.diagnosis._trend import FIRST, beyond, earning, ends, fall, sigmas
from intern.diagnosis._trend import LAST as PROMPTS

AFTER = ("truncation",)
LAST = 2
PARSED = 0.95
RARE = 0.05  # of the rollouts: were a fifth parsed, so few of 32 would be once in 140 looks
CHANCE = 0.01  # of so few parsed canaries, were PARSED the true rate
UNLEARNT = 0.5  # rollouts are sampled, not greedy: only half or less of what parsed before is a fault there
LACKING = (
    ("*.answer_line", to(True)),
    ("*.verified", to(True)),
    ("learning_rate", times(0.1)),
    ("max_steps", times(0.5)),
)
LOST = (
    ("learning_rate", times(0.1)),
    ("learning_rate", times(0.3)),
    ("*.verified", to(True)),
    ("max_steps", times(0.5)),
    ("beta", more),
)
NEVER = (
    ("max_steps", more),
    ("learning_rate", times(3)),
    ("max_completion_length", times(2)),
    ("learning_rate", times(10)),
    ("num_generations", more),
)


def check(run: Run) -> Symptom | None:
    """Fire at once for targets without answers; for outputs when the answer was lost, or from half-way on lacks."""
    row = run.last
    if row.get("target_parse_rate", 1.0) < PARSED:
        return Symptom(f"{row['target_parse_rate']:.0%} of the training targets have an answer line", LACKING)
    if "parse_rate" not in row:
        return None
    return of_rollouts(run) if run.samples else of_canaries(run)


def of_canaries(run: Run) -> Symptom | None:
    """Fire from half-way on when too few parse, no more than before, and the held-out loss has ceased to fall."""
    rates, canaries = run.series("parse_rate"), run.last.get("canaries", 0)
    if len(rates) <= LAST or not run.halfway or run.learning:
        return None
    last, best = rates[-LAST:], max(rates[:-LAST])
    if last[-1] > last[0] or any(chance(rate, canaries, PARSED) >= CHANCE for rate in last):
        return None
    lost = best > 0 and chance(max(last), canaries, best) < CHANCE
    return seen(fmean(last), LOST if lost else NEVER)


def of_rollouts(run: Run) -> Symptom | None:
    """Fire when half of what parsed is lost beyond chance, or none parses from half-way on; not if they earn more."""
    weighed = run.weighed("parse_rate")
    if earning(run):
        return None
    if lost := fall(weighed, FIRST, PROMPTS, UNLEARNT, sigmas(run, weighed, pairs=True)):
        return seen(lost[1], LOST)
    pair = ends(run, "parse_rate")
    if pair is None:
        return None
    first, last = pair
    if first.mean > 0 and last.mean <= UNLEARNT * first.mean and beyond(last, first, sigmas(run, weighed)):
        return seen(last.mean, LOST)
    never = last.mean <= RARE and weighed[-1][0] <= last.mean and run.halfway
    return seen(last.mean, NEVER) if never else None


def seen(share: float, remedies: Sequence[tuple[str, Change]]) -> Symptom:
    """Return the symptom."""
    return Symptom(f"an answer was found in {share:.0%} of the outputs", remedies)


def chance(share: float, n: int, rate: float) -> float:
    """Return the chance of so small a share of n or a smaller one, were the rate as given."""
    from scipy.special import bdtr  # the binomial's distribution function; scipy.stats takes a second to import

    return float(bdtr(round(share * n), n, rate))
