"""What proposes, compared: the same number of trials and hours on every goal, over several seeds.

heuristic    the default
tpe, random  an optimiser without a plan, and chance
hybrid_*     the heuristic with 30 % of the trials to a scripted stand-in for a language model (scripts/standins), whose
             advice is perfect (the best that the other policies found for the goal, which are run first), random or
             adversarial
less         the heuristic with 70 % of the trials and hours: what a hybrid has left if all that the model says is waste

One table has dev and test of each winner with standard errors, the base beside them, and what the stand-in took of the
trials and of their seconds; the other the mean difference of each two policies on test over all pairs of one goal and
seed. The adversarial one may cost its share and no more if it is not behind `less`.

The goals are the embedded ones, or with --data the folders of a folder, each with train.jsonl and test.jsonl. A study
that is there already is not run again. On two cores, two policies, about an hour and a half, all seven about six:

    python scripts/bench_policies.py outputs/policies --policies heuristic random --trials 6 --jobs 2
    python scripts/bench_policies.py outputs/own --data DIR --trials 8 --hours 0.05 --jobs 2"""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import combinations, product
from pathlib import Path
from statistics import mean, stdev

from rich.console import Console
from rich.table import Table

from intern.records import OPTIMISER, Score
from intern.report import fmt
from intern.search.history import counts
from intern.study.reader import Reader

GOALS = ("arithmetic", "mixed", "sorting", "stories")
SHARE = 0.3  # of the hybrid's model
HYBRID = ("proposer=standin", f"proposer.share={SHARE}")
ORACLE = "hybrid_perfect"
POLICIES = {
    "heuristic": ("proposer=heuristic",),
    "tpe": ("proposer=tpe",),
    "random": ("proposer=random",),
    "less": ("proposer=heuristic",),
    "hybrid_random": (*HYBRID, "proposer.quality=random"),
    "hybrid_adversarial": (*HYBRID, "proposer.quality=adversarial"),
    ORACLE: (*HYBRID, "proposer.quality=perfect"),
}
STANDINS = Path(__file__).resolve().parent / "standins"
Tests = dict[tuple[str, int, str], float]


def run(args: argparse.Namespace, goal: str, policy: str, seed: int) -> str:
    """Run one study to its end; return what went wrong, or nothing."""
    part = 1 - SHARE if policy == "less" else 1.0
    words = [*POLICIES[policy], f"seed={seed}", f"study={name(goal, policy, seed)}", f"outputs={args.out.resolve()}"]
    words += [f"budget.trials={part * args.trials:g}", f"budget.hours={part * args.hours:g}"]
    words += ["goal.few_shot=0", "quiet=true", "compute.threads=1", *args.words]
    if policy == ORACLE:
        others = (args.out.resolve() / name(goal, *one) for one in product(POLICIES, range(args.seeds)))
        known = [str(place) for place in others if place.exists() and f"-{ORACLE}-" not in place.name]
        words.append(f"proposer.known=[{','.join(known)}]")
    if args.data:
        words += ["goal=local", f"goal.name={goal}", f"goal.data_dir={args.data.resolve() / goal}"]
    else:
        words.append(f"goal={goal}")
    plugged = os.pathsep.join(filter(None, (str(STANDINS), os.environ.get("INTERN_PLUGINS"))))
    command = [sys.executable, "-m", "intern", *words]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "INTERN_PLUGINS": plugged})
    return "" if done.returncode == 0 else f"{words}: {done.stderr.strip()[-300:]}"


def name(goal: str, policy: str, seed: int) -> str:
    """Return a study's name."""
    return f"{goal}-{policy}-{seed}"


def shown(score: Score | None) -> str:
    """Return a score in per cent with its standard error."""
    return f"{100 * score.value:.1f} ± {100 * score.stderr:.1f}" if score else "none"


def pick(scores: tuple[Score, ...], split: str) -> Score | None:
    """Return the score of a split."""
    return next((s for s in scores if s.split == split and not s.shots), None)


