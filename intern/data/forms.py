"""The forms in which a person's rows come: columns by name, conversations, answers at the end of their solutions.

What is recognised without being named is told in a line: a column `target`, a column `messages` in the question's
place, and answers that end with `#### 42` (as GSM8K has them) or with the evaluator's own line.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from intern.config.schema import Goal
from intern.data import conversations, jsonl
from intern.data.items import Row, answer_line
from intern.data.jsonl import Line

NEARLY_ALL = 0.95  # of the rows: those without the sign are then mistakes, which are named
SIGNS = ("####", answer_line("").strip())  # what stands before the answer at the end of a solution
ANNOTATION = re.compile(r"<<[^<>\n]*>>")  # of GSM8K's calculator: 48/2 = <<48/2=24>>24
TARGET = "its column target is what is trained on (another: goal.columns.target=<its name>)"
TEXT = (str, int, float)


@dataclass(frozen=True)
class File:
    """The rows of one file."""

    rows: list[Row]
    """Question, answer and what else the goal's columns name, as they are in the file."""
    notes: list[str]
    """What was recognised, a line each."""


def read(goal: Goal, path: Path) -> File:
    """Return the rows of a person's file with the goal's columns.

    Raises:
        UserError: with every line that cannot be used.
    """
    columns, notes = dict(goal.columns), []
    lines = jsonl.read(path)
    if conversations.among([line.value for line in lines], columns):
        columns = {"target": "target", **columns}
        chats, lines = lines, flat(lines, columns, path)
        notes.append(conversations.NOTE + conversations.longer([line.value for line in chats]))
    elif targeted(lines, columns):
        columns["target"] = "target"
        notes.append(TARGET)
    elif path.stem != "train" and not any(has(line, columns.get("target")) for line in lines):
        columns.pop("target", None)  # nothing is trained on it
    refuse_lacking(lines, columns, path)
    rows = [{ours: line.value[theirs] for ours, theirs in columns.items()} for line in lines]
    refuse_unusable(lines, rows, path)
    rows, told = solved(lines, rows, path)
    return File(rows, [*notes, *told])


def has(line: Line, column: str | None) -> bool:
    """Return whether a line is a row with a column."""
    return isinstance(line.value, dict) and column in line.value


def flat(lines: Sequence[Line], columns: Mapping[str, str], path: Path) -> list[Line]:
    """Return conversations as rows with the goal's columns.

    Raises:
        UserError: with every line that is not of the form.
    """
    flattened = [(line.number, conversations.flattened(line.value, columns)) for line in lines]
    faults = [f"line {number}: {fault}" for number, fault in flattened if isinstance(fault, str)]
    jsonl.refuse(f"{path} has conversations that cannot be used:", faults)
    return [Line(number, row) for number, row in flattened]


def targeted(lines: Sequence[Line], columns: Mapping[str, str]) -> bool:
    """Return whether every row has a column called target, for which the goal has no other use."""
    used = "target" in columns or "target" in columns.values()
    return not used and all(has(line, "target") for line in lines)


def refuse_lacking(lines: Sequence[Line], columns: Mapping[str, str], path: Path) -> None:
    """Raise UserError with every line that lacks a column."""
    faults = []
    for line in lines:
        if missing := [theirs for theirs in columns.values() if not has(line, theirs)]:
            have = ", ".join(line.value) if isinstance(line.value, dict) else type(line.value).__name__
            faults.append(f"line {line.number}: no column {', '.join(missing)} (it has: {have})")
    head = f"{path} lacks columns that goal.columns={dict(columns)} names:"
    jsonl.refuse(head, faults, "Mend the file, or map the columns: goal.columns.question=<its name>.")


def refuse_unusable(lines: Sequence[Line], rows: Sequence[Row], path: Path) -> None:
    """Raise UserError with every row whose question or answer is none; blank ones are left to the cleaning of train."""
    strict = path.stem != "train"
    faults = []
    for line, row in zip(lines, rows, strict=True):
        answers = row["answer"] if isinstance(row["answer"], list) and row["answer"] else [row["answer"]]
        for name, value in [("question", row["question"]), *(("answer", answer) for answer in answers)]:
            if isinstance(value, float) and not math.isfinite(value):
                faults.append(f"line {line.number}: the {name} is {value}, not text or a number")
            elif value is None or not isinstance(value, TEXT):
                faults.append(f"line {line.number}: the {name} is {jsonl.named(value)}, not text or a number")
            elif strict and not str(value).strip():
                faults.append(f"line {line.number}: the {name} is blank")
    jsonl.refuse(f"{path} has lines that cannot be used:", faults)


def solved(lines: Sequence[Line], rows: list[Row], path: Path) -> tuple[list[Row], list[str]]:
    """Return the rows with the answers alone, if they stand at the end of solutions, and the line that says so.

    Raises:
        UserError: with every line that has no such end, if nearly all have.
    """
    for sign in SIGNS:
        ends = re.compile(rf"(.*){re.escape(sign)}[ \t]*([^\n]*\S)\s*", re.DOTALL)
        matches = [ends.fullmatch(str(row["answer"])) for row in rows]
        if len(matches) - matches.count(None) >= NEARLY_ALL * len(matches):
            lack = f"the answer does not end with `{sign} …`, as nearly all others do"
            faults = [f"line {line.number}: {lack}" for line, match in zip(lines, matches, strict=True) if not match]
            jsonl.refuse(f"{path} has lines that cannot be used:", faults)
            note = f"its answers end with `{sign} …`: what follows is the answer, the text before it the target"
            return [split(row, match) for row, match in zip(rows, matches, strict=True) if match], [note]
    return rows, []


def split(row: Row, match: re.Match[str]) -> Row:
    """Return a row with the answer alone, and the solution before it as target if it has no other."""
    solution, answer = ANNOTATION.sub("", match[1]).rstrip(), match[2]
    worked = f"{solution}\n{answer_line(answer)}".lstrip()
    return {**row, "answer": answer, "target": row.get("target") or worked}
