"""Stage score: lm-eval on the checkpoint folder, greedy, every sample's outcome kept.

Baseline, candidates, winner and export all come this way, so that what is scored is what is shipped."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from intern.config.schema import Config, Task
from intern.data import items, tasks
from intern.errors import UserError
from intern.records import Score
from intern.stages import Inputs, Step

VERSION = 2
READS = ("goal", "model.dtype", "model.eos_token", "model.context")
USES = ("model",)
MAKES = None
FEW_SHOT_SEED = 1234  # lm-eval's own default


def run(step: Step, config: Config, inputs: Inputs, out: Path) -> None:
    """Write scores.json and samples.jsonl for one split."""
    from lm_eval.evaluator import evaluate

    scorer = language_model(config, inputs)
    stop = config.model.eos_token or scorer.tokenizer.eos_token
    scores, samples = [], []
    for task, loaded in tasks.tasks(config.goal, step.split, inputs.items, stop, config.compute):
        print(f"score: {task.name} ({step.split}, {step.shots}-shot)", flush=True)
        loaded.set_config("num_fewshot", step.shots)
        loaded.set_fewshot_seed(FEW_SHOT_SEED)
        results = evaluate(  # not simple_evaluate, which indexes 10,000 tasks and calls pip and git: 16 s
            scorer,
            {"tasks": {loaded.task_name: loaded}},
            limit=task.limit,
            apply_chat_template=True,
            fewshot_as_multiturn=True,
            bootstrap_iters=1000,
        )
        rows = outcomes(task, loaded, results, scorer.tokenizer)
        if len(rows) < 2:
            raise UserError(f"{task.name} has {len(rows)} {step.split} items: a standard error needs two or more.")
        scores.append(score(step, task, results, rows))
        samples += rows
    items.write(out / "samples.jsonl", samples)
    (out / "scores.json").write_text(json.dumps([asdict(s) for s in scores], indent=1))


def language_model(config: Config, inputs: Inputs) -> Any:
    """lm-eval's Hugging Face model of the checkpoint, on a GPU where there is one."""
    import torch
    from lm_eval.models.huggingface import HFLM

    from intern.stages import _trainer

    return HFLM(
        pretrained=str(inputs.model),
        revision=_trainer.revision(inputs, config) or "main",
        tokenizer=_trainer.tokenizer(inputs, config),
        dtype=config.model.dtype,
        device="cuda" if torch.cuda.is_available() else "cpu",
        batch_size=config.compute.eval_batch_size,
        max_length=config.model.context,
    )


def outcomes(task: Task, loaded: Any, results: Any, tokenizer: Any) -> list[dict[str, Any]]:
    """One row per item: its outcome, and for generated text whether it was parsed and whether it was cut."""
    limit = loaded.config.generation_kwargs.get("max_gen_toks", 256) if loaded.OUTPUT_TYPE == "generate_until" else None
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
        if limit is not None:
            response = sample["resps"][0][0]
            row["response"] = response
            row["parsed"] = bool(sample.get("parsed", "[invalid]" not in str(sample["filtered_resps"][0])))
            row["truncated"] = len(tokenizer(response, add_special_tokens=False)["input_ids"]) >= limit
        rows.append(row)
    return sorted(rows, key=lambda r: r["doc_id"])


def score(step: Step, task: Task, results: Any, rows: list[dict[str, Any]]) -> Score:
    """lm-eval's mean and standard error, with the rates that tell a format problem from a wrong answer."""
    (found,) = results["results"].values()

    def rate(key: str) -> float | None:
        return sum(row[key] for row in rows) / len(rows) if key in rows[0] else None

    return Score(
        task=task.name,
        split=step.split,
        metric=task.metric,
        value=float(found[f"{task.metric},{task.filter}"]),
        stderr=float(found[f"{task.metric}_stderr,{task.filter}"]),
        n=len(rows),
        shots=step.shots,
        parse_rate=rate("parsed"),
        truncation_rate=rate("truncated"),
    )
