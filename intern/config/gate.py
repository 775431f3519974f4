"""The gate: the only way from a proposal, whoever wrote it, to a config.

A line is `recipe=<name>` or `recipe.<key>=<value>`, read by the strict reader below, never by Hydra.
The key must be in the recipe's contract and the value inside its domain; the config is then composed
from values that the gate itself has written. A refusal is a value with all its reasons.

    python -m intern check goal=arithmetic model=tiny recipe=generated/sft recipe.sft.learning_rate=1e-3"""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from hydra import compose
from omegaconf import DictConfig, OmegaConf

from intern.config import contract, library, schema
from intern.config.contract import Value
from intern.config.schema import Config
from intern.errors import UserError, did_you_mean, unknown

LONGEST = 200  # characters; the longest honest line of the library has 60
KEY = re.compile(r"recipe(\.[a-z][a-z0-9_]*)+", re.ASCII)


@dataclass(frozen=True)
class Scene:
    """What a person has set, and a proposal can only fill in."""

    words: tuple[str, ...]
    """The command line's overrides, `recipe=` left out."""
    recipes: tuple[str, ...]
    """Names of the recipes that a proposal may use."""

    @property
    def pins(self) -> tuple[str, ...]:
        """The command line's `recipe.<key>=<value>` words: fixed for every trial."""
        return tuple(word for word in self.words if word.startswith("recipe."))

    @property
    def command(self) -> str:
        """The command line that made it."""
        chosen = [f"recipe={library.origin(self.recipes[0])}"] if len(self.recipes) == 1 else []
        return shlex.join(["python", "-m", "intern", *self.words, *chosen])


@dataclass(frozen=True)
class Vetted:
    """A proposal that passed."""

    recipe: str
    """Its recipe."""
    overrides: tuple[str, ...]
    """Pins, then the proposal's own values as the gate wrote them, in the order of their keys."""
    config: Config
    """The composed config of the trial."""


@dataclass(frozen=True)
class Rejection:
    """A proposal that did not."""

    reasons: tuple[str, ...]
    """Every reason, each naming the line, the fault and the legal choices."""


def vet(scene: Scene, lines: Sequence[str]) -> Vetted | Rejection:
    """Read the lines against the contract of the recipe that they name, and compose the trial's config."""
    pairs, reasons = read(lines)
    name = pairs.pop("recipe", None)
    if name is None:
        return Rejection((*reasons, f"no recipe is named: start with recipe=<name>, one of {', '.join(scene.recipes)}"))
    if name not in scene.recipes:
        return Rejection((*reasons, unknown("recipe", quote(name)[1:-1], scene.recipes)))
    recipe = library.load(name)
    values, more = bounded(pairs, contract.read(recipe.tunable)[0], {pin.partition("=")[0] for pin in scene.pins})
    reasons += more
    if reasons:
        return Rejection(tuple(reasons))
    written = tuple(f"recipe.{key}={contract.show(value)}" for key, value in sorted(values.items()))
    composed: Config = OmegaConf.to_object(composed_config((*scene.words, f"recipe={name}", *written)))
    if found := schema.faults(composed):
        return Rejection(tuple(found))
    return Vetted(name, (*scene.pins, *written), composed)


def read(lines: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    """(key → raw value) of the lines that have the one legal form, and why the others have not."""
    pairs: dict[str, str] = {}
    reasons: list[str] = []
    for line in lines:
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
    """Why a line has not the form `recipe=<name>` or `recipe.<key>=<value>`, or None."""
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


def bounded(pairs: dict[str, str], bounds: contract.Contract, pinned: set[str]) -> tuple[dict[str, Value], list[str]]:
    """The typed values inside the contract, and why the others are not."""
    values: dict[str, Value] = {}
    reasons: list[str] = []
    for full, text in pairs.items():
        key = full.removeprefix("recipe.")
        if key not in bounds:
            legal = [f"recipe.{k}" for k in bounds]
            reasons.append(
                f"{full}: not in the recipe's contract.{did_you_mean(full, legal)} "
                f"Tunable: {', '.join(legal) or 'nothing'}"
            )
        elif full in pinned:
            reasons.append(f"{full}: pinned by the command line for the whole study")
        else:
            try:
                values[key] = bounds[key].parse(text)
            except ValueError as error:
                reasons.append(f"{full}: {error}; legal: {bounds[key]}")
    return values, reasons


def composed_config(words: Sequence[str]) -> DictConfig:
    """Hydra's composition; only words of a person, a vetted name and values written by this module reach it."""
    node = compose("config", overrides=list(words))
    if missing := OmegaConf.missing_keys(node):
        raise UserError("\n".join(f"{key} has no value. Give it as {key}=…" for key in sorted(missing)))
    return node


def difference(vetted: Vetted) -> list[tuple[str, Value | None, Value | None]]:
    """(key, value in the recipe's file, value now) for every key of the recipe that differs."""
    before = dict(schema.flat(library.load(vetted.recipe), "recipe."))
    return [(k, before[k], v) for k, v in schema.flat(vetted.config.recipe, "recipe.") if before[k] != v]


def quote(text: object) -> str:
    """The text as a refusal may show it: printable, ASCII and short."""
    shown = ascii(text)
    return shown if len(shown) <= 80 else shown[:76] + "..." + shown[-1]
