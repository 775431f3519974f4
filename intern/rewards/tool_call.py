"""1 if the completion makes exactly the calls that the row wants, with arguments that it allows, else 0; None without a
call that can be read.

Column: `calls`, JSON text (a table of rows cannot hold mappings of different keys) or the value itself: a list of
`{name: {argument: [allowed value, …]}}`, the Berkeley Function Calling Leaderboard's form, in which "" among the values
says that the argument may be left out. A completion calls in JSON (`{"name": …, "arguments": {…}}`, one, a list, or in
`<tool_call>` tags) or in Python (`[f(a=1), g.h(b=[2])]`), alone or in one fenced block; Python is parsed and never run,
and its values are literals.

How it is hacked, and what is done about it. Every function called, or one call with every value: each wanted call is
matched with one, and one too many is wrong. Arguments besides the wanted ones: wrong. Names in two spellings, an
argument twice, values of another type (`true` for 1, "5" for 5, a list for a value): wrong, but that a whole number
serves for a float. Text is compared without case, quotes, spaces and `,./-_*^`, as the leaderboard does. What remains:
a row whose allowed values are too few or wrong.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

COLUMNS = (("calls",),)
LONGEST = 20_000  # characters of a completion
TAGS = re.compile(r"<tool_call>\s*(.*?)\s*</tool_call>", re.DOTALL)
FENCE = re.compile(r"```[^\n`]*\n(.*?)```", re.DOTALL)
IGNORED = re.compile(r"[\s,./\-_*^'\"]")
Call = tuple[str, dict[str, Any]]


def outcome(text: str, row: Mapping[str, Any]) -> float | None:
    """Return 1.0 or 0.0; None without calls."""
    if len(text) > LONGEST:
        return None
    try:
        made = list(calls(text.strip()))
        wanted = row.get("calls")
        wanted = json.loads(wanted) if isinstance(wanted, str) else wanted
    except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError, AttributeError, KeyError):
        return None
    if not made or not isinstance(wanted, list):
        return None
    return float(matched(made, wanted))


def calls(text: str) -> Iterator[Call]:
    """Yield the calls of a completion; raise one of several errors if it is no list of them."""
    blocks = FENCE.findall(text)
    parts = TAGS.findall(text) or [blocks[0].strip() if len(blocks) == 1 else text]
    for part in parts:
        yield from in_json(part) if part[:1] == "{" or re.match(r"\[\s*\{", part) else in_python(part)


def in_json(text: str) -> Iterator[Call]:
    """Yield the calls of a JSON text."""
    value = json.loads(text, object_pairs_hook=unique)
    for call in value if isinstance(value, list) else [value]:
        if set(call) - {"name", "arguments", "parameters", "id", "type"} or not isinstance(call["name"], str):
            raise ValueError("no call")
        given = call["arguments"] if "arguments" in call else call.get("parameters", {})
        given = json.loads(given, object_pairs_hook=unique) if isinstance(given, str) else given
        yield call["name"], dict(given)


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object; raise ValueError if a key comes twice."""
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key twice")
    return dict(pairs)


def in_python(text: str) -> Iterator[Call]:
    """Yield the calls of a Python expression, with keywords and literals alone."""
    tree = ast.parse(text, mode="eval").body
    for node in tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]:
        if not isinstance(node, ast.Call) or node.args:
            raise ValueError("no call with named arguments")
        yield dotted(node.func), unique([(named(word), ast.literal_eval(word.value)) for word in node.keywords])


def named(word: ast.keyword) -> str:
    """Return the name of an argument; raise ValueError for `**more`."""
    if word.arg is None:
        raise ValueError("no name")
    return word.arg


def dotted(node: ast.expr) -> str:
    """Return a name with dots; raise ValueError for anything else."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if not isinstance(node, ast.Name):
        raise ValueError("no name")
    return node.id


def matched(made: list[Call], wanted: list[Mapping[str, Mapping[str, list[Any]]]]) -> bool:
    """Return whether each wanted call is one of those that were made, and there are no others, in any order."""
    if len(made) != len(wanted):
        return False
    left = list(made)
    for call in wanted:
        ((name, allowed),) = call.items()
        place = next((i for i, (n, given) in enumerate(left) if n == name and fits(given, allowed)), None)
        if place is None:
            return False
        del left[place]
    return True


def fits(given: Mapping[str, Any], allowed: Mapping[str, list[Any]]) -> bool:
    """Return whether every argument has an allowed value, and only those are missing that may be."""
    if set(given) - set(allowed):
        return False
    return all(
        any(equal(given[name], value) for value in values) if name in given else "" in values
        for name, values in allowed.items()
    )


def equal(given: Any, value: Any) -> bool:
    """Return whether two values are equal and of one type."""
    if isinstance(given, str) and isinstance(value, str):
        return IGNORED.sub("", given).casefold() == IGNORED.sub("", value).casefold()
    if isinstance(given, list | tuple) and isinstance(value, list):
        return len(given) == len(value) and all(map(equal, given, value))
    if isinstance(given, dict) and isinstance(value, dict):
        return fits(given, {key: part if isinstance(part, list) else [part] for key, part in value.items()})
    number = isinstance(given, int) and isinstance(value, float) and not isinstance(given, bool)
    return (type(given) is type(value) or number) and bool(given == value)
