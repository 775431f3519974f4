"""The forms in which a person's rows come: columns by name, regex or template, conversations, answers at the end of
their solutions.

What is recognised without being named is told in a line: a column `target`, a column `messages` in the question's
place, and answers that end with `#### 42` (as GSM8K has them) or with the evaluator's own line.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern.config import column
from intern.config.column import Spec, Unmade
from intern.config.schema import Goal
from intern.data import conversations, folder, items
from intern.data.items import Row, answer_line
from intern.data.record import Record, named, refuse

NEARLY_ALL = 0.95  # of the rows: those without the sign are then mistakes, which are named
SIGNS = ("####", answer_line("").strip())  # what stands before the answer at the end of a solution
ENDS = {sign: re.compile(rf"(.*){re.escape(sign)}[ \t]*([^\n]*\S)\s*", re.DOTALL) for sign in SIGNS}
ANNOTATION = re.compile(r"<<[^<>\n]*>>")  # of GSM8K's calculator: 48/2 = <<48/2=24>>24
CONTROL = re.compile(r"[\x00-\x08\x0e-\x1b\x7f]")  # what is neither text nor space
TARGET = "its column target is what is trained on (another: goal.columns.target=<its name>)"
FOUND = "its answers are what the regex finds, the text before it the target (another: goal.columns.target=<its name>)"
UNUSABLE = "{} has lines that cannot be used:"
TEXT = (str, int, float)


@dataclass(frozen=True)
class File:
    """The rows of one split."""

    rows: list[Row]
    """Question, answer and what else the goal's columns name."""
    notes: list[str]
    """What was recognised, a line each."""


def read(goal: Goal, split: str, paths: Sequence[Path]) -> File:
    """Return the rows of the files of a split with the goal's columns.

    Raises:
        UserError: with every row that cannot be used.
    """
    files = [read_file(goal, split, path) for path in paths]
    notes = dict.fromkeys(note for file in files for note in file.notes)
    return File([row for file in files for row in file.rows], list(notes))


def read_file(goal: Goal, split: str, path: Path) -> File:
    """Return the rows of one file."""
    columns, notes = dict(goal.columns), []
    records = folder.read(path)
    asked = column.needs("question", columns["question"])
    if conversations.among([record.value for record in records], asked):
        columns = {"target": "target", **columns}
        chats, records = records, flat(records, columns, path)
        notes.append(conversations.NOTE + conversations.longer([record.value for record in chats]))
    elif targeted(records, columns):
        columns["target"] = "target"
        notes.append(TARGET)
    elif split != "train" and not any(has(record, "target", columns.get("target")) for record in records):
        columns.pop("target", None)  # nothing is trained on it
    rows = made(records, columns, path)
    refuse_unusable(records, rows, path, strict=split != "train")
    rows = [{**row, "answer": answers_of(row["answer"])} for row in rows]
    answer = columns["answer"]
    if isinstance(answer, Mapping):
        if "regex" in answer and "target" not in columns:
            pieces = [column.matched("answer", answer, record.value) for record in records]
            return File([worked(row, before) for row, (before, _) in zip(rows, pieces, strict=True)], [*notes, FOUND])
        return File(rows, notes)
    rows, told = solved(records, rows, path)
    return File(rows, [*notes, *told])


def has(record: Record, ours: str, spec: Spec | None) -> bool:
    """Return whether a row has all that a column of ours is made of."""
    try:
        return bool(spec) and column.value(ours, spec or "", record.value) is not None
    except Unmade:
        return False


def flat(records: Sequence[Record], columns: Mapping[str, Spec], path: Path) -> list[Record]:
    """Return conversations as rows with the goal's columns.

    Raises:
        UserError: with every row that is not of the form.
    """
    names = {ours: spec if isinstance(spec, str) else spec.get("column", ours) for ours, spec in columns.items()}
    flattened = [(record, conversations.flattened(record.value, names)) for record in records]
    faults = [f"{record.place}: {fault}" for record, fault in flattened if isinstance(fault, str)]
    refuse(f"{path} has conversations that cannot be used:", faults)
    return [Record(record.place, row) for record, row in flattened if not isinstance(row, str)]


def targeted(records: Sequence[Record], columns: Mapping[str, Spec]) -> bool:
    """Return whether every row has a column called target, for which the goal has no other use."""
    used = "target" in columns or any("target" in column.needs(ours, spec) for ours, spec in columns.items())
    return not used and all("target" in record.value for record in records)


