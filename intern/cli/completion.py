"""Completion in a shell: commands, choices, keys and their values, studies. It composes nothing and imports nothing
heavy, so that a press of Tab takes as long as `--version`.

    eval "$(intern -sc install=bash)"
"""

import os
import shlex
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

import yaml

from intern import plugins
from intern.cli import COMMANDS, flags, outputs
from intern.cli.words import adopted
from intern.config import choices, option, stages, typed
from intern.config.choices import GROUPS
from intern.config.library import Library
from intern.config.schema import Config
from intern.errors import UserError
from intern.overrides import show
from intern.text import say

NAMES = {  # key → kind of the plug-in that it names
    "goal.scorer": "rewards",
    "goal.generator": "generators",
    "proposer.name": "proposers",
    "compute.launcher": "launchers",
}
AFTER = {"--cfg": ("job", "hydra", "all"), "-c": ("job", "hydra", "all"), "--info": flags.INFO, "-i": flags.INFO}
DIRECTORY = ("--config-dir", "-cd")
SCRIPTS = {
    "bash": r"""_intern() {
  local line="${COMP_LINE:0:COMP_POINT}" cut="" IFS=$'\n'
  local word="${line##*[[:space:]]}"
  if [[ $word == *=* && $COMP_WORDBREAKS == *=* ]]; then cut="${word%"${word##*=}"}"; fi
  COMPREPLY=($(COMP_LINE="$COMP_LINE" COMP_POINT="$COMP_POINT" PROGRAM -sc query=bash 2>/dev/null))
  COMPREPLY=("${COMPREPLY[@]#"$cut"}")
  if [[ ${#COMPREPLY[@]} == 1 && ${COMPREPLY[0]} == *[=./] ]]; then compopt -o nospace; fi
}
complete -o default -F _intern intern""",
    "zsh": r"""(( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
_intern() {
  local -a offered
  offered=(${(f)"$(COMP_LINE="$BUFFER" COMP_POINT=$CURSOR PROGRAM -sc query=zsh 2>/dev/null)"})
  if (( ! $#offered )); then compset -P '*='; _files; return; fi
  compadd -S '' -- ${(M)offered:#*[=./]}
  compadd -- ${offered:#*[=./]}
}
compdef _intern intern""",
    "fish": r"""function __intern
    set -lx COMP_LINE (commandline -cp)
    set -lx COMP_POINT (string length -- "$COMP_LINE")
    set -l offered (PROGRAM -sc query=fish 2>/dev/null)
    if test (count $offered) -gt 0
        printf '%s\n' $offered
    else
        set -l key (string match -r '^.*=' -- (commandline -ct))
        for path in (__fish_complete_path (string replace -r '^.*=' '' -- (commandline -ct)))
            echo "$key$path"
        end
    end
end
complete -c intern -f -a '(__intern)'""",
}
UNDO = {
    "bash": "complete -r intern; unset -f _intern",
    "zsh": "compdef -d intern; unfunction _intern",
    "fish": "complete -e -c intern; functions -e __intern",
}


def run(word: str) -> int:
    """Do what `-sc WORD` asks for: print a shell's script, or what its line can go on with, one a line."""
    action, _, shell = word.partition("=")
    if action == "query":
        line = os.environ.get("COMP_LINE", "")
        point = os.environ.get("COMP_POINT", "")
        for text in offered(line[: int(point)] if point.isdigit() else line):
            say(text)
    elif action == "install":
        say(SCRIPTS[shell].replace("PROGRAM", program(sysconfig.get_path("scripts"))))
    else:
        say(UNDO[shell])
    return 0


def program(scripts: str) -> str:
    """Return the command that a shell runs, of which a press of Tab must not import what is in the current folder.

    Args:
        scripts: where the console scripts of this Python are.
    """
    own = shutil.which("intern", path=scripts)
    return shlex.quote(own) if own else f"{shlex.quote(sys.executable)} -P -m intern"


def offered(line: str) -> list[str]:
    """Return what a line up to the cursor can go on with, each as the whole last word; nothing if it has a fault."""
    words = line.split()
    current = "" if not words or line[-1:].isspace() else words.pop()
    words = words[3 if words[1:3] == ["-m", "intern"] else 1 :]
    try:
        choices.search([Path(folder) for flag, folder in zip(words, words[1:], strict=False) if flag in DIRECTORY])
        return sorted({text for text in candidates(words, current) if text.startswith(current) and text.isprintable()})
    except (UserError, OSError):
        return []


def candidates(words: list[str], current: str) -> Iterable[str]:
    """Return what may follow words of the command line, whether or not it begins with what is typed of it."""
    named = next((word for word in words if word in COMMANDS), None) if words[:1] else None
    if words[-1:] and words[-1] in AFTER:
        return AFTER[words[-1]]
    if words[-1:] and words[-1] in DIRECTORY:
        return ()
    if words[:1] == [named] and named not in (None, "check", "research", "mcp"):
        return of_command(words, current)
    if current.startswith("-"):
        return options_of([named]) if named else flags.FLAGS
    return [*settings(words, current), *(() if words else COMMANDS)]


