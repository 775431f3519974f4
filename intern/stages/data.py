"""Stage data: gather the recipe's sources, map their columns, clean, decontaminate, mix, cut."""

import random
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config.schema import Config, Goal, Source
from intern.data import contamination, items, tasks
from intern.data.items import Row
from intern.errors import UserError
from intern.stages import Inputs, Step

VERSION = 3
READS = ("goal", "recipe.data", "model.eos_token")
USES = ("seed",)
MAKES = "rows"
LETTERS = "ABCDEFGHIJ"
GENERATED = 2000  # rows drawn for `goal: true` of a generated goal where the source sets no limit


def run(step: Step, config: Config, inputs: Inputs, out: Path) -> None:
    """Write rows.jsonl; raises UserError where nothing is left of the sources."""
    wanted, outcome = config.recipe.data, plugins.load("rewards", config.goal.scorer).outcome
    gathered = [row for source in wanted.mix for row in gather(source, config, inputs)]
    rows = clean(gathered, guard(config, inputs))
    if wanted.answer_line:
        rows = [row if outcome(row["target"], row) is not None else with_line(row) for row in rows]
    if wanted.verified:
        rows = [row for row in rows if outcome(row["target"], row) == 1.0]
    if not rows:
        raise UserError(f"No training rows are left of {len(gathered)} from {wanted.mix} after cleaning.")
    random.Random(inputs.seed).shuffle(rows)
    print(f"data: {len(gathered)} rows gathered, {len(rows)} after cleaning and decontamination")
    items.write(out / "rows.jsonl", rows[: wanted.rows])


def with_line(row: Row) -> Row:
    """The row with the evaluator's answer line at the end of its target."""
    return {**row, "target": f"{row['target']}\n{items.target_of({'answer': row['answer']})}"}


def clean(rows: list[Row], guard: contamination.Guard) -> list[Row]:
    """Without blank, repeated or contaminated rows, in order."""
    kept: dict[tuple[str, str], Row] = {}
    for row in rows:
        if row["question"].strip() and row["target"].strip() and guard.admits(row):
            kept.setdefault((row["key"], row["target"]), row)
    return list(kept.values())


def guard(config: Config, inputs: Inputs) -> contamination.Guard:
    """Every dev and test item of the goal, lm-eval's own tasks included."""
    goal, keys, questions = config.goal, [], []
    for split in ("dev", "test"):
        if not tasks.named(goal, split):
            held = items.read(inputs.items / f"{split}.jsonl")
            keys += [row["key"] for row in held]
            questions += [row["question"] for row in held]
        else:
            for _, task in tasks.tasks(goal, split, inputs.items, config.model.eos_token or "", config.compute):
                texts = [text for doc in task.eval_docs for text in strings(doc)]
                keys += [items.normal(text) for text in texts]
                questions += texts
    return contamination.guard(keys, questions, goal.overlap_words)


def strings(value: Any) -> list[str]:
    """Every text of an item as its data set has it: the rendered prompt would match by its boilerplate."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        return [text for part in value for text in strings(part)]
    return [value] if isinstance(value, str) else []


def gather(source: Source, config: Config, inputs: Inputs) -> list[Row]:
    """The rows of one source, in our columns."""
    goal = config.goal
    if source.goal and goal.generator:
        return items.take(items.generated(goal, "train", inputs.seed), source.limit or GENERATED)
    if source.goal and goal.data_dir:
        return items.take(items.read(inputs.items / "train.jsonl"), source.limit or 10**9)
    if not source.hub:
        raise UserError(f"Goal {goal.name} has no train items of its own: name a Hub data set in recipe.data.mix.")
    if source.hub.casefold() in map(str.casefold, goal.deny):  # the Hub does not tell cases apart
        raise UserError(f"{source.hub} is denied as training data for goal {goal.name}.")
    found = load(source, config.compute.mirror)
    lacking = [theirs for theirs in source.columns.values() if theirs.split(".")[0] not in found.column_names]
    if lacking:
        raise UserError(f"{source.hub} has no column {', '.join(lacking)}; it has {', '.join(found.column_names)}.")
    if source.limit and source.limit < len(found):
        found = found.shuffle(seed=inputs.seed).select(range(source.limit))
    return [row for item in found if (row := mapped(source, goal, item))]


def load(source: Source, mirror: str | None) -> Any:
    """The data set from the Hub at its revision, or from the mirror's copy. No remote code can run."""
    import datasets

    where = str(Path(mirror) / source.hub) if mirror else source.hub
    return datasets.load_dataset(where, source.name, split=source.split, revision=None if mirror else source.revision)


def mapped(source: Source, goal: Goal, item: dict[str, Any]) -> Row | None:
    """One Hub row in our columns; None where its answer is not among its choices."""
    values = {ours: pick(item, theirs) for ours, theirs in source.columns.items()}
    if source.format == "qa":
        return items.row(goal, {key: "" if value is None else str(value) for key, value in values.items()})
    choices, answer = list(values["choices"]), values["answer"]
    labels = list(values.get("labels") or LETTERS)
    place = answer if isinstance(answer, int) else labels.index(answer) if answer in labels else -1
    if not 0 <= place < len(choices) <= len(LETTERS):
        return None
    listed = "\n".join(f"({letter}) {text}" for letter, text in zip(LETTERS, choices, strict=False))
    question = f"What is the correct answer to this question:{values['question']}\nChoices:\n{listed}"
    letter = LETTERS[place]
    target = f"The answer is ({letter}).\nANSWER: {letter}"  # read by lm-eval's GPQA regexes and by Inspect
    return {"question": question, "answer": letter, "target": target, "key": items.normal(str(values["question"]))}


def pick(item: dict[str, Any], path: str) -> Any:
    """The value under a dotted column name, such as choices.text."""
    for part in path.split("."):
        item = item[part]
    return item