def made(records: Sequence[Record], columns: Mapping[str, Spec], path: Path) -> list[Row]:
    """Return the rows with the goal's columns.

    Raises:
        UserError: with every row of which a column cannot be made, or in one line what none of them has.
    """
    rows, faults, absent = [], [], dict[str, int]()
    for record in records:
        row: Row = {}
        missing = []
        for ours, spec in columns.items():
            try:
                row[ours] = column.value(ours, spec, record.value)
            except Unmade as error:
                missing.append(str(error))
        rows.append(row)
        if missing:
            faults.append(f"{record.place}: {'; '.join(missing)} (it has: {', '.join(record.value) or 'nothing'})")
        for reason in missing:
            absent[reason] = absent.get(reason, 0) + 1
    if nowhere := [reason for reason, count in absent.items() if count == len(records)]:
        head = f"{path}, all {len(records)} rows: " if len(records) > 1 else f"{path}, {records[0].place}: "
        faults = [f"{'; '.join(nowhere)} (the first has: {', '.join(records[0].value)})"]
        refuse(f"{head}columns cannot be made as goal.columns={dict(columns)} says:", faults, mapped(columns))
    refuse(UNUSABLE.format(path), faults, f"Mend or remove these lines. {mapped(columns)}")
    return rows


def mapped(columns: Mapping[str, Spec]) -> str:
    """Say how columns are mapped."""
    return f"Map the columns: {' '.join(f'goal.columns.{ours}=<its name>' for ours in columns if ours != 'target')}"


def refuse_unusable(records: Sequence[Record], rows: Sequence[Row], path: Path, strict: bool) -> None:
    """Raise UserError with every row whose question or answer is none; blank ones only if `strict`: those of train
    are left to the cleaning."""
    faults = []
    for record, row in zip(records, rows, strict=True):
        answers = row["answer"] if isinstance(row["answer"], list) and row["answer"] else [row["answer"]]
        for name, value in [("question", row["question"]), *(("answer", answer) for answer in answers)]:
            if fault := fault_of(value, strict):
                faults.append(f"{record.place}: the {name} {fault}")
    refuse(UNUSABLE.format(path), faults)


def fault_of(value: Any, strict: bool) -> str | None:
    """Say why a value is no question or answer; None if it is one."""
    if isinstance(value, float) and not math.isfinite(value):
        return f"is {value}, not text or a number"
    if not isinstance(value, TEXT):
        return f"is {named(value)}, not text or a number"
    if odd := CONTROL.search(str(value)):
        return f"has the control character {odd[0]!r}"
    return "is blank" if strict and not str(value).strip() else None


def answers_of(value: Any) -> str | list[str]:
    """Return an answer, or each of a list, as text: the libraries want one type in a column."""
    return [items.text(entry) for entry in value] if isinstance(value, list) else items.text(value)


def solved(records: Sequence[Record], rows: list[Row], path: Path) -> tuple[list[Row], list[str]]:
    """Return the rows with the answers alone, if they stand at the end of solutions, and the line that says so.

    Raises:
        UserError: with every row that has no such end, if nearly all have.
    """
    for sign, ends in ENDS.items():
        matches = [ends.fullmatch(str(row["answer"])) for row in rows]
        if len(matches) - matches.count(None) >= NEARLY_ALL * len(matches):
            lack = f"the answer does not end with `{sign} …`, as nearly all others do"
            refuse(
                UNUSABLE.format(path),
                [f"{record.place}: {lack}" for record, match in zip(records, matches, strict=True) if not match],
            )
            note = f"its answers end with `{sign} …`: what follows is the answer, the text before it the target"
            pairs = [(row, match) for row, match in zip(rows, matches, strict=True) if match]
            return [worked({**row, "answer": match[2]}, match[1]) for row, match in pairs], [note]
    return rows, []


def ending(text: str) -> Row | None:
    """Return the answer at the end of a solution, and the solution as target; None if it has none."""
    match = next((match for ends in ENDS.values() if (match := ends.fullmatch(text))), None)
    return worked({"answer": match[2]}, match[1]) if match else None


def worked(row: Row, solution: str) -> Row:
    """Return a row with the solution before its answer as target, if it has no other."""
    text = ANNOTATION.sub("", solution).rstrip()
    return {**row, "target": row.get("target") or f"{text}\n{answer_line(str(row['answer']))}".lstrip()}
