"""How long a goal's rows are in a model's tokens: counted on a few of them, or a wide guess if they are not here."""

from collections.abc import Sequence
from pathlib import Path

from intern.config.cost import Lengths
from intern.config.schema import Goal, Model
from intern.data import items, local, tokens
from intern.data.items import Row

FEW = 64  # rows that are counted
GUESS = 200.0  # tokens of a prompt, and of a target, of which nothing is known
WIDE = 3.0  # times longer or shorter they may be
TEMPLATE = 24  # tokens of a chat template around a question and its answer: 21 of the embedded model's
LETTERS = 4.0  # a token of English, if there is no tokenizer
NEAR = 1.3  # times longer or shorter it is then


def of(goal: Goal, model: Model) -> Lengths:
    """Return the lengths of a goal's train rows for a model.

    Raises:
        UserError: if the goal's own files cannot be used.
    """
    return counted(some(goal), model)


def some(goal: Goal) -> Sequence[Row]:
    """Return a few train rows of a goal; none if they are not here."""
    if goal.generator:
        return items.take(items.generated(goal, "train", 0), FEW)
    if goal.data_dir:
        return local.splits(goal, Path(goal.data_dir).expanduser()).rows["train"][:FEW]
    return []


def counted(rows: Sequence[Row], model: Model) -> Lengths:
    """Return the lengths of some rows; of the targets those of the written-out solutions, if there are some."""
    if not rows:
        return Lengths(GUESS, GUESS, 3 * GUESS, WIDE)
    count = tokens.counter(model) if Path(model.path).is_dir() else None
    questions = [str(row["question"]) for row in rows]
    answers = [str(row.get("solution") or row["target"]) for row in rows]
    if count:
        prompts, targets = count(questions), count(answers)
    else:
        prompts, targets = ([round(len(text) / LETTERS) for text in texts] for texts in (questions, answers))
    most = max(prompt + target for prompt, target in zip(prompts, targets, strict=True)) + TEMPLATE
    asked = sum(prompts) / len(rows) + TEMPLATE
    return Lengths(asked, sum(targets) / len(rows), most, 1.0 if count else NEAR)