def of_command(words: list[str], current: str) -> Iterable[str]:
    """Return what a command that takes no settings takes next."""
    from intern.cli.app import GROUPS as ACTIONS

    if words[0] in ACTIONS and len(words) == 1:
        return [action.name or "" for action in ACTIONS[words[0]].registered_commands]
    command = " ".join(words[:2] if words[0] in ACTIONS else words[:1])
    if current.startswith("-"):
        return options_of(command.split())
    given = [word for word in words[len(command.split()) :] if not word.startswith("-")]
    if command in outputs.COMMANDS:
        elsewhere = [word for word in given if word.startswith(outputs.WORD)]
        named = () if len(given) > len(elsewhere) else studies(place_of(given))
        return [*named, *(() if elsewhere else [outputs.WORD])]
    if given:
        return ()
    if command == "recipes show":
        return Library().names()
    if command == "models pull":
        return [name for name in choices.options("model") if choices.values("model", name).get("package")]
    return ()


def options_of(command: list[str]) -> list[str]:
    """Return the options of a command."""
    import typer

    from intern.cli.app import app

    found: Any = typer.main.get_command(app)
    for name in command:
        found = found.commands[name]
    opts = [name for parameter in found.params for name in parameter.opts if name.startswith("--")]
    return [*opts, "--help"]


def place_of(words: list[str]) -> Path:
    """Return the folder of studies that words name, or the default one."""
    named = [word.removeprefix(outputs.WORD) for word in words if word.startswith(outputs.WORD)]
    return Path(named[-1] if named else Config().outputs).expanduser()


def studies(place: Path) -> list[str]:
    """Return the names of the studies in a folder."""
    from intern.study import ledger

    return ledger.under(place)


def settings(words: list[str], current: str) -> Iterator[str]:
    """Yield choices, keys one part at a time, or a key's values."""
    bare = current.lstrip("+~")
    mark = current[: len(current) - len(bare)]
    key, equals, value = bare.partition("=")
    if not equals:
        yield from (f"{mark}{group}=" for group in GROUPS)
        for known in keys(words, key):
            part, dot, _ = known[len(key) :].partition(".") if known.startswith(key) else ("", "", "")
            if part:
                yield f"{mark}{key}{part}{dot or '='}"
        return
    before = value[: value.rfind(",") + 1]  # of the values of a multirun
    yield from (f"{mark}{key}={before}{legal}" for legal in legal_values(key, words))


def legal_values(key: str, words: list[str]) -> Iterable[str]:
    """Return the values of a key, if they are few: the options of a group, plug-ins, words, studies."""
    if key in GROUPS:
        return choices.options(key)
    if key in NAMES:
        return plugins.names(NAMES[key])
    if key == "study":
        return studies(place_of(words))
    values = few(keys(words, key).get(key))
    return values if len(values) > 1 else ()  # null alone is no help with a number


def few(hint: Any) -> list[str]:
    """Return the values that a type has, if it lists them."""
    if get_origin(hint) in (Union, UnionType):
        return [value for kind in get_args(hint) for value in few(kind)]
    if get_origin(hint) is Literal:
        return [show(value) for value in get_args(hint)]
    return {bool: ["true", "false"], NoneType: ["null"]}.get(hint, [])


def keys(words: list[str], key: str) -> dict[str, Any]:
    """Return the type of every key that a study of these words has, of the sections that a key may mean."""
    chosen = {**defaults(), **{group: name for group, _, name in (word.partition("=") for word in words)}}
    part = key.partition(".")[0]
    classes: dict[str, type] = {}
    for group in option.SECTIONS:
        if group.startswith(part):
            classes[group] = option.cls(group, section(group, chosen[group]))
    if "recipe".startswith(part):
        classes["recipe"] = recipe_class(chosen["recipe"])
    if "diagnosis".startswith(part):
        classes |= {f"diagnosis.{rule}": cls for rule, cls in of_rules()}
    known = {name: hint for name, hint in walked(Config) if name.partition(".")[0] not in GROUPS}
    for prefix, cls in classes.items():
        known |= dict(walked(cls, f"{prefix}."))
    return known


def walked(cls: type, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, type) of every leaf of a schema class."""
    hints = get_type_hints(cls)
    for field in fields(cls):
        hint = hints[field.name]
        if isinstance(hint, type) and is_dataclass(hint):
            yield from walked(hint, f"{prefix}{field.name}.")
        else:
            yield prefix + field.name, hint


def defaults() -> dict[str, str]:
    """Return the option of each group that is taken if none is chosen."""
    listed = yaml.safe_load((choices.CONF / "config.yaml").read_text(encoding="utf-8"))["defaults"]
    return {group: name for entry in listed if isinstance(entry, dict) for group, name in entry.items()}


def section(group: str, name: str) -> dict[str, Any]:
    """Return the values of an option, or nothing if there is none of that name."""
    return choices.values(group, name) if name in choices.options(group) else {}


def recipe_class(name: str) -> type:
    """Return the class of a recipe, or that of one with every stage."""
    library = Library()
    name = adopted(name, library)
    if name in library.names():
        return type(library.load(name))
    return typed.recipe_class(tuple((stage, stage) for stage in stages.recipe_stages()))


def of_rules() -> Iterator[tuple[str, type]]:
    """Yield (diagnosis rule, the class of its settings) of those that have some."""
    for rule in plugins.names("diagnosis"):
        cls = getattr(plugins.load("diagnosis", rule), "Settings", None)
        if cls is not None:
            yield rule, cls
