"""The lint of recipe files: every fault that would stop a study, and what a stranger would miss in the file.

A file is read as it is on arrival, then composed with each goal that it suits and the model of its own command,
so that cross-field faults (a GRPO batch that does not divide) show before a study begins.

    python -m intern recipes check recipes/*/*.yaml"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml
from omegaconf import OmegaConf

from intern.cli.words import options
from intern.config import gate, library, schema
from intern.config.schema import Recipe
from intern.errors import Plain, UserError, did_you_mean

COMMAND = re.compile(r"(?:python -m )?intern .*recipe=\S+")


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be in a recipe's file."""

    path: Path
    """The file, as it was named."""
    line: int | None
    """Where its key stands, if it stands in the file."""
    text: str
    """The key, and what is wrong with it."""
    fault: bool = True
    """Whether it stops a study; False for a warning."""

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line else f"{self.path}"
        return f"{where}: {'' if self.fault else 'warning: '}{self.text}"


def findings(path: Path) -> list[Finding]:
    """Every fault of a file, or else every cross-field fault and warning."""
    try:
        node, found = library.read(path)
    except UserError as error:
        place, _, text = str(error).removeprefix(f"{path}:").partition(" ")
        line = place.partition(":")[0]
        return [Finding(path, int(line), text)] if line.isdigit() else [Finding(path, None, str(error))]
    lines = key_lines(path)
    if found:
        return [Finding(path, line_of(fault, lines), fault) for fault in found]
    recipe: Recipe = OmegaConf.to_object(node)
    head = library.header(path)
    faults = [Finding(path, line_of(fault, lines), fault) for fault in cross_faults(path, recipe, head)]
    return faults + [Finding(path, line_of(text, lines), text, fault=False) for text in warnings(recipe, head)]


def cross_faults(path: Path, recipe: Recipe, head: str) -> list[str]:
    """What `config.faults` says of the recipe with each goal that it suits; of the comment only names are taken."""
    from hydra import initialize_config_dir

    named = re.search(r"\bmodel=(\S+)", head)
    model = named[1] if named and named[1] in options("model") else "local"
    found: dict[str, list[str]] = {}
    with initialize_config_dir(str(schema.ROOT / "conf"), version_base="1.3"):
        for goal in [goal for goal in recipe.suits if goal in options("goal")]:
            words = [f"goal={goal}", f"model={model}", "goal.data_dir=DIR", f"recipe={library.adopt(path)}"]
            library.load(words[-1].partition("=")[2])
            composed = gate.composed_config([*words, *(["model.path=PATH"] if model == "local" else [])])
            for fault in schema.faults(OmegaConf.to_object(composed)):
                found.setdefault(fault, []).append(goal)
    return [f"{fault} (goal {', '.join(goals)}; model {model})" for fault, goals in found.items()]


def warnings(recipe: Recipe, head: str) -> Iterator[str]:
    """What a study can do without and a reader cannot."""
    if not head.strip() or COMMAND.fullmatch(head.strip()):
        yield "header: no comment at the top says what the recipe does and what it measured"
    if not COMMAND.search(head):
        yield "header: no command in it: `python -m intern goal=GOAL model=MODEL recipe=NAME`"
    if not recipe.summary:
        yield "summary: empty, so that `recipes list` says nothing of it"
    if not recipe.tunable:
        yield "tunable: the contract is empty, so that no proposer or sweep may change anything"
    for goal in recipe.suits:
        if goal not in options("goal"):
            yield f'suits: no goal is called "{goal}".{did_you_mean(goal, options("goal"))}'


def key_lines(path: Path) -> dict[str, int]:
    """(dotted key → line) of every key in a YAML file that can be read."""
    found: dict[str, int] = {}

    def walk(node: yaml.Node | None, prefix: str) -> None:
        for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
            found[f"{prefix}{key.value}"] = key.start_mark.line + 1
            walk(value, f"{prefix}{key.value}.")

    walk(yaml.compose(path.read_text(encoding="utf-8"), Plain), "")
    return found


def line_of(text: str, lines: dict[str, int]) -> int | None:
    """The line of the key that a text names, or of the section around it."""
    match = re.search(r"recipe\.([\w.]+)", text) or re.match(r"([\w.]+)", text)
    key = match[1] if match else ""
    while key and key not in lines:
        key = key.rpartition(".")[0]
    return lines.get(key)
