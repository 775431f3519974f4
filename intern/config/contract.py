"""The contract of a recipe: what a proposer or a sweep may change, and how far.

One contract serves four readers: the gate, Optuna's search space, a language model's tool schema and the report's axes.
In YAML: `sft.learning_rate: {low: 1e-6, high: 1e-4, log: true}` or `grpo.beta: [0.0, 0.01, 0.04]`.
"""

import math
import re
import types
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from intern.errors import did_you_mean, quote, unknown
from intern.overrides import INTEGER, NUMBER, Value, show

WORD = re.compile(r"(?!(?i:null|true|false|nan|inf)$)[A-Za-z][A-Za-z0-9_-]*", re.ASCII)  # read back as text


@dataclass(frozen=True)
class Range:
    """A number between two bounds, both included."""

    kind: type
    """int or float."""
    low: float
    """The lowest legal value."""
    high: float
    """The highest legal value."""
    log: bool = False
    """Whether equal factors are equal steps."""

    def parse(self, text: str) -> Value:
        """Return the value that a text names.

        Raises:
            ValueError: with the reason, if it is not in the domain.
        """
        return self.check(number(text, self.kind))

    def check(self, value: object) -> Value:
        """Return the value as the field's type.

        Raises:
            ValueError: with the reason, if it is not in the domain.
        """
        legal = (int,) if self.kind is int else (int, float)
        infinite = isinstance(value, float) and not math.isfinite(value)
        if isinstance(value, bool) or not isinstance(value, legal) or infinite:
            raise ValueError(f"{quote(value)} is not a {'whole' if self.kind is int else 'finite'} number")
        if not self.low <= value <= self.high:
            raise ValueError(f"{quote(value)} is outside {self}")
        return int(value) if self.kind is int else float(value)

    def tidy(self, value: Any) -> Value:
        """Return a value with three significant digits, inside the range: what a person reads and passes on."""
        return value if self.kind is int else min(max(float(f"{value:.3g}"), self.low), self.high)

    def between(self, low: float, high: float) -> "Range":
        """Return the part of the range between two bounds."""
        return replace(self, low=self.kind(max(self.low, low)), high=self.kind(min(self.high, high)))

    def __str__(self) -> str:
        return f"{show(self.low)} to {show(self.high)}" + (" (log)" if self.log else "")


@dataclass(frozen=True)
class Choices:
    """One of a few values."""

    kind: type
    """bool, int, float or str."""
    options: tuple[Value, ...]
    """The legal values, in the author's order; null among them, if the key may have none."""

    def parse(self, text: str) -> Value:
        """Return the option that a text names.

        Raises:
            ValueError: with the reason, if it names none.
        """
        if self.kind in (int, float) and text != show(None):
            return self.check(number(text, self.kind))
        for option in self.options:
            if text == show(option):
                return option
        raise ValueError(f'"{text}" is not one of {self}')

    def check(self, value: object) -> Value:
        """Return the option that equals a value.

        Raises:
            ValueError: with the reason, if there is none.
        """
        for option in self.options:
            if option == value and isinstance(option, bool) == isinstance(value, bool):
                return option
        raise ValueError(f"{quote(value)} is not one of {self}")

    def tidy(self, value: Value) -> Value:
        """Return an option as it is."""
        return value

    def between(self, low: float, high: float) -> "Choices":
        """Return the same options: they have no order."""
        return self

    def __str__(self) -> str:
        return ", ".join(show(option) for option in self.options)


Domain = Range | Choices
Contract = dict[str, Domain]
Leaves = Mapping[str, tuple[type, bool]]
LEAVES: dict[Any, Leaves] = {}  # by class


def number(text: str, kind: type) -> float | int:
    """Return the finite number of that type that a text of ASCII digits names.

    Raises:
        ValueError: if it names none.
    """
    if kind is int:
        if not INTEGER.fullmatch(text):
            raise ValueError(f'"{text}" is not a whole number')
        return int(text)
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(f'"{text}" is not a finite number')
    return float(text)


