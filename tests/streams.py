"""The table of real metric streams that scripts/make_streams.py makes, and streams of any batch size drawn from it."""

import gzip
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from made import recipe_of

from intern import diagnosis
from intern.config.schema import Config, Recipe
from intern.records import Diagnosis

TABLE = Path(__file__).with_name("streams.jsonl.gz")
STEPS = 80
BATCHES = (1, 2, 4, 8, 16, 32, 64)
PROMPTS = (1, 2, 4, 8)
FEW = 0.05  # completions that end, or do not, of which a policy that learns to end can be made
Rows = list[dict[str, Any]]
Entry = dict[str, Any]


@dataclass(frozen=True)
class Stream:
    """What a stage logs from its first step to its last."""

    name: str
    """Where it comes from."""
    fault: str
    """What was planted; "" for a healthy one."""
    kept: bool
    """Whether no rule was adjusted with it in sight."""
    recipe: Recipe
    """The recipe, of one stage."""
    rows: Rows
    """The logged rows."""
    true: frozenset[str] = frozenset()
    """Rules whose symptom is there from the first step to the last, by construction: they may fire."""

    def stopped(self) -> Diagnosis | None:
        """Return the diagnosis of the first rule that stops it, as the rows come in."""
        (name,) = self.recipe.stages
        config = Config(recipe=self.recipe)
        stops = (diagnosis.check(name, self.rows[:n], config) for n in range(1, len(self.rows) + 1))
        return next((found for found in stops if found), None)

    def noted(self) -> Diagnosis | None:
        """Return what is noted of it at its last step."""
        (name,) = self.recipe.stages
        return diagnosis.noted(name, self.rows, Config(recipe=self.recipe))


def table() -> list[Entry]:
    """Return the entries."""
    return [json.loads(line) for line in gzip.decompress(TABLE.read_bytes()).splitlines()]


def runs(entries: Sequence[Entry]) -> Iterator[Stream]:
    """Yield the training runs."""
    for entry in entries:
        if entry["sort"] == "run":
            yield Stream(entry["name"], entry["fault"], entry["kept"], recipe_of(**entry["recipe"]), entry["rows"])


def unchanging(entries: Sequence[Entry], seeds: int) -> Iterator[Stream]:
    """Yield what SFT would log of models that never change, a row for every step and an evaluation at every eighth."""
    for entry in entries:
        if entry["sort"] == "losses":
            for batch in BATCHES:
                for seed in range(seeds):
                    yield still(entry, batch, seed)


