"""What the diagnosis rules catch, and what they stop by mistake: real runs through the command line, one table.

planted   each stock recipe with its learning rate times ten, on every embedded goal: the share that is stopped, after
          what share of the steps, and whether a remedy beats the stage's input checkpoint
healthy   the same recipes as they are: every stop is a false one
others    completions longer than their limit, targets without an answer line, a reward that finds nothing to judge,
          a data set of which half is wrong

"mended" of a planted rate says that its undoing is found and beats the stage's input checkpoint, on dev, at p < 0.05.
The thresholds of the rules were set while looking at runs of these goals; --first names seeds that nobody has seen.

A run that is there already is not run again. On two cores about an hour:

    python scripts/bench_diagnosis.py outputs/bench --jobs 2"""

import argparse
import random
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

import yaml
from rich.console import Console
from rich.table import Table

from intern.config import library, strict_yaml
from intern.config.schema import Goal
from intern.data import items
from intern.records import Trial
from intern.search import recovery
from intern.study.reader import Reader

GOALS = ("arithmetic", "mixed", "sorting", "stories")
PLANTED = {"sft": "sft", "grpo": "grpo", "sft_grpo": "grpo"}  # recipe: the stage whose learning rate is raised
FACTOR = 10
CHEAP = ("goal.test_items=20", "goal.few_shot=0", "proposer.confirm=false", "quiet=true", "model=tiny")


@dataclass(frozen=True)
class Run:
    """One study of the benchmark."""

    case: str
    """planted, healthy or the name of another plant."""
    goal: str
    """Its goal."""
    recipe: str
    """The stock recipes, with commas between."""
    seeds: tuple[int, ...]
    """Seeds of its runs; with more than one it is a multirun, and nothing is mended."""
    words: tuple[str, ...]
    """Command line beyond goal, seed and budget."""
    trials: int = 1
    """Trials of a single run: the first is the run itself, the others are its remedies."""

    @property
    def name(self) -> str:
        """The study's name."""
        return f"{self.case}-{self.goal}-{self.recipe.replace(',', '+')}-{self.seeds[0]}"


def runs(out: Path, seeds: int, recovered: int, healthy: int, begin: int) -> Iterator[Run]:
    """Every run; the first `recovered` seeds of a planted rate get one remedy; other plants, one seed, get two."""
    paths = {}
    for recipe, stage in PLANTED.items():
        raw = strict_yaml.read(library.FOLDER / "generated" / f"{recipe}.yaml")
        raw[stage]["learning_rate"] *= FACTOR
        paths[recipe] = str(written(out, f"planted_{recipe}", raw))
    names, every = ",".join(PLANTED), tuple(range(begin, begin + seeds))
    stock = ",".join(f"generated/{recipe}" for recipe in PLANTED)
    for goal in GOALS:
        if every[:healthy]:
            yield Run("healthy", goal, names, every[:healthy], (f"recipe={stock}",))
        if every[recovered:]:
            yield Run("planted", goal, names, every[recovered:], (f"recipe={','.join(paths.values())}",))
        for recipe, path in paths.items():
            for seed in every[:recovered]:
                yield Run("planted", goal, recipe, (seed,), (f"recipe={path}",), 2)
    for case, recipe, raw in others(out):
        path = written(out, case, raw)
        words = (f"recipe={path}", f"compute.mirror={out / 'mirror'}")
        yield Run(case, "arithmetic", recipe, every[:1], words, 3)


def order(one: Run) -> tuple[bool, bool, int]:
    """What tells most in little time first, so that a table of what is there so far has all cases."""
    return one.case == "healthy", one.case == "planted" and len(one.seeds) == 1, one.seeds[0]


def written(out: Path, name: str, raw: dict) -> Path:
    """A recipe file of the benchmark."""
    path = out / "recipes" / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump(raw, sort_keys=False))
    return path


def others(out: Path) -> Iterator[tuple[str, str, dict]]:
    """(case, stock recipe, what it becomes) of the plants that are no learning rate."""
    grpo, sft = (strict_yaml.read(library.FOLDER / "generated" / f"{name}.yaml") for name in ("grpo", "sft"))
    yield "long", "grpo", {**grpo, "grpo": {**grpo["grpo"], "max_completion_length": 8}, "tunable": {
        **grpo["tunable"], "grpo.max_completion_length": {"low": 8, "high": 128}}}  # fmt: skip
    yield "unjudged", "grpo", {**grpo, "rewards": {"prefix_equation": 1.0}}
    opened = {**sft["tunable"], "data.verified": [False, True], "data.answer_line": [False, True]}
    opened = {key: spec for key, spec in opened.items() if not key.startswith("synthetic.")}
    goal = Goal("arithmetic", generator="arithmetic")
    rows = items.take(items.generated(goal, "train", 0), 2000)
    rng = random.Random(0)
    for row in rows:
        row["unmarked"] = row["solution"].partition("ANSWER:")[0] + f"It is {row['answer']}."
        wrong = str(int(row["answer"]) + rng.randint(1, 9))
        row["poisoned"] = row["solution"] if rng.random() < 0.5 else f"ANSWER: {wrong}"
    for column in ("unmarked", "poisoned"):
        folder = out / "mirror" / "bench" / column
        folder.mkdir(parents=True, exist_ok=True)
        items.write(folder / "train.jsonl", [{key: row[key] for key in ("question", "answer", column)} for row in rows])
        source = {"hub": f"bench/{column}", "columns": {"question": "question", "answer": "answer", "target": column}}
        changed = {key: value for key, value in sft.items() if key != "synthetic"}
        yield column, "sft", {**changed, "stages": ["data", "sft"], "data": {"mix": [source]}, "tunable": opened}


