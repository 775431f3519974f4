"""The lint of recipe files: every fault that would stop a study, and what a stranger would miss in the file.

A file is read as it is on arrival, then set beside each goal that it suits and the model of its own command, so that
cross-field faults (a GRPO batch that does not divide) show before a study begins.

    python -m intern recipes check recipes/*/*.yaml
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from intern.config import choices, composition, gate, library, strict_yaml, typed
from intern.config.schema import Config, Recipe
from intern.errors import UserError, did_you_mean
from intern.text import as_lines

COMMAND = re.compile(r"(?:python -m )?intern .*recipe=\S+")


@dataclass(frozen=True)
class Fault:
    """One thing that is not as it should be in a recipe's file."""

    path: Path
    """The file, as it was named."""
    line: int | None
    """Line of its key, if that stands in the file."""
    text: str
    """The key, and what is wrong with it."""
    stops: bool = True
    """Whether it stops a study; False for a warning."""

    def __str__(self) -> str:
        place = f"{self.path}:{self.line}" if self.line else f"{self.path}"
        return as_lines([f"{place}: {'' if self.stops else 'warning: '}{self.text}"])


def faults(path: Path) -> list[Fault]:
    """Return every fault of a file's form, or else every cross-field fault and warning."""
    try:
        recipe, form_faults = library.read(path)
    except UserError as error:
        place, _, text = str(error).removeprefix(f"{path}:").partition(" ")
        line = place.partition(":")[0]
        return [Fault(path, int(line), text)] if line.isdigit() else [Fault(path, None, str(error))]
    lines, head = key_lines(path), library.header(path)
    stopping = [Fault(path, line_of(text, lines), text) for text in form_faults or cross_faults(recipe, head)]
    stopping.sort(key=lambda fault: (fault.line is None, fault.line))
    missed = () if form_faults else warnings(recipe, head)
    return stopping + [Fault(path, line_of(text, lines), text, stops=False) for text in missed]


def cross_faults(recipe: Recipe, head: str) -> list[str]:
    """Return every cross-field fault of the recipe with a goal that it suits and the model that its comment names."""
    model = model_of(head)
    goals: dict[str, list[str]] = {}
    for config in configs(model):
        if not {config.goal.name, *config.goal.kinds}.isdisjoint(recipe.suits):
            for fault in gate.config_faults(replace(config, recipe=recipe)):
                goals.setdefault(fault, []).append(config.goal.name)
    return [f"{fault} (goal {', '.join(names)}; model {model})" for fault, names in goals.items()]


def model_of(head: str) -> str:
    """Return the model of the command in a recipe's comment, or a placeholder if it names none that exists."""
    named = re.search(r"\bmodel=(\S+)", head)
    return named[1] if named and named[1] in choices.options("model") else "local"


def configs(model: str) -> list[Config]:
    """Return the config of each goal with a model."""
    return [composed(goal, model) for goal in choices.options("goal")]


@cache
def composed(goal: str, model: str) -> Config:
    """Return the config of a goal with a model, and placeholders for the paths that a person gives."""
    given = ["++goal.data_dir=DIR", "++model.path=PATH"]
    return typed.config(composition.compose([f"goal={goal}", f"model={model}", *given]))


def warnings(recipe: Recipe, head: str) -> Iterator[str]:
    """Yield what a reader of the file will miss; a study runs without it."""
    if not head.strip() or COMMAND.fullmatch(head.strip()):
        yield "header: no comment at the top says what the recipe does and what it measured"
    if not COMMAND.search(head):
        yield "header: no command in it: `python -m intern goal=GOAL model=MODEL recipe=NAME`"
    if not recipe.summary:
        yield "summary: empty, so that `recipes list` says nothing of it"
    if not recipe.tunable:
        yield "tunable: the contract is empty, so that no proposer or sweep may change anything"
    known = {tag for config in configs(model_of(head)) for tag in (config.goal.name, *config.goal.kinds)}
    for tag in recipe.suits:
        if tag not in known:
            yield f'suits: no goal and no kind of goal is called "{tag}".{did_you_mean(tag, known)}'


def key_lines(path: Path) -> dict[str, int]:
    """Return {dotted key: line} of every key in a YAML file that can be read."""
    lines: dict[str, int] = {}

    def walk(node: yaml.Node | None, prefix: str) -> None:
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            lines[f"{prefix}{key.value}"] = key.start_mark.line + 1
            walk(value, f"{prefix}{key.value}.")

    walk(strict_yaml.node(path), "")
    return lines


def line_of(text: str, lines: dict[str, int]) -> int | None:
    """Return the line of the key that a text names, or of the section around it."""
    match = re.search(r"recipe\.([\w.]+)", text) or re.match(r"([\w.]+)", text)
    key = match[1] if match else ""
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key)
