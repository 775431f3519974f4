"""The words of the command line, before Hydra reads them: paths in a name's place, keys that a plug-in adds, and what
is given twice.

    python -m intern goal=path/to/goal.yaml model=path/to/folder recipe=path/to/file.yaml
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from intern.config import choices, contract, schema, stages, typed
from intern.config.choices import GROUPS, SUFFIXES
from intern.config.library import Library
from intern.errors import UserError, did_you_mean, unknown
from intern.overrides import PREFIX
from intern.text import one_line

PLAIN = re.compile(r"[\w/.@%-]+", re.ASCII)
KEY = re.compile(r"~?[\w./-]+")
HUB = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)  # OWNER/NAME
KNOWN = {*(f.name for f in fields(schema.Config)), "hydra"}
RESOLVES = re.compile(r"\$\{[^{}]*:")  # ${oc.env:HF_TOKEN}; ${goal.name} is a value of the config
ASSIGNS = re.compile(r"[~+]*[\w.@:/-]+=")
SECTIONS = (*GROUPS, "diagnosis", "research")  # their keys are checked after composition
MOST = 10  # faults that are shown


def is_sentence(words: Sequence[str]) -> bool:
    """Return whether the first of a command line's words is a request: it has a space, and sets no key."""
    return bool(words) and " " in words[0] and not ASSIGNS.match(words[0])


def chooses(word: str) -> bool:
    """Return whether a word chooses an option of a group; `GROUP={…}` sets keys of the section instead."""
    key, equals, value = word.partition("=")
    return bool(equals) and key.lstrip("+") in GROUPS and not value.startswith("{")


def once(words: Sequence[str]) -> None:
    """Raise UserError for a choice that is made twice, of which Hydra would silently take the last."""
    keys = [word.partition("=")[0].lstrip("+") for word in words if chooses(word)]
    if twice := sorted({key for key in keys if keys.count(key) > 1}):
        raise UserError("\n".join(f"{key}=… is given twice. Give one of them." for key in twice))


def opened(words: Sequence[str], library: Library) -> list[str]:
    """Return words as Hydra reads them: names are checked, recipes loaded, paths become choices.

    Keys of a section get `++`: which of them exist is known when the section's plug-in is, and checked then.

    Raises:
        UserError: with every word that cannot be read, and every choice that does not exist.
    """
    parts = each(words, lambda word: choice(word, library) if chooses(word) else [setting(word)])
    return [word for part in parts for word in part]


def each(texts: Sequence[str], read: Callable[[str], list[str]]) -> list[list[str]]:
    """Return what is read from each text.

    Raises:
        UserError: with the faults of all.
    """
    parts: list[list[str]] = []
    faults: list[str] = []
    for text in texts:
        try:
            parts.append(read(text))
        except UserError as error:
            faults.append(str(error))
    if faults:
        more = [f"… and {len(faults) - MOST} more."] if len(faults) > MOST else []
        raise UserError("\n".join([*faults[:MOST], *more]))
    return parts


def setting(word: str) -> str:
    """Return a word that sets a key, as Hydra reads it.

    Raises:
        UserError: if it is not of the form KEY=VALUE.
    """
    bare = word.lstrip("+")
    key, equals, _ = bare.partition("=")
    if word.startswith("~") and not key.startswith("~recipe."):
        raise UserError(f'"{shown(word)}": only entries under recipe can be taken away. Give the key a value.')
    if not equals and not word.startswith("~"):
        raise UserError(f'Cannot read the word "{shown(word)}": give KEY=VALUE. See --help.')
    if not key:
        raise UserError(f'"{shown(word)}" has no key: give KEY=VALUE.')
    if RESOLVES.search(word):
        message = "the environment and other resolvers cannot be read from a config. Give the value itself."
        raise UserError(f"{shown(key)}: {message}")
    if not KEY.fullmatch(key):
        raise UserError(f'"{shown(word)}": a key is a dotted name of letters, digits, - and _, as in goal.dev_items.')
    if key.lstrip("~") == "recipe.name":
        raise UserError("recipe.name: a recipe is named by its file. Leave this out.")
    if re.split("[./]", key.lstrip("~"))[0] not in KNOWN:
        raise UserError(no_key(key))
    return f"++{bare}" if key.partition(".")[0] in SECTIONS else word


def choice(word: str, library: Library) -> list[str]:
    """Return a word that chooses an option, as Hydra reads it.

    Raises:
        UserError: for an option that does not exist.
    """
    key, _, value = word.lstrip("+").partition("=")
    if "," in value:
        return [f"{key}={','.join(swept(key, value, library))}"]
    if key != "recipe" and value.endswith(SUFFIXES) and not Path(value).is_dir():
        return [f"{key}={choices.adopt(key, Path(value))}"]
    if key == "model" and value and value not in choices.options("model") and ("/" in value or Path(value).is_dir()):
        return elsewhere(value)
    value = adopted(value, library) if key == "recipe" else value
    legal = choices.options(key, library)
    if value not in legal:
        raise UserError(unknown(key, shown(value), legal))
    if key != "recipe":
        choices.register_option(key, value)
    elif value != "none":
        choices.register_recipe(library, value)
    return [f"{key}={value}"]


def elsewhere(model: str) -> list[str]:
    """Return the words for a model's folder, or for a repository of the Hub: OWNER/NAME where no folder is OWNER."""
    if HUB.fullmatch(model) and not Path(model).parent.is_dir():
        return ["model=local", f"++model.path={model}", f"++model.name={Path(model).name}"]
    return ["model=local", f"++model.path={quoted(Path(model).expanduser().resolve())}"]


def swept(key: str, values: str, library: Library) -> list[str]:
    """Return the names that a sweep `KEY=A,B` goes over.

    Raises:
        UserError: if they would not be told apart.
    """
    parts = each(values.split(","), lambda value: choice(f"{key}={value.strip()}", library))
    if paths := [value for value, words in zip(values.split(","), parts, strict=True) if len(words) > 1]:
        raise UserError(
            f"{key}={values}: a folder ({', '.join(paths)}) cannot be one of several models. "
            "Run one study for each: model=PATH study=NAME."
        )
    names = [words[0].partition("=")[2] for words in parts]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise UserError(f"{key}={values}: {', '.join(twice)} stands twice. Two files of one name: rename one.")
    return names


def adopted(value: str, library: Library) -> str:
    """Return the name that the library gives a recipe's file; any other value as it is."""
    return library.adopt(Path(value)) if value.endswith(SUFFIXES) else value


def quoted(path: Path) -> str:
    """Return a path as Hydra reads it back: in quotes if it has a character that means something to Hydra."""
    if PLAIN.fullmatch(str(path)):
        return str(path)
    escaped = re.sub(r"(\\*)('|$)", lambda match: match[1] * 2 + match[2].replace("'", "\\'"), str(path))
    return f"'{escaped}'"


def shown(text: str) -> str:
    """Return a person's text as a message repeats it: printable and short."""
    return one_line(text, 80)


def no_key(key: str) -> str:
    """Say that the schema has no such key, and which is near."""
    return f'Unknown key "{shown(key)}".{did_you_mean(key, [*GROUPS, *kinds()])} See --cfg job for all keys.'


def kinds() -> dict[str, type]:
    """Return the type of every key, those of the stages too."""
    recipe = typed.recipe_class(tuple((name, name) for name in stages.recipe_stages()))
    of_recipe = {f"{PREFIX}{key}": leaf for key, leaf in contract.leaves(recipe).items()}
    return {key: kind for key, (kind, _) in {**contract.leaves(schema.Config), **of_recipe}.items()}
