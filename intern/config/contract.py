"""The contract of a recipe: what a proposer or a sweep may change, and how far.

One contract serves four readers: the gate, Optuna's search space, a language model's tool schema and
the report's axes. In YAML: `sft.learning_rate: {low: 1e-6, high: 1e-4, log: true}` or
`grpo.beta: [0.0, 0.01, 0.04]`."""

import math
import re
import types
from dataclasses import dataclass, fields, is_dataclass
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from intern.config.schema import Recipe
from intern.errors import did_you_mean, unknown

Value = bool | int | float | str
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", re.ASCII)
INTEGER = re.compile(r"[+-]?\d{1,12}", re.ASCII)
WORD = re.compile(r"(?!(?i:null|true|false|nan|inf)$)[A-Za-z][A-Za-z0-9_-]*", re.ASCII)  # Hydra reads it as text


@dataclass(frozen=True)
class Range:
    """A number between two bounds, both included."""

    kind: type
    low: float
    high: float
    log: bool = False

    def parse(self, text: str) -> Value:
        """The typed value; raises ValueError with the reason."""
        value = number(text, self.kind)
        if not self.low <= value <= self.high:
            raise ValueError(f"{text} is outside {self}")
        return value

    def __str__(self) -> str:
        return f"{show(self.low)} to {show(self.high)}" + (" (log)" if self.log else "")


@dataclass(frozen=True)
class Choices:
    """One of a few values."""

    kind: type
    options: tuple[Value, ...]

    def parse(self, text: str) -> Value:
        """The typed value; raises ValueError with the reason."""
        if self.kind in (int, float):
            number(text, self.kind)  # a fault of form reads better than "not one of"
        for option in self.options:
            if self.kind in (int, float) and float(text) == option or text == show(option):
                return option
        raise ValueError(f'"{text}" is not one of {self}')

    def __str__(self) -> str:
        return ", ".join(show(option) for option in self.options)


Domain = Range | Choices
Contract = dict[str, Domain]


def number(text: str, kind: type) -> float | int:
    """A finite number of that type, from ASCII digits only; raises ValueError."""
    if kind is int:
        if not INTEGER.fullmatch(text):
            raise ValueError(f'"{text}" is not a whole number')
        return int(text)
    if not NUMBER.fullmatch(text) or not math.isfinite(float(text)):
        raise ValueError(f'"{text}" is not a finite number')
    return float(text)


def show(value: Value) -> str:
    """The one way a value is written in an override; `parse` reads it back exactly."""
    return str(value).lower() if isinstance(value, bool) else repr(value) if isinstance(value, float) else str(value)


def split(word: str) -> tuple[str, str]:
    """(contract key, value) of an override: `recipe.grpo.beta=0.04` is (`grpo.beta`, `0.04`)."""
    key, _, text = word.removeprefix("recipe.").partition("=")
    return key, text


def tidy(domain: Domain, value: Value) -> Value:
    """The value with three significant digits, inside its domain: what a person reads and passes on."""
    if not isinstance(domain, Range) or domain.kind is not float:
        return value
    return min(max(float(f"{value:.3g}"), domain.low), domain.high)


def narrowed(domain: Domain, low: float, high: float) -> dict[str, float]:
    """The bounds of a range, as far as they lie inside it."""
    if not isinstance(domain, Range):
        return {}
    return {"low": domain.kind(max(domain.low, low)), "high": domain.kind(min(domain.high, high))}


@cache
def leaves(node: type = Recipe, prefix: str = "") -> dict[str, tuple[type, bool]]:
    """{dotted key: (type, tunable?)} of every leaf of the recipe's schema."""
    found, hints = {}, get_type_hints(node)
    for f in fields(node):
        hint, key = hints[f.name], prefix + f.name
        if is_dataclass(hint):
            found |= leaves(hint, f"{key}.")
        else:
            kinds = [kind for kind in get_args(hint) if kind is not type(None)]
            found[key] = kinds[0] if get_origin(hint) in (Union, types.UnionType) else hint, "tunable" in f.metadata
    return found


def read(tunable: Any) -> tuple[Contract, list[str]]:
    """A recipe's `tunable` as a contract, and every fault in it."""
    contract: Contract = {}
    found: list[str] = []
    if not isinstance(tunable, dict):
        return {}, [f"tunable: a mapping of keys to ranges is needed, not {tunable!r}"]
    for key, spec in tunable.items():
        kind, open_ = leaves().get(str(key), (None, False))
        if kind is None or not open_:
            legal = [name for name, (_, tunable) in leaves().items() if tunable]
            why = (
                unknown("key", str(key), legal)
                if kind is None
                else f"the schema does not mark it tunable.{did_you_mean(str(key), legal)}"
            )
            found.append(f"tunable.{key}: {why}")
            continue
        try:
            contract[key] = domain(kind, spec)
        except ValueError as error:
            found.append(f"tunable.{key}: {error}")
    return contract, found


def domain(kind: type, spec: Any) -> Domain:
    """One key's Range or Choices from YAML; raises ValueError."""
    if isinstance(spec, list) and spec:
        options = tuple(typed(kind, option) for option in spec)
        if len(set(options)) < len(options):
            raise ValueError(f"{spec} names an option twice")
        return Choices(kind, options)
    if isinstance(spec, dict) and kind in (int, float) and {"low", "high"} <= set(spec) <= {"low", "high", "log"}:
        low, high, log = typed(kind, spec["low"]), typed(kind, spec["high"]), spec.get("log", False)
        if not isinstance(log, bool):
            raise ValueError(f"log: {log!r} is neither true nor false")
        if not low < high or log and low <= 0:
            raise ValueError(f"low={low}, high={high}, log={log} is no range: low < high, and low > 0 with log")
        return Range(kind, low, high, log)
    raise ValueError(f"{spec!r} is neither a list of options nor {{low: …, high: …, log: …}} over numbers")


def typed(kind: type, option: Any) -> Value:
    """A YAML value as the field's type; raises ValueError. YAML reads `1e-6` as text: numbers may be quoted so."""
    if kind is bool and isinstance(option, bool):
        return option
    if kind is str and isinstance(option, str) and WORD.fullmatch(option):
        return option
    if kind in (int, float) and not isinstance(option, bool):
        return number(str(option), kind)
    raise ValueError(f"{option!r} is not a {kind.__name__}")
