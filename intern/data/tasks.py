"""The evaluator: lm-eval's tasks for a goal, one of our own for generated and local items, or the bundled ones.

A task of our own is handed to lm-eval as a mapping and never as text: lm-eval's YAML can name functions to import, and
parts of a task come from a stranger's model folder.
"""

import random
from pathlib import Path
from typing import Any

from intern import rewards
from intern.config.schema import Goal, Task
from intern.data import hub_sets
from intern.errors import UserError, unknown

CHOICES_SEED = 0  # lm-eval's own default: GPQA's choices are shuffled while the task loads


def tasks(goal: Goal, split: str, items: Path, stop: str, mirror: str | None) -> list[tuple[Task, Any]]:
    """Return (our Task, lm-eval's Task object) for each task of a split.

    Args:
        items: the folder of the goal's items.
        stop: the text that ends an answer.
        mirror: a folder with copies of Hub data sets; None: the Hub.
    """
    if chosen := named(goal, split):
        return [(task, bundled(task, stop, mirror)) for task in chosen]
    return [(Task(goal.name, "", "exact_match"), own(goal, split, items, stop))]


def own(goal: Goal, split: str, items: Path, stop: str) -> Any:
    """Return lm-eval's Task over the goal's own items, scored by a plug-in of intern/rewards and by nothing else."""
    from lm_eval.tasks import TaskManager

    outcome = rewards.scorer(goal)
    files = {"test": str((items / f"{split}.jsonl").resolve()), "few_shot": str((items / "few_shot.jsonl").resolve())}
    metrics = [{"metric": name, "aggregation": "mean", "higher_is_better": True} for name in ("exact_match", "parsed")]
    task = {
        "task": goal.name,
        "dataset_path": "json",
        "dataset_kwargs": {"data_files": files},
        "test_split": "test",
        "fewshot_split": "few_shot",
        "fewshot_config": {"sampler": "first_n"},
        "output_type": "generate_until",
        "doc_to_text": "{{question}}",
        "doc_to_target": "{{target}}",
        "target_delimiter": "",
        "process_results": rewards.process_results(outcome),
        "generation_kwargs": {"until": [stop], "max_gen_toks": goal.max_new_tokens, "do_sample": False},
        "metric_list": metrics,
        "metadata": {"version": 1},
    }
    return TaskManager(include_defaults=False).load([task])["tasks"][goal.name]


def named(goal: Goal, split: str) -> list[Task]:
    """Return the lm-eval tasks that a goal names for a split; none if its items are its own."""
    return goal.dev if split == "dev" else goal.test


def bundled(task: Task, stop: str, mirror: str | None) -> Any:
    """Return one of lm-eval's own tasks, its data set from the mirror if there is one.

    Raises:
        UserError: if lm-eval has no such task.
    """
    import lm_eval.tasks
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._yaml_loader import load_yaml

    home = Path(str(lm_eval.tasks.__file__)).parent
    manager = TaskManager(include_path=str(home / task.folder), include_defaults=False)
    if task.name not in manager.all_subtasks:
        raise UserError(unknown(f"lm-eval task in {task.folder}", task.name, manager.all_subtasks))
    whole = load_yaml(manager.task_index[task.name].yaml_path)
    if mirror:
        whole["dataset_path"] = str(Path(mirror) / whole["dataset_path"])
    elif hub_sets.fault(whole.get("dataset_path", "")) is None:
        whole["dataset_path"] = hub_sets.remote(whole["dataset_path"])
    uncached = {"keep_in_memory": True}  # or a map made with another seed could come from the cache
    whole["dataset_kwargs"] = {**(whole.get("dataset_kwargs") or {}), **uncached}
    random.seed(CHOICES_SEED)
    loaded = manager.load([whole])["tasks"][task.name]
    if loaded.OUTPUT_TYPE == "generate_until":
        limit = {"max_gen_toks": task.max_new_tokens} if task.max_new_tokens else {}
        until = [*loaded.config.generation_kwargs.get("until", []), stop]
        loaded.set_config("generation_kwargs", {**limit, "until": until, "do_sample": False}, update=True)
    return loaded
