"""The gate: the only way from a proposal, whoever wrote it, to a config.

A proposal names a recipe and values for keys of its contract, either typed or as lines of text, `recipe=<name>` and
`recipe.<key>=<value>`, which the strict reader below takes apart. The key must be in the contract and the value inside
its domain; the trial's config is then the study's own with `recipe.with_(overrides)`. Neither Hydra nor a text that
somebody proposed has a part in it. A refusal is a value with all its reasons.

    python -m intern check goal=arithmetic model=tiny recipe=generated/sft recipe.sft.learning_rate=1e-3
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

from intern import text
from intern.config import stages, typed
from intern.config.contract import Contract, Domain
from intern.config.schema import Config, Recipe, flat
from intern.errors import did_you_mean, quote, unknown
from intern.overrides import PREFIX, Overrides, Value

LONGEST = 200  # characters; the longest honest line of the library has 60
MOST = 100  # lines or values, and reasons that a refusal keeps; the longest honest proposal of the library has 20
PINNED = "pinned by the command line for the whole study"
TOLD = 2000  # characters of all reasons together, as the ledger keeps them
KEY = re.compile(r"recipe(\.[a-z][a-z0-9_]*)+", re.ASCII)


@dataclass(frozen=True)
class Scope:
    """What a person has set, and a proposal can only fill in."""

    config: Config
    """The study's config, composed once from the person's words."""
    recipes: Mapping[str, Recipe]
    """The recipes that a proposal may use, with the person's pins in them."""
    pins: Mapping[str, Overrides] = field(default_factory=dict)
    """Recipe → the keys and values that the command line fixes for every trial."""
    command: str = ""
    """The command line, as a shell reads it."""

    @property
    def pinned(self) -> frozenset[str]:
        """The keys that are pinned in any recipe."""
        return frozenset(key for pins in self.pins.values() for key in pins)


@dataclass(frozen=True)
class Vetted:
    """A proposal that passed."""

    recipe: str
    """Its recipe."""
    overrides: Overrides
    """The pins and the proposal's own values."""
    config: Config
    """The trial's config."""


@dataclass(frozen=True)
class Rejection:
    """A proposal that did not."""

    reasons: tuple[str, ...]
    """Every reason, each naming the key, the fault and the legal choices."""


def vet(scope: Scope, recipe: str, overrides: Mapping[str, Any]) -> Vetted | Rejection:
    """Check typed values against the contract of a recipe, and make the trial's config."""
    return decided(scope, recipe, overrides, lambda domain, value: domain.check(value), [])


def vet_lines(scope: Scope, lines: Sequence[str]) -> Vetted | Rejection:
    """Read lines of text, check their values against the contract of the recipe that they name, make the config."""
    pairs, reasons = read(lines)
    name = pairs.pop("recipe", None)
    if name is None:
        named = ", ".join(scope.recipes)
        return refused([*reasons, f"no recipe is named: start with recipe=<name>, one of {named}"])
    values = {key.removeprefix(PREFIX): value for key, value in pairs.items()}
    return decided(scope, name, values, lambda domain, value: domain.parse(value), reasons)


def decided(
    scope: Scope, name: str, values: Mapping[str, Any], check: Callable[[Domain, Any], Value], reasons: list[str]
) -> Vetted | Rejection:
    """Return the config with the values that `check` lets through, or every reason why there is none."""
    recipe = scope.recipes.get(name) if isinstance(name, str) else None
    if recipe is None:
        shown = quote(name)[1:-1] if isinstance(name, str) else quote(name)
        return refused([*reasons, unknown("recipe", shown, scope.recipes)])
    pins = scope.pins.get(name, Overrides())
    legal, more = bounded(values, recipe.contract, pins, check)
    reasons += more
    if reasons:
        return refused(reasons)
    config = replace(scope.config, recipe=recipe.with_(legal))
    if faults := [*config_faults(config), *lacking(config)]:
        return refused(faults)
    return Vetted(name, pins | legal, config)


def refused(reasons: Sequence[str]) -> Rejection:
    """Return a refusal with the first of its reasons."""
    return Rejection(tuple(reasons[:MOST]))


def told(reasons: Sequence[str]) -> str:
    """Return reasons as one text that is short enough to be kept: the first ones, and how many more there are."""
    said = text.one_line(reasons[0], TOLD)
    for place, reason in enumerate(reasons[1:], 1):
        if len(said) + len(reason) > TOLD:
            return f"{said}; and {len(reasons) - place} more reasons"
        said += f"; {text.one_line(reason)}"
    return said


