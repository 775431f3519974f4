"""The splits of a goal on disk: drawn by its generator, or carved from a person's own files."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from intern.config.schema import Goal
from intern.data import constant, items, local
from intern.errors import UserError


def materialise(goal: Goal, folder: Path) -> list[str]:
    """Write dev.jsonl, test.jsonl, few_shot.jsonl, constant.json and, for own files, train.jsonl; lm-eval's own tasks
    need none.

    Returns:
        What a person should know of how their own files were read, or of a split that is short, a line each.

    Raises:
        UserError: for files that cannot be used, before anything expensive starts.
    """
    notes: Sequence[str] = ()
    whole: Sequence[items.Row] = ()
    splits: Mapping[str, list[items.Row]]
    if goal.data_dir:
        own = local.splits(goal, Path(goal.data_dir).expanduser())
        splits, notes, whole = own.rows, own.notes, own.whole
    elif goal.generator:
        splits = drawn(goal)
        notes = short(goal, splits)
    elif goal.dev and goal.test:
        return []
    else:
        raise UserError(
            f"Goal {goal.name} has no items. Give it a folder with train.jsonl and test.jsonl, or one file: "
            "goal.data_dir=PATH (or, in its YAML, a generator, a Hub data set, or lm-eval tasks for dev and test)."
        )
    folder.mkdir(parents=True, exist_ok=True)
    for split, rows in splits.items():
        items.write(folder / f"{split}.jsonl", rows)
    if whole:
        items.write(folder / "held_out.jsonl", whole)
    constant.write(goal, splits, folder)
    return list(notes)


def drawn(goal: Goal) -> dict[str, list[items.Row]]:
    """Return the splits of a generated goal; the few-shot examples show the working."""
    shown = items.take(items.generated(goal, "train", 0), max(goal.few_shot, 1))  # datasets refuses an empty split
    return {
        "dev": items.take(items.generated(goal, "dev", 0), goal.dev_items),
        "test": items.take(items.generated(goal, "test", 0), goal.test_items),
        "few_shot": [{**r, "target": r.get("solution", r["target"])} for r in shown],
    }


def short(goal: Goal, splits: Mapping[str, Sequence[items.Row]]) -> list[str]:
    """Return a line for each split that has fewer items than the goal asks for.

    Raises:
        UserError: if a split has too few to be scored.
    """
    wanted = {"dev": goal.dev_items, "test": goal.test_items}
    lines = []
    for split, count in wanted.items():
        have = len(splits[split])
        if have < count:
            few = f"The generator {goal.generator} has {have} different {split} items, and goal.{split}_items={count}"
            if have < 2:
                raise UserError(f"{few}: nothing can be measured on that. Make its items more varied.")
            lines.append(f"{few}: they are all that {split} has.")
    return lines
