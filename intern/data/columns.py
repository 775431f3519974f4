"""From the columns of a foreign data set to ours: question and answer, or a question with choices."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from intern.config.ranges import Count, Section
from intern.config.schema import Goal
from intern.data import items
from intern.data.items import Row
from intern.errors import UserError, unknown

FORMATS = ("qa", "mcq")
LETTERS = "ABCDEFGHIJ"


@dataclass
class Columns(Section):
    """How rows of a foreign data set become ours."""

    format: str = "qa"
    """One of FORMATS."""
    columns: dict[str, str] = field(default_factory=lambda: {"question": "question", "answer": "answer"})
    """Our column to theirs, dotted if it is nested: question, answer; choices, labels for mcq."""
    limit: Count | None = None
    """Rows to take, drawn at random; None: all."""

    def fault(self) -> str | None:
        """Say what is wrong with the values, if something is."""
        if self.format not in FORMATS:
            return unknown("format", self.format, FORMATS)
        needed = ("question", "choices", "answer") if self.format == "mcq" else ("question",)
        lacking = [name for name in needed if name not in self.columns]
        return f"columns: format {self.format} needs {', '.join(lacking)}" if lacking else None

    def check(self, source: str, names: list[str]) -> None:
        """Raise UserError if the data set lacks a column that is named."""
        lacking = [theirs for theirs in self.columns.values() if theirs.split(".")[0] not in names]
        if lacking:
            raise UserError(f"{source} has no column {', '.join(lacking)}; it has {', '.join(names)}.")

    def row(self, goal: Goal, item: Mapping[str, Any]) -> Row | None:
        """Return one foreign row in our columns; None if its answer is not among its choices, or a choice is null."""
        values = {ours: pick(item, theirs) for ours, theirs in self.columns.items()}
        if self.format == "qa":
            return items.row(goal, {key: items.text_of(values, key) for key in values})
        return multiple_choice(values)


def multiple_choice(values: Mapping[str, Any]) -> Row | None:
    """Return a question with its choices as one row; None if the answer is not among them."""
    if values["question"] is None or values["choices"] is None or None in values["choices"]:
        return None
    choices, answer = list(values["choices"]), values["answer"]
    labels = list(values.get("labels") or LETTERS)
    place = answer if isinstance(answer, int) else labels.index(answer) if answer in labels else -1
    if not 0 <= place < len(choices) <= len(LETTERS):
        return None
    listed = "\n".join(f"({letter}) {text}" for letter, text in zip(LETTERS, choices, strict=False))
    question = f"What is the correct answer to this question:{values['question']}\nChoices:\n{listed}"
    letter = LETTERS[place]
    target = f"The answer is ({letter}).\nANSWER: {letter}"  # read by lm-eval's GPQA regexes and by Inspect
    asked = str(values["question"])
    bare = "\n".join([asked, *map(str, choices)])  # what the data set says: a long choice tells an item too
    return {"question": question, "answer": letter, "target": target, "key": items.normal(asked), "bare": bare}


def pick(item: Any, path: str) -> Any:
    """Return the value under a dotted column name, such as choices.text."""
    for part in path.split("."):
        item = None if item is None else item[part]
    return item
