"""From the columns of a foreign data set to ours, by the kind of its rows.

    qa          question, answer                what is trained on is the answer, or a target that is named too
    verifiable  question, answer                the same, with the reward that judges an answer: verifier: exact_answer
    mcq         question, choices, answer       answer is a place from 0, or one of labels or A, B, C, …
    completion  prompt, completion              an answer at the end of the completion is read, as in GSM8K's form
    messages    messages                        the last user turn, and the assistant's reply
    preference  prompt, chosen, rejected        chosen is trained on, rejected is kept beside it
    text        text                            trained on as it is, without a question
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from intern import plugins
from intern.config import column, ranges
from intern.config.column import Spec, Unmade
from intern.config.ranges import Count, Section, Text
from intern.config.schema import Goal
from intern.data import conversations, forms, items
from intern.data.items import Row
from intern.errors import UserError, unknown

KINDS = {  # kind → the columns that it needs; qa may do without an answer
    "qa": ("question",),
    "verifiable": ("question", "answer"),
    "mcq": ("question", "choices", "answer"),
    "completion": ("prompt", "completion"),
    "messages": ("messages",),
    "preference": ("prompt", "chosen", "rejected"),
    "text": ("text",),
}
ASKED = {"qa": ("question", "answer")}  # the columns if none are named, where they are more than these
TEXTS = ("question", "answer", "target")  # the first of a list; other lists, such as tests, stay whole
LETTERS = "ABCDEFGHIJ"


@dataclass
class Columns(Section):
    """How rows of a foreign data set become ours."""

    format: str = "qa"
    """One of KINDS."""
    columns: ranges.Columns = field(default_factory=dict)
    """Our column to theirs: a name, {regex: …} or {template: …}, as in config.column; {}: theirs are called as ours."""
    limit: Count | None = None
    """Rows to take, drawn at random; None: all."""
    weight: Annotated[float, Field(gt=0, le=1e6)] | None = None
    """Share of the mix beside those of the other entries; None: all of its rows, or 1 if another entry has one."""
    verifier: Text | None = None
    """The reward that judges the answers of this source; None: the goal's scorer."""

    def fault(self) -> str | None:
        """Say what is wrong with the values, if something is."""
        if self.format not in KINDS:
            return unknown("format", self.format, KINDS)
        if self.verifier is not None and self.verifier not in plugins.names("rewards"):
            return f"verifier: {unknown('reward', self.verifier, plugins.names('rewards'))}"
        if (self.format == "verifiable") != (self.verifier is not None):
            return "verifier: a reward's name goes with `format: verifiable`, and that with a verifier"
        lacking = [name for name in KINDS[self.format] if name not in self.mapped]
        return f"columns: format {self.format} needs {', '.join(lacking)}" if lacking else None

    @property
    def mapped(self) -> Mapping[str, Spec]:
        """Our column to theirs."""
        return self.columns or {name: name for name in ASKED.get(self.format, KINDS[self.format])}

    def check(self, source: str, names: Sequence[str]) -> None:
        """Raise UserError if the data set lacks a column that is named."""
        needed = [theirs for ours, spec in self.mapped.items() for theirs in column.needs(ours, spec)]
        lacking = [theirs for theirs in needed if theirs not in names and theirs.split(".")[0] not in names]
        if lacking:
            raise UserError(f"{source} has no column {', '.join(lacking)}; it has {', '.join(names)}.")

    def row(self, goal: Goal, item: Mapping[str, Any]) -> Row:
        """Return one foreign row in our columns.

        Raises:
            Unmade: if it cannot be used, with the reason.
        """
        values = {ours: column.value(ours, spec, item) for ours, spec in self.mapped.items()}
        if self.format == "mcq":
            return multiple_choice(values)
        if self.format == "text":
            return whole_text(values)
        if self.format in ("qa", "verifiable"):
            answer = self.mapped.get("answer")
            if isinstance(answer, Mapping) and "regex" in answer and "target" not in values:
                values = forms.worked(values, column.matched("answer", answer, item)[0])
            judged = {"verifier": self.verifier} if self.verifier else {}
            whole = {key: value for key, value in values.items() if isinstance(value, list) and key not in TEXTS}
            return items.row(goal, {**{key: items.text_of(values, key) for key in values}, **whole, **judged})
        return items.row(goal, answered(self.format, values))


def answered(kind: str, values: Mapping[str, Any]) -> Row:
    """Return the question of a prompt, and a completion as target; its answer is what it ends with, or all of it."""
    if kind == "messages":
        names = {"question": "question", "answer": "answer", "target": "target"}
        turned = conversations.flattened({conversations.COLUMN: values["messages"]}, names)
        if isinstance(turned, str):
            raise Unmade(turned)
        asked, reply = turned["question"], turned["answer"]
    else:
        asked, reply = values["prompt"], values["chosen" if kind == "preference" else "completion"]
    question, target = said(asked, "user"), said(reply, "assistant")
    row = forms.ending(target) or {"answer": target, "target": target}
    more = {"rejected": said(values["rejected"], "assistant")} if kind == "preference" else {}
    return {"question": question, **row, **more}


def said(value: Any, role: str) -> str:
    """Return a text, or of turns what a role says last, as data sets of preferences have it; "" for none."""
    if isinstance(value, list) and all(map(conversations.is_turn, value)):
        value = next((turn["content"] for turn in reversed(value) if turn["role"] == role), None)
    return items.text_of({"text": value}, "text")


def whole_text(values: Mapping[str, Any]) -> Row:
    """Return a text that is trained on as it is; compared with the items as a question is."""
    text = items.text_of({**values}, "text")
    return {"question": "", "answer": "", "target": text, "key": items.normal(text), "bare": text}


def multiple_choice(values: Mapping[str, Any]) -> Row:
    """Return a question with its choices as one row.

    Raises:
        Unmade: if the answer is not among them, or a choice is null.
    """
    if values["question"] is None or not isinstance(values["choices"], list | tuple) or None in values["choices"]:
        raise Unmade("the question or a choice is null")
    choices, answer = list(values["choices"]), values["answer"]
    labels = list(values.get("labels") or LETTERS)
    place = answer if isinstance(answer, int) else labels.index(answer) if answer in labels else -1
    if not 0 <= place < len(choices) <= len(LETTERS):
        raise Unmade("the answer is not among the choices")
    listed = "\n".join(f"({letter}) {text}" for letter, text in zip(LETTERS, choices, strict=False))
    question = f"What is the correct answer to this question:{values['question']}\nChoices:\n{listed}"
    letter = LETTERS[place]
    target = f"The answer is ({letter}).\nANSWER: {letter}"  # read by lm-eval's GPQA regexes and by Inspect
    asked = str(values["question"])
    bare = "\n".join([asked, *map(str, choices)])  # what the data set says: a long choice tells an item too
    return {"question": question, "answer": letter, "target": target, "key": items.normal(asked), "bare": bare}