def still(entry: Entry, batch: int, seed: int) -> Stream:
    """Return one such stream: it learns nothing, and one rule may say so."""
    rng = random.Random(f"{entry['name']}/{batch}/{seed}")
    pairs = list(zip(entry["loss"], entry["tokens"], strict=True))
    rng.shuffle(pairs)
    cut = len(pairs) // 4  # held out
    held_out = {"eval_loss": mean_of(pairs[:cut]), "eval_mean_token_accuracy": 0.5}
    rows: Rows = [{"step": 0, "steps": STEPS, **held_out}]
    for step in range(1, STEPS + 1):
        drawn = rng.choices(pairs[cut:], k=batch)
        rows.append({"step": step, "steps": STEPS, "loss": mean_of(drawn), "epoch": step / STEPS})
        if step % (STEPS // 8) == 0:
            rows.append({"step": step, "steps": STEPS, **held_out})
    recipe = recipe_of(stages=["sft"], sft={"per_device_train_batch_size": batch, "max_steps": STEPS})
    name = f"{entry['name']}, batch {batch}"
    return Stream(name, "", entry["kept"], recipe, rows, frozenset({"no_learning"}))


def mean_of(pairs: Sequence[tuple[float, int]]) -> float:
    """Return the loss of a batch, a mean over tokens."""
    return sum(loss * n for loss, n in pairs) / sum(n for _, n in pairs)


def policies(entries: Sequence[Entry], seeds: int) -> Iterator[Stream]:
    """Yield what GRPO would log of policies that never change, that turn into better ones, and that learn to end."""
    groups = {entry["name"]: entry for entry in entries if entry["sort"] == "groups"}
    for prompts in PROMPTS:
        for seed in range(seeds):
            for name, entry in groups.items():
                kind, _, goal = name.partition("/")
                rng = random.Random(f"{name}/{prompts}/{seed}")
                size = len(entry["reward"][0])
                still = [[group(entry, rng) for _ in range(prompts)] for _ in range(STEPS)]
                yield of_groups(name, still, size, entry["kept"], wrong(entry))
                better = groups.get(f"sft/{goal}")
                if kind == "tiny" and better:
                    turned = [[turning(entry, better, rng, step) for _ in range(prompts)] for step in range(STEPS)]
                    both = entry["kept"] or better["kept"]
                    yield of_groups(f"{name} to sft", turned, size, both, wrong(entry) & wrong(better))
                if FEW <= share(entry, "cut") <= 1 - FEW and "dead_gradient" not in wrong(entry):
                    freed = [[ending(entry, rng, step, size) for _ in range(prompts)] for step in range(STEPS)]
                    yield of_groups(f"{name}, less and less", freed, size, entry["kept"], wrong(entry) - {"truncation"})


def share(entry: Entry, key: str) -> float:
    """Return the mean of a metric over a policy's whole table."""
    return fmean(value for values in entry[key] for value in values)


def group(entry: Entry, rng: random.Random) -> Entry:
    """Return the completions of one prompt: a list for each metric."""
    place = rng.randrange(len(entry["reward"]))
    return {key: entry[key][place] for key in ("reward", "parsed", "loops", "cut", "tokens", "entropy")}


def turning(entry: Entry, better: Entry, rng: random.Random, step: int) -> Entry:
    """Return a group of the better policy as often as the steps are done."""
    return group(better if rng.random() < step / STEPS else entry, rng)


def ending(entry: Entry, rng: random.Random, step: int, size: int) -> Entry:
    """Return completions of several prompts, of which 80 % are cut at first and 50 % at last."""
    drawn: dict[str, list[float]] = {}
    wanted = 0.8 - 0.3 * step / STEPS
    while not drawn or len(drawn["cut"]) < size:
        one, cut = group(entry, rng), float(rng.random() < wanted)
        places = [place for place, value in enumerate(one["cut"]) if value == cut]
        if places:
            place = rng.choice(places)
            for key, values in one.items():
                drawn.setdefault(key, []).append(values[place])
    return drawn


def of_groups(name: str, steps: list[list[Entry]], size: int, kept: bool, true: frozenset[str]) -> Stream:
    """Return the rows that GRPO logs of these groups, one for each step."""
    rows = []
    for step, groups in enumerate(steps, 1):
        means = {key: fmean(value for one in groups for value in one[key]) for key in groups[0]}
        rows.append(
            {
                **{"step": step, "steps": len(steps), "reward": means["reward"], "entropy": means["entropy"]},
                "frac_reward_zero_std": fmean(float(min(one["reward"]) == max(one["reward"])) for one in groups),
                "completions/mean_length": means["tokens"],
                "completions/clipped_ratio": means["cut"],
                "parse_rate": means["parsed"],
                "repetition": means["loops"],
            }
        )
    settings = {"per_device_train_batch_size": len(steps[0]) * size, "num_generations": size, "max_steps": len(steps)}
    return Stream(f"{name}, {len(steps[0])} prompts", "", kept, recipe_of(stages=["grpo"], grpo=settings), rows, true)


def wrong(entry: Entry) -> frozenset[str]:
    """Return the rules whose symptom a policy has all along, by the shares over its whole table."""
    dead = fmean(float(min(values) == max(values)) for values in entry["reward"])
    rules = {
        "truncation": share(entry, "cut") >= 0.5,
        "garbled": share(entry, "loops") >= 0.3,
        "format_problem": share(entry, "parsed") <= 0.05,
        "dead_gradient": dead >= 0.9 and share(entry, "reward") < 0.9,
    }
    return frozenset(rule for rule, there in rules.items() if there)
