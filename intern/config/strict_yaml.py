"""YAML files as people share them: plain values, no aliases, no doubled keys; a fault names file, line and column.

This is the one reader of what may come from a stranger: kind of file, size, number of values, depth, numbers and texts
are bounded, and with them the time that it takes.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

from intern import foreign
from intern.errors import UserError, quote

BYTES, VALUES, DEPTH = 200_000, 5_000, 20  # a second at most; the longest of ours has 1,735, 148 and 6
FIX = "Give a YAML file, in UTF-8."
DIGITS = 100  # of a number; PyYAML takes minutes for one of a million
KINDS = {"sequence": "list"}  # what PyYAML calls a node → what people do
UNPRINTABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]")


class Loader(yaml.SafeLoader):
    """YAML without aliases, which could nest a file without end, and without doubled keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return a node of the file.

        Raises:
            yaml.composer.ComposerError: for an alias.
        """
        if self.check_event(yaml.AliasEvent):
            raise self.beyond("aliases (*name) are not allowed")
        return super().compose_node(parent, index)

    def beyond(self, problem: str) -> yaml.YAMLError:
        """Return an error that names the place of the next event."""
        mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        return yaml.composer.ComposerError(None, None, problem, mark)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return the value of a node.

        Raises:
            yaml.constructor.ConstructorError: for a value that is not of its tag, such as a 30th of February.
        """
        kind = node.tag.rpartition(":")[2]
        try:
            if kind in ("int", "float") and len(node.value) > DIGITS:
                raise ValueError
            return super().construct_object(node, deep)
        except (ValueError, ArithmeticError, LookupError, AttributeError):  # PyYAML's own constructors do not look
            problem = f"{quote(node.value)} cannot be read as {kind}; if it is meant as text, put it into quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping as a dict.

        Raises:
            yaml.constructor.ConstructorError: for a key that stands twice, or is a list or a mapping.
        """
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():  # PyYAML refuses what is tagged so
            problem = None if isinstance(key, yaml.ScalarNode) else f"a key is text, not a {KINDS.get(key.id, key.id)}"
            if str(key.value) in seen:
                problem = f"key {key.value} stands twice"
            if problem:
                raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


class Foreign(Loader):
    """YAML of a stranger, within bounds."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.depth = self.values = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return a node of the file.

        Raises:
            yaml.composer.ComposerError: for a nest that is too deep, and for a file of too many values.
        """
        self.depth += 1
        self.values += 1
        if self.depth > DEPTH:
            raise self.beyond(f"nested too deeply: {DEPTH} levels are read")
        if self.values > VALUES:
            raise self.beyond(f"too long: {VALUES:,} keys and values are read")
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return the value of a node.

        Raises:
            yaml.constructor.ConstructorError: for a number beyond 64 bits, and text that not every file can hold, or
                that a terminal would obey.
        """
        value = super().construct_object(node, deep)
        problem = unprintable(value) if isinstance(value, str) else None
        if isinstance(value, int) and value.bit_length() > 63:
            problem = f"{quote(value)} is too large a number"
        if problem:
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return value


def read(path: Path, own: bool = False) -> object:
    """Return what a YAML file holds.

    Args:
        path: the file.
        own: whether this program wrote it, and the bounds do not hold.

    Raises:
        UserError: that names file, line and column, if it cannot be read.
    """
    return parsed(path, Loader.get_single_data, own)


def node(path: Path) -> yaml.Node | None:
    """Return what a YAML file holds as a node: it knows the lines of its keys."""
    found: yaml.Node | None = parsed(path, Loader.get_single_node)
    return found


def parsed(path: Path, what: Callable[[Loader], Any], own: bool = False) -> Any:
    """Return what is read of a YAML file."""
    content = foreign.text(path, None, FIX) if own else text(path)
    try:
        return what((Loader if own else Foreign)(content))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = " ".join(str(getattr(error, "problem", None) or error).split())
    except ValueError as error:  # of PyYAML's scanner: no such character as "\U00110000"
        where, problem = "", str(error)
    except RecursionError:
        where, problem = "", "it is nested too deeply"
    raise UserError(f"{path}{where} is not valid YAML: {problem}. Mend the file and run again.")


def unprintable(text: str) -> str | None:
    """Say which sign of a text no file can hold, or a terminal would obey; None if there is none."""
    sign = UNPRINTABLE.search(text)
    return f"the text has {quote(sign[0])}, which cannot be printed. Leave it out" if sign else None


def strange_keys(value: Any, place: str = "") -> Iterator[str]:
    """Yield a line for each key in a YAML value, however deep, that is no text."""
    for key, below in value.items() if isinstance(value, dict) else ():
        if not isinstance(key, str):
            yield f"{place}{key!r}: a key is text"
        yield from strange_keys(below, f"{place}{key}.")
    for below in value if isinstance(value, list) else ():
        yield from strange_keys(below, place)


def unprintable_texts(value: Any, place: str = "") -> Iterator[str]:
    """Yield a line for each text in a YAML value, however deep, with a sign that cannot be printed."""
    if isinstance(value, str) and (problem := unprintable(value)):
        yield f"{place}: {quote(value)}: {problem}"
    for key, below in value.items() if isinstance(value, dict) else ():
        yield from unprintable_texts(below, f"{place}.{key}" if place else str(key))
    for below in value if isinstance(value, list) else ():
        yield from unprintable_texts(below, place)


def text(path: Path) -> str:
    """Return the text of a stranger's file.

    Raises:
        UserError: if it is no file, too long, or no UTF-8.
    """
    return foreign.text(path, BYTES, FIX)
