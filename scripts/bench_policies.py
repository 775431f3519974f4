"""The heuristic beside chance: the same number of trials on every embedded goal, over several seeds. One table:
dev and test of each winner with standard errors, the base beside them, and the mean difference over all pairs.

A study that is there already is not run again. On two cores about an hour and a half:

    python scripts/bench_policies.py outputs/policies --trials 6 --jobs 2"""

import argparse
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from statistics import mean, stdev

from rich.console import Console
from rich.table import Table

from intern.records import Score
from intern.stats import paired
from intern.study import ledger

GOALS = ("arithmetic", "mixed", "sorting", "stories")
PROPOSERS = ("heuristic", "random")


def run(out: Path, goal: str, proposer: str, seed: int, trials: int) -> str:
    """One study to its end; returns what went wrong, or nothing."""
    words = [f"goal={goal}", f"proposer={proposer}", f"seed={seed}", f"study={name(goal, proposer, seed)}"]
    fixed = [f"outputs={out}", f"budget.trials={trials}", "budget.hours=4", "goal.few_shot=0", "quiet=true"]
    done = subprocess.run([sys.executable, "-m", "intern", *words, *fixed], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{words}: {done.stderr.strip()[-300:]}"


def name(goal: str, proposer: str, seed: int) -> str:
    """A study's name."""
    return f"{goal}-{proposer}-{seed}"


def shown(score: Score | None) -> str:
    """A score in per cent with its standard error."""
    return f"{100 * score.value:.1f} ± {100 * score.stderr:.1f}" if score else "none"


def pick(scores: tuple[Score, ...], split: str) -> Score | None:
    """The score of a split."""
    return next((s for s in scores if s.split == split and not s.shots), None)


def table(out: Path, seeds: int) -> Table:
    """All finished studies, and the paired differences."""
    found = Table("goal", "proposer", "seed", "base dev", "dev", "base test", "test", "minutes", "winner")
    tests: dict[tuple[str, str, int], float] = {}
    for goal, proposer, seed in product(GOALS, PROPOSERS, range(seeds)):
        trials = ledger.trials(out / name(goal, proposer, seed))
        if not trials or ledger.end(out / name(goal, proposer, seed)) is None:
            continue
        best, final = paired.incumbent(trials), [t for t in trials if t.kind == "confirm" and t.state == "COMPLETE"]
        test = pick(final[-1].scores if final else trials[0].scores, "test")
        tests[goal, proposer, seed] = test.value
        spent = sum(t.seconds or 0 for t in trials) / 60
        what = " ".join([best.recipe or "base", *(word.removeprefix("recipe.") for word in best.overrides)])
        base = trials[0].scores
        scores = (pick(base, "dev"), pick(best.scores, "dev"), pick(base, "test"), test)
        found.add_row(goal, proposer, str(seed), *map(shown, scores), f"{spent:.1f}", what)
    gaps = [
        100 * (tests[goal, "heuristic", seed] - tests[goal, "random", seed])
        for goal, seed in product(GOALS, range(seeds))
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
    parser.add_argument("--jobs", type=int, default=1)
    args = parser.parse_args()
    out = args.out.resolve()
    every = [(goal, proposer, seed) for seed in range(args.seeds) for goal in GOALS for proposer in PROPOSERS]
    with ThreadPoolExecutor(args.jobs) as pool:
        for done, fault in enumerate(pool.map(lambda one: run(out, *one, args.trials), [] if args.table else every), 1):
            print(f"{done}/{len(every)} {fault}", file=sys.stderr)
    Console(width=200).print(table(out, args.seeds))


if __name__ == "__main__":
    main()
