"""The evaluator: lm-eval's tasks for a goal, its own YAML for generated and local items, or the bundled ones.

The YAML written for a score lies beside it and runs by hand: `lm-eval run --include_path FOLDER --tasks NAME`."""

import random
from pathlib import Path
from typing import Any

from intern.config import Compute, Goal, Task
from intern.errors import UserError, unknown

CHOICES_SEED = 0  # lm-eval's own default: GPQA's choices are shuffled while the task loads

OWN_TASK = """\
# Written by intern for goal {goal}; scored by intern.rewards.{scorer}.
task: {name}
dataset_path: json
dataset_kwargs: {{data_files: {{test: {items}, few_shot: {few_shot}}}}}
test_split: test
fewshot_split: few_shot
fewshot_config: {{sampler: first_n}}
output_type: generate_until
doc_to_text: "{{{{question}}}}"
doc_to_target: "{{{{target}}}}"
target_delimiter: ""
process_results: !function intern.rewards.{scorer}.process_results
generation_kwargs: {{until: [{stop}], max_gen_toks: {tokens}, do_sample: false}}
metric_list:
  - {{metric: exact_match, aggregation: mean, higher_is_better: true}}
  - {{metric: parsed, aggregation: mean, higher_is_better: true}}
metadata: {{version: 1}}
"""


def tasks(goal: Goal, split: str, items: Path, stop: str, compute: Compute, folder: Path) -> list[tuple[Task, Any]]:
    """(our Task, lm-eval's Task object) for each task of a split; own YAML is written to `folder`."""
    from lm_eval.tasks import TaskManager

    if not (chosen := named(goal, split)):
        (folder / f"{goal.name}.yaml").write_text(
            OWN_TASK.format(
                goal=goal.name,
                name=goal.name,
                scorer=goal.scorer,
                stop=repr(stop),
                tokens=goal.max_new_tokens,
                items=quoted(items / f"{split}.jsonl"),
                few_shot=quoted(items / "few_shot.jsonl"),
            )
        )
        manager = TaskManager(include_path=str(folder), include_defaults=False)
        return [(Task(goal.name, "", "exact_match"), manager.load(goal.name)["tasks"][goal.name])]
    return [(task, bundled(task, stop, compute)) for task in chosen]


def named(goal: Goal, split: str) -> list[Task]:
    """The lm-eval tasks that a goal names for a split; none where its items are its own."""
    return goal.dev if split == "dev" else goal.test


def quoted(path: Path) -> str:
    """An absolute path as a YAML string."""
    return "'" + str(path.resolve()).replace("'", "''") + "'"


def bundled(task: Task, stop: str, compute: Compute) -> Any:
    """One of lm-eval's own tasks, its data set from the mirror where there is one."""
    import lm_eval.tasks
    from lm_eval.tasks import TaskManager
    from lm_eval.tasks._yaml_loader import load_yaml

    home = Path(lm_eval.tasks.__file__).parent
    manager = TaskManager(include_path=str(home / task.folder), include_defaults=False)
    if task.name not in manager.all_subtasks:
        raise UserError(unknown(f"lm-eval task in {task.folder}", task.name, manager.all_subtasks))
    whole = load_yaml(manager.task_index[task.name].yaml_path)
    if compute.mirror:
        whole["dataset_path"] = str(Path(compute.mirror) / whole["dataset_path"])
    uncached = {"keep_in_memory": True}  # or a map made with another seed could come from the cache
    whole["dataset_kwargs"] = {**(whole.get("dataset_kwargs") or {}), **uncached}
    random.seed(CHOICES_SEED)
    loaded = manager.load([whole])["tasks"][task.name]
    if loaded.OUTPUT_TYPE == "generate_until":
        wanted = {"max_gen_toks": task.max_new_tokens} if task.max_new_tokens else {}
        until = [*loaded.config.generation_kwargs.get("until", []), stop]
        loaded.set_config("generation_kwargs", {**wanted, "until": until, "do_sample": False}, update=True)
    return loaded
