"""Stage score: lm-eval on the checkpoint folder, greedy, every sample's outcome kept.

Baseline, candidates, winner and export are all scored by this one stage.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from intern import files, records
from intern.config.cost import Cost, Writing
from intern.config.schema import Config
from intern.config.schema import Task as EvalTask
from intern.data import items, tasks
from intern.errors import UserError
from intern.records import Score
from intern.stages import Task

VERSION = 2
READS = ("goal", "model.dtype", "model.eos_token", "model.context")
USES = ("model",)
MAKES = "score"
KEEPS = ("scores.json", "samples.jsonl")
PRELOADS = ("lm_eval.models.huggingface", "lm_eval.evaluator")
FEW_SHOT_SEED = 1234  # lm-eval's own default


@dataclass
class Settings:
    """What is scored."""

    split: str = "dev"
    """"dev" or "test"."""
    shots: int = 0
    """Worked examples in the prompt."""


def cost(settings: Settings, config: Config, rows: int | None) -> Cost:
    """Return the answers to a split, or as many passes as lm-eval's own tasks compare choices; how many items these
    have they say when they are loaded."""
    goal, at_once = config.goal, config.compute.eval_batch_size
    named = goal.dev if settings.split == "dev" else goal.test
    if not named:
        count = goal.dev_items if settings.split == "dev" else goal.test_items
        return Cost(writing=Writing(count, min(at_once, count), goal.max_new_tokens, settings.shots))
    counted = [task.limit for task in named if task.limit]
    known = sum(counted) if len(counted) == len(named) else None
    longest = max(task.max_new_tokens or 0 for task in named)
    return Cost(writing=Writing(known, at_once, longest, settings.shots))


def plugins(settings: Settings, config: Config) -> Iterator[tuple[str, str]]:
    """Yield the goal's scorer."""
    yield "rewards", config.goal.scorer


def run(task: Task) -> None:
    """Write scores.json and samples.jsonl for one split.

    Raises:
        UserError: if a task has fewer than two items.
    """
    from lm_eval.evaluator import evaluate

    from intern.stages import _evaluator

    wanted: Settings = task.settings
    config = task.config
    model = _evaluator.language_model(task)
    stop = config.model.eos_token or model.tokenizer.eos_token
    scores: list[Score] = []
    samples: list[dict[str, Any]] = []
    for chosen, loaded in tasks.tasks(config.goal, wanted.split, task.items, stop, config.compute.mirror):
        print(f"score: {chosen.name} ({wanted.split}, {wanted.shots}-shot)", flush=True)
        loaded.set_config("num_fewshot", wanted.shots)
        loaded.set_fewshot_seed(FEW_SHOT_SEED)
        results = evaluate(  # not simple_evaluate, which indexes 10,000 tasks and calls pip and git: 16 s
            model,
            {"tasks": {loaded.task_name: loaded}},
            limit=chosen.limit,
            apply_chat_template=True,
            fewshot_as_multiturn=True,
            bootstrap_iters=1000,
        )
        rows = outcomes(chosen, loaded, results, model.tokenizer)
        if len(rows) < 2:
            raise UserError(f"{chosen.name} has {len(rows)} {wanted.split} items: a standard error needs two or more.")
        scores.append(score(wanted, chosen, results, rows))
        samples += rows
    items.write(task.out / "samples.jsonl", samples)
    files.write_whole(task.out / "scores.json", [records.dump(s) for s in scores])


def outcomes(task: EvalTask, loaded: Any, results: Any, tokenizer: Any) -> list[dict[str, Any]]:
    """Return one row per item: its outcome, and for generated text whether it was parsed and whether it was cut."""
    writes = loaded.OUTPUT_TYPE == "generate_until"
    limit = loaded.config.generation_kwargs.get("max_gen_toks", 256) if writes else 0
    rows = []
    for sample in results["samples"][loaded.task_name]:
        if sample.get("filter", "none") != task.filter:
            continue
        row = {
            "task": task.name,
            "doc_id": sample["doc_id"],
            "value": float(sample[task.metric]),
            "target": str(sample["target"]),
        }
        if writes:
            response = sample["resps"][0][0]
            row["response"] = response
            row["parsed"] = bool(sample.get("parsed", "[invalid]" not in str(sample["filtered_resps"][0])))
            row["truncated"] = len(tokenizer(response, add_special_tokens=False)["input_ids"]) >= limit
        rows.append(row)
    return sorted(rows, key=lambda row: int(row["doc_id"]))


def score(wanted: Settings, task: EvalTask, results: Any, rows: list[dict[str, Any]]) -> Score:
    """Return lm-eval's mean and standard error, with the rates that tell a format problem from a wrong answer."""
    (metrics,) = results["results"].values()

    def rate(key: str) -> float | None:
        return sum(row[key] for row in rows) / len(rows) if key in rows[0] else None

    return Score(
        task=task.name,
        split=wanted.split,
        metric=task.metric,
        value=float(metrics[f"{task.metric},{task.filter}"]),
        stderr=float(metrics[f"{task.metric}_stderr,{task.filter}"]),
        n=len(rows),
        shots=wanted.shots,
        parse_rate=rate("parsed"),
        truncation_rate=rate("truncated"),
    )
