"""Rows that are conversations, lists of {role, content}: the last user turn is the question, the assistant's reply to
it the target; and the answer, too, if the rows have no column for that.
"""

from collections.abc import Mapping, Sequence
from typing import Any

COLUMN = "messages"
FORM = '[{"role": "user", "content": "…"}, {"role": "assistant", "content": "…"}]'
NOTE = f"its rows are conversations ({COLUMN}): the last user turn is the question, the assistant's reply the target"


def among(rows: Sequence[Mapping[str, Any]], asked: Sequence[str]) -> bool:
    """Return whether every row is a conversation, and none has the columns of a question of its own."""
    return bool(rows) and all(COLUMN in row and not any(name in row for name in asked) for row in rows)


def flattened(row: Mapping[str, Any], columns: Mapping[str, str]) -> dict[str, Any] | str:
    """Return a row with question, answer and target under the names of `columns`, or say what is wrong with it."""
    turns = row[COLUMN]
    if not isinstance(turns, list) or not all(map(is_turn, turns)):
        return f"{COLUMN} is not of the form {FORM}"
    asked = [place for place, turn in enumerate(turns) if turn["role"] == "user"]
    if not asked:
        return f"{COLUMN} has no turn of the user"
    replies = [turn["content"] for turn in turns[asked[-1] :] if turn["role"] == "assistant"]
    flat = {columns["target"]: None, **row, columns["question"]: turns[asked[-1]]["content"]}
    own = columns["answer"] in row
    if not own and not replies:
        return f"{COLUMN} ends with no turn of the assistant, and there is no column {columns['answer']}"
    if replies:
        name = columns["target" if own else "answer"]
        flat[name] = row.get(name) or replies[0]
    return flat


def is_turn(turn: Any) -> bool:
    """Return whether a value is {role, content} with text for both."""
    return isinstance(turn, dict) and isinstance(turn.get("role"), str) and isinstance(turn.get("content"), str)


def longer(rows: Sequence[Mapping[str, Any]]) -> str:
    """Say how many conversations have other turns than a question and its reply; "" if none has."""
    count = sum(len(row[COLUMN]) > 2 or row[COLUMN][0]["role"] != "user" for row in rows)
    return f"; all other turns are left out ({count} rows have some)" if count else ""
