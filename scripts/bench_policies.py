"""The heuristic beside chance: the same number of trials and hours on every goal, over several seeds. One table: dev
and test of each winner with standard errors, the base beside them, and the mean difference over all pairs.

The goals are the embedded ones, or with --data the folders of a folder, each with train.jsonl and test.jsonl. A study
that is there already is not run again. On two cores about an hour and a half:

    python scripts/bench_policies.py outputs/policies --trials 6 --jobs 2
    python scripts/bench_policies.py outputs/own --data DIR --trials 8 --hours 0.05 --jobs 2"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from statistics import mean, stdev

from rich.console import Console
from rich.table import Table

from intern.records import Score
from intern.report import fmt
from intern.study.reader import Reader

GOALS = ("arithmetic", "mixed", "sorting", "stories")
PROPOSERS = ("heuristic", "random")


def run(args: argparse.Namespace, goal: str, proposer: str, seed: int) -> str:
    """Run one study to its end; return what went wrong, or nothing."""
    words = [f"proposer={proposer}", f"seed={seed}", f"study={name(goal, proposer, seed)}"]
    words += [f"outputs={args.out.resolve()}"]
    words += [f"budget.trials={args.trials}", f"budget.hours={args.hours}", "goal.few_shot=0", "quiet=true"]
    words += ["compute.threads=1", *args.words]
    if args.data:
        words += ["goal=local", f"goal.name={goal}", f"goal.data_dir={args.data.resolve() / goal}"]
    else:
        words.append(f"goal={goal}")
    done = subprocess.run([sys.executable, "-m", "intern", *words], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{words}: {done.stderr.strip()[-300:]}"


def name(goal: str, proposer: str, seed: int) -> str:
    """Return a study's name."""
    return f"{goal}-{proposer}-{seed}"


def shown(score: Score | None) -> str:
    """Return a score in per cent with its standard error."""
    return f"{100 * score.value:.1f} ± {100 * score.stderr:.1f}" if score else "none"


def pick(scores: tuple[Score, ...], split: str) -> Score | None:
    """Return the score of a split."""
    return next((s for s in scores if s.split == split and not s.shots), None)


def table(out: Path, goals: Sequence[str], seeds: int) -> Table:
    """Return all finished studies, and the paired differences."""
    found = Table("goal", "proposer", "seed", "base dev", "dev", "base test", "test", "minutes", "winner")
    tests: dict[tuple[str, str, int], float] = {}
    for goal, proposer, seed in product(goals, PROPOSERS, range(seeds)):
        study = Reader(out / name(goal, proposer, seed))
        best, base = study.best, study.baseline
        if study.ledger.end is None or best is None or base is None:
            continue
        test = pick((study.final or base).scores, "test")
        tests[goal, proposer, seed] = test.value
        spent = sum(t.seconds or 0 for t in study.trials) / 60
        scores = (pick(base.scores, "dev"), pick(best.scores, "dev"), pick(base.scores, "test"), test)
        found.add_row(goal, proposer, str(seed), *map(shown, scores), f"{spent:.1f}", fmt.what(best))
    gaps = [
        100 * (tests[goal, "heuristic", seed] - tests[goal, "random", seed])
        for goal, seed in product(goals, range(seeds))
        if (goal, "heuristic", seed) in tests and (goal, "random", seed) in tests
    ]
    if len(gaps) > 1:
        error = stdev(gaps) / len(gaps) ** 0.5
        found.caption = f"heuristic less random on test: {mean(gaps):+.1f} ± {error:.1f} points over {len(gaps)} pairs"
    return found


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--trials", type=int, default=6)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    parser.add_argument("--hours", type=float, default=4.0)
    parser.add_argument("--data", type=Path, help="a folder of goals, one folder each, in place of the embedded ones")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("words", nargs="*", help="more config words for every study")
    args = parser.parse_intermixed_args()
    goals = sorted(folder.name for folder in args.data.iterdir() if folder.is_dir()) if args.data else GOALS
    every = [(goal, proposer, seed) for seed in range(args.seeds) for goal in goals for proposer in PROPOSERS]
    with ThreadPoolExecutor(args.jobs) as pool:
        for done, fault in enumerate(pool.map(lambda one: run(args, *one), [] if args.table else every), 1):
            print(f"{done}/{len(every)} {fault}", file=sys.stderr)
    Console(width=200).print(table(args.out.resolve(), goals, args.seeds))


if __name__ == "__main__":
    main()
