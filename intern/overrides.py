"""Overrides as a value: contract key → typed value. Text exists in the gate and on disk, and is written and read here.

    >>> Overrides({"sft.learning_rate": 1e-3}).lines()
    ('recipe.sft.learning_rate=0.001',)
"""

import json
import math
import re
from collections.abc import ItemsView, Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from pydantic_core import core_schema

Value = bool | int | float | str | None
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,12}", re.ASCII)
WHOLE = re.compile(r"[+-]?\d{1,4000}", re.ASCII)  # what int() reads without complaint; on disk there may be any
PREFIX = "recipe."


class Overrides(Mapping[str, Any]):
    """What differs from a recipe: contract key → value, in the order of the keys. Immutable.

    A proposal's values are of type `Value`; a person who pins a key may also give null, a list or a mapping."""

    __slots__ = ("_hash", "_values")

    def __init__(self, values: Mapping[str, Any] | Iterable[tuple[str, Any]] = ()) -> None:
        self._values: dict[str, Any] = dict(sorted(dict(values).items()))
        self._hash: int | None = None

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __hash__(self) -> int:
        if self._hash is None:  # 1 and 1.0 are equal and have one hash; lists and mappings have none
            values = (value if isinstance(value, int | float | str) else None for value in self._values.values())
            self._hash = hash((tuple(self._values), tuple(values)))
        return self._hash

    def items(self) -> ItemsView[str, Any]:
        """Return (key, value) for each; a mapping's own way takes ten times as long."""
        return self._values.items()

    def __or__(self, other: Mapping[str, Any]) -> "Overrides":
        return Overrides({**self._values, **other})

    def __repr__(self) -> str:
        return f"Overrides({self._values!r})"

    def without(self, keys: Iterable[str]) -> "Overrides":
        """Return the overrides of all other keys."""
        dropped = set(keys)
        return Overrides({key: value for key, value in self.items() if key not in dropped})

    def changed(self, other: "Overrides") -> set[str]:
        """Return the keys whose values differ between the two, or that only one of them has."""
        ours, theirs, absent = self._values, other._values, object()
        return {key for key in {**ours, **theirs} if ours.get(key, absent) != theirs.get(key, absent)}

    def short(self) -> tuple[str, ...]:
        """Return `key=value` for each, as a person reads it."""
        return tuple(f"{key}={show(value)}" for key, value in self.items())

    def lines(self) -> tuple[str, ...]:
        """Return `recipe.key=value` for each, as they stand on disk and on a command line."""
        return tuple(PREFIX + text for text in self.short())

    @classmethod
    def read(cls, lines: Iterable[str]) -> "Overrides":
        """Return what `lines` wrote.

        Raises:
            ValueError: if a line is not of the form `recipe.key=value`.
        """
        values: dict[str, Any] = {}
        for line in lines:
            key, equals, text = line.partition("=")
            if not equals or not key.startswith(PREFIX):
                raise ValueError(f"{line!r} is not of the form {PREFIX}key=value")
            values[key.removeprefix(PREFIX)] = parse(text)
        return cls(values)

    @classmethod
    def __get_pydantic_core_schema__(cls, *_: Any) -> core_schema.CoreSchema:
        """Let pydantic read them from a list of lines and write them as one."""
        return core_schema.no_info_plain_validator_function(
            lambda value: value if isinstance(value, cls) else cls.read(value),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda value: list(value.lines())),
        )


def show(value: Any) -> str:
    """Return the one way a value is written in an override; `parse` reads it back exactly."""
    if isinstance(value, float):
        return repr(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple | dict):
        return json.dumps(value)
    if isinstance(value, str):
        return value if parse(value) == value else json.dumps(value)  # "null", "1", "[1]"
    return str(value)


def parse(text: str) -> Any:
    """Return the value that `show` wrote; any other text is returned as it is."""
    if text in ("null", "true", "false"):
        return {"null": None, "true": True, "false": False}[text]
    if WHOLE.fullmatch(text):
        return int(text)
    if NUMBER.fullmatch(text) and math.isfinite(float(text)):
        return float(text)
    if text[:1] in ("[", "{", '"'):
        with suppress(ValueError):
            return json.loads(text)
    return text