def leaves(node: Any) -> Leaves:
    """Return {dotted key: (type, whether tunable)} of every leaf of a schema class."""
    if node not in LEAVES:
        LEAVES[node] = dict(walked(node, ""))
    return LEAVES[node]


def walked(node: Any, prefix: str) -> Leaves:
    """Return the leaves of a schema class under a prefix."""
    by_key: dict[str, tuple[type, bool]] = {}
    hints = get_type_hints(node)
    for f in fields(node):
        hint, key = hints[f.name], prefix + f.name
        if is_dataclass(hint):
            by_key |= walked(hint, f"{key}.")
        else:
            by_key[key] = plain_type(hint), "tunable" in f.metadata
    return by_key


def plain_type(hint: Any) -> type:
    """Return the type of an optional field without its None."""
    if get_origin(hint) in (Union, types.UnionType):
        return plain_type(next(kind for kind in get_args(hint) if kind is not type(None)))
    kind: type = type(get_args(hint)[0]) if get_origin(hint) is Literal else hint
    return kind


def read(tunable: Any, leaves: Leaves) -> tuple[Contract, list[str]]:
    """Return a recipe's `tunable` as a contract over its schema's `leaves`, and every fault in it."""
    contract: Contract = {}
    faults: list[str] = []
    if not isinstance(tunable, Mapping):
        return {}, [f"tunable: a mapping of keys to ranges is needed, not {tunable!r}"]
    for key, spec in tunable.items():
        kind, legal = leaves.get(str(key), (None, False))
        if kind is None or not legal:
            faults.append(f"tunable.{key}: {not_open(str(key), kind is not None, leaves)}")
            continue
        try:
            contract[key] = domain(kind, spec)
        except ValueError as error:
            faults.append(f"tunable.{key}: {error}")
    return contract, faults


def not_open(key: str, known: bool, leaves: Leaves) -> str:
    """Say why a contract cannot open a key."""
    legal = [name for name, (_, tunable) in leaves.items() if tunable]
    if known:
        return f"the schema does not mark it tunable.{did_you_mean(key, legal)}"
    if inside := [name for name in legal if name.startswith(f"{key}.")]:
        return f"a contract's keys are dotted: give {inside[0]}, not a mapping in {key}"
    return unknown("key", key, legal)


def domain(kind: type, spec: Any) -> Domain:
    """Return one key's Range or Choices from YAML.

    Raises:
        ValueError: if it is neither.
    """
    if isinstance(spec, list) and spec:
        options = tuple(typed(kind, option) for option in spec)
        if len(set(options)) < len(options):
            raise ValueError(f"{spec} names an option twice")
        return Choices(kind, options)
    if isinstance(spec, Mapping) and kind in (int, float) and {"low", "high"} <= set(spec) <= {"low", "high", "log"}:
        low, high, log = number(str(spec["low"]), kind), number(str(spec["high"]), kind), spec.get("log", False)
        if not isinstance(log, bool):
            raise ValueError(f"log: {log!r} is neither true nor false")
        if not low < high or (log and low <= 0):
            raise ValueError(f"low={low}, high={high}, log={log} is no range: low < high, and low > 0 with log")
        return Range(kind, low, high, log)
    raise ValueError(f"{spec!r} is neither a list of options nor {{low: …, high: …, log: …}} over numbers")


def typed(kind: type, option: Any) -> Value:
    """Return a YAML value as the field's type, or null; YAML reads `1e-6` as text, so numbers may be quoted.

    Raises:
        ValueError: if it is not of that type.
    """
    if option is None or (kind is bool and isinstance(option, bool)):
        return option
    if kind is str and isinstance(option, str) and WORD.fullmatch(option):
        return option
    if kind in (int, float) and not isinstance(option, bool):
        return number(str(option), kind)
    raise ValueError(f"{option!r} is not a {kind.__name__}")