def read(lines: Iterable[str]) -> tuple[dict[str, str], list[str]]:
    """Return {key: raw value} of the lines that have the one legal form, and why the others have not."""
    pairs: dict[str, str] = {}
    reasons: list[str] = []
    for place, line in enumerate(lines):
        if place >= MOST:
            reasons.append(f"more than {MOST} lines: the rest was not read")
            break
        fault = malformed(line)
        key, _, value = line.partition("=") if isinstance(line, str) else ("", "", "")
        if fault is None and key in pairs:
            fault = f"{key} is given twice"
        if fault:
            reasons.append(f"{quote(line)}: {fault}")
        else:
            pairs[key] = value
    return pairs, reasons


def malformed(line: object) -> str | None:
    """Say why a line has not the form `recipe=<name>` or `recipe.<key>=<value>`; None if it has."""
    if not isinstance(line, str):
        return f"an override is text, not {type(line).__name__}"
    if len(line) > LONGEST:
        return f"longer than {LONGEST} characters"
    if not line.isascii() or not line.isprintable():
        return "only printable ASCII is allowed"
    key, equals, value = line.partition("=")
    if not equals:
        return "not of the form key=value"
    if key[:1] in "+~" and key:
        return "only key=value is allowed: nothing may be added (+, ++) or removed (~)"
    if "@" in key or ":" in key:
        return "package headers are not allowed"
    if key.startswith("hydra"):
        return "Hydra's own settings are out of reach"
    if key == "recipe":
        return None
    if not KEY.fullmatch(key):
        return f"{quote(key)} is not a key under `recipe`, the only part of the config that a proposal may change"
    if "${" in value:
        return "interpolation is not allowed"
    if value == "" or value != value.strip():
        return "the value is empty or padded with spaces"
    return None


def bounded(
    values: Mapping[str, Any], contract: Contract, pins: Mapping[str, Any], check: Callable[[Domain, Any], Value]
) -> tuple[Overrides, list[str]]:
    """Return the values inside the contract, and why the others are not."""
    legal: dict[str, Value] = {}
    reasons: list[str] = []
    for key, value in islice(values.items(), MOST):
        domain = contract.get(key)
        if domain is None:
            reasons.append(not_in_contract(key, contract))
        elif key in pins:
            reasons.append(f"{PREFIX}{key}: {PINNED}")
        else:
            try:
                legal[key] = check(domain, value)
            except ValueError as error:
                reasons.append(f"{PREFIX}{key}: {error}; legal: {domain}")
    if len(values) > MOST:
        reasons[MOST - 1 :] = [f"more than {MOST} values: the rest was not read"]
    return Overrides(legal), reasons


def not_in_contract(key: object, contract: Contract) -> str:
    """Say that a key is not open, and which are."""
    plain = isinstance(key, str) and len(key) <= LONGEST and KEY.fullmatch(f"{PREFIX}{key}")
    named = f"{PREFIX}{key}" if plain else quote(key)
    legal = [f"{PREFIX}{k}" for k in contract]
    near = did_you_mean(named, legal)
    return f"{named}: not in the recipe's contract.{near} Tunable: {', '.join(legal) or 'nothing'}"


def config_faults(config: Config) -> list[str]:
    """Return every cross-field fault of a config, at once and without torch."""
    return [
        f"{PREFIX}{name}.{fault}"
        for name, stage in stages.entries(config.recipe)
        for fault in stage.faults(getattr(config.recipe, name), config)
    ]


def lacking(config: Config) -> list[str]:
    """Return what a recipe or a reward needs that is not here, such as a key, a package or a sandbox: no fault of its
    own."""
    given = {"goal.scorer": (config.goal.scorer, config.goal.scorer_settings)}
    if any("recipe.rewards" in stage.reads for _, stage in stages.entries(config.recipe)):
        for name, weight in config.recipe.rewards.items():
            own = {k: v for k, v in weight.items() if k != "weight"} if isinstance(weight, Mapping) else {}
            given[f"{PREFIX}rewards.{name}"] = (name, own)
    why = {key: typed.lack("rewards", name, own) for key, (name, own) in given.items() if name != "goal"}
    judges = [f"{key}: the reward {given[key][0]} cannot judge here: {what}" for key, what in why.items() if what]
    return [*(f"{PREFIX}{what}" for what in stages.lacks(config.recipe)), *judges]


def difference(before: Recipe, after: Recipe) -> list[tuple[str, Any, Any]]:
    """Return (key, value before, value after) for every key of a recipe that differs."""
    old = dict(flat(before, PREFIX))
    return [(key, old[key], value) for key, value in flat(after, PREFIX) if old[key] != value]