def advised(study: Reader) -> str:
    """Return what a language model took: its trials, how many of them were refused, its part of the budget's trials and
    of their seconds; nothing if there was none."""
    every = [trial for trial in study.trials if trial.by]
    own = [trial for trial in every if trial.by != OPTIMISER]
    if not every:
        return ""
    refused = sum(trial.state == "REJECTED" for trial in own)
    trials = sum(map(counts, own)) / sum(map(counts, every))
    seconds = sum(t.seconds or 0 for t in own) / (sum(t.seconds or 0 for t in every) or 1.0)
    return f"{len(own)} of {len(every)}, {refused} refused; {trials:.0%}, {seconds:.0%}"


def table(out: Path, goals: Sequence[str], policies: Sequence[str], seeds: int) -> tuple[Table, Tests]:
    """Return all finished studies, and what their winners scored on test."""
    columns = ("goal", "policy", "seed", "base dev", "dev", "base test", "test", "minutes", "model's part", "winner")
    found = Table(*columns)
    tests: Tests = {}
    for goal, seed, policy in product(goals, range(seeds), policies):
        study = Reader(out / name(goal, policy, seed))
        best, base = study.best, study.baseline
        if study.ledger.end is None or best is None or base is None:
            continue
        test = pick((study.final or base).scores, "test")
        if test is not None:
            tests[goal, seed, policy] = test.value
        spent = sum(t.seconds or 0 for t in study.trials) / 60
        scores = (pick(base.scores, "dev"), pick(best.scores, "dev"), pick(base.scores, "test"), test)
        told = (f"{spent:.1f}", advised(study), fmt.what(best))
        found.add_row(goal, policy, str(seed), *map(shown, scores), *told)
    return found, tests


def differences(tests: Tests, policies: Sequence[str]) -> Table:
    """Return the mean difference on test of each two policies, over the goals and seeds that both have."""
    found = Table("policy", "less policy", "points on test", "pairs", "better", "worse")
    for row in gaps(tests, policies):
        found.add_row(*row)
    return found


def gaps(tests: Tests, policies: Sequence[str]) -> Iterator[tuple[str, ...]]:
    """Yield a row for each two policies that have a goal and seed in common."""
    for other, policy in combinations(policies, 2):
        places = [(goal, seed) for goal, seed, one in tests if one == policy and (goal, seed, other) in tests]
        points = [100 * (tests[*place, policy] - tests[*place, other]) for place in places]
        if points:
            error = f" ± {stdev(points) / len(points) ** 0.5:.1f}" if len(points) > 1 else ""
            signs = (sum(gap > 0 for gap in points), sum(gap < 0 for gap in points))
            yield policy, other, f"{mean(points):+.1f}{error}", str(len(points)), *map(str, signs)


def main() -> None:
    """Run what is missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--data", type=Path, help="a folder of goals, one folder each, in place of the embedded ones")
    parser.add_argument("--goals", nargs="+", help="some of the goals")
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("words", nargs="*", help="more config words for every study")
    args = parser.parse_intermixed_args()
    there = sorted(folder.name for folder in args.data.iterdir() if folder.is_dir()) if args.data else GOALS
    goals = args.goals or there
    every = [(goal, policy, seed) for seed in range(args.seeds) for goal in goals for policy in args.policies]
    first, last = ([one for one in every if (one[1] == ORACLE) == late] for late in (False, True))
    with ThreadPoolExecutor(args.jobs) as pool:
        for wave in () if args.table else (first, last):
            for done, fault in enumerate(pool.map(lambda one: run(args, *one), wave), 1):
                print(f"{done}/{len(wave)} {fault}", file=sys.stderr)
    found, tests = table(args.out.resolve(), goals, args.policies, args.seeds)
    for each in (found, differences(tests, args.policies)):
        Console(width=220).print(each)


if __name__ == "__main__":
    main()