def run(one: Run, out: Path) -> str:
    """Run a study, or continue it; returns what went wrong, or nothing."""
    many = "," in one.recipe
    words = (f"goal={one.goal}", f"study={one.name}", f"outputs={out}", f"seed={','.join(map(str, one.seeds))}")
    budget = (f"budget.trials={99 if many else one.trials}", "budget.hours=4")
    mode = ("-m", "proposer=fixed") if many else ()
    command = [sys.executable, "-m", "intern", *mode, *words, *budget, *one.words, *CHEAP]
    done = subprocess.run(command, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"{one.name}: {done.stderr.strip()[-300:]}"


def ended(one: Run, recipe: str, out: Path) -> list[tuple[Run, Trial, Reader]]:
    """Return the runs of one recipe that have ended, each with its study."""
    study = Reader(out / one.name)
    proposed = [t for t in study.trials if t.kind == "propose"]
    own = [t for t in proposed if t.recipe.split("/")[1].removeprefix("planted_") == recipe]
    own = own if "," in one.recipe else proposed[:1]
    return [(one, t, study) for t in own if t.state in ("COMPLETE", "PRUNED")]


def steps(trial: Trial, study: Reader) -> int:
    """Return the steps that the stopped stage would have had."""
    return study.metrics(trial, study.begun(trial)[-1])[-1]["steps"]


def row(table: Table, what: tuple[str, ...], chosen: list[Run], out: Path) -> tuple[int, int]:
    """Add one line; return (stopped, run)."""
    runs = [entry for one in chosen for entry in ended(one, what[2], out)]
    planted = PLANTED[what[2]] if what[0] == "planted" else ""  # a stop before the planted stage is a false one
    stopped = [entry for entry in runs if (d := entry[1].diagnosis) and (not planted or d.stage == planted)]
    rules = sorted({own.diagnosis.rule for _, own, _ in stopped})
    shares = [own.diagnosis.step / steps(own, study) for _, own, study in stopped]
    tried = [(own, study) for one, own, study in stopped if one.trials > 1]
    helped = [best for own, study in tried if (best := recovery.effective(own, study.history))]
    gains = [f"+{t.recovery.wins} −{t.recovery.losses}" for t in helped]
    scores = [f"{100 * own.mean('dev'):.0f}" for _, own, _ in runs if own.mean("dev") is not None]
    table.add_row(
        *what,
        f"{len(stopped)}/{len(runs)}",
        f"{100 * mean(shares):.0f} %" if shares else "",
        ", ".join(rules),
        f"{len(helped)}/{len(tried)}" if tried else "",
        ", ".join(gains),
        " ".join(scores),
    )
    return len(stopped), len(runs)


def report(every: list[Run], out: Path) -> Table:
    """The table of all runs that are there."""
    table = Table("case", "goal", "recipe", "stopped", "at", "rule", "mended", "won, lost", "dev where not stopped, %")
    false = [0, 0]
    for case in dict.fromkeys(one.case for one in every):
        for goal in GOALS:
            for recipe in PLANTED:
                chosen = [o for o in every if (o.case, o.goal) == (case, goal) and recipe in o.recipe.split(",")]
                if chosen:
                    counts = row(table, (case, goal, recipe), chosen, out)
                    if case == "healthy":
                        false = [a + b for a, b in zip(false, counts, strict=True)]
        table.add_section()
    table.caption = f"false stops: {false[0]} of {false[1]} healthy runs"
    return table


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--recovered", type=int, default=3, help="seeds of each plant that go on to their remedies")
    parser.add_argument("--healthy", type=int, default=4, help="seeds of the healthy runs")
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    parser.add_argument("--only", default="", help="run only studies whose name has this in it")
    args = parser.parse_args()
    out = args.out.resolve()
    every = [one for one in runs(out, args.seeds, args.recovered, args.healthy, args.first) if args.only in one.name]
    every.sort(key=order)
    console = Console(width=160)
    with ThreadPoolExecutor(args.jobs) as pool:
        for done, fault in enumerate(pool.map(lambda one: run(one, out), [] if args.table else every), 1):
            print(f"{done}/{len(every)} {fault}", file=sys.stderr)
    console.print(report(every, out))


if __name__ == "__main__":
    main()
