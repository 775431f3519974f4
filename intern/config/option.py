"""One option of a config group as a file that is not the package's, which may come from a stranger: it is read
strictly, and Hydra is given its values alone. A file that Hydra reads itself could set Hydra's own keys, and run code.

    defaults: [local]      # optional: other options of the group, which it builds on
    name: mine             # of a goal and a model; the file's own name if it is left out
    data_dir: path/to/data
"""

import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from intern.config import contract, strict_yaml, typed
from intern.config.library import interpolates, legible
from intern.config.ranges import Section
from intern.config.schema import Budget, Compute, Config, Goal, Model, Proposer
from intern.errors import UserError
from intern.text import as_lines

Tree = dict[str, Any]
SECTIONS: Mapping[str, type[Section]] = {
    "goal": Goal,
    "model": Model,
    "proposer": Proposer,
    "budget": Budget,
    "compute": Compute,
}
PLUGGED = {"goal": "generators", "proposer": "proposers", "compute": "launchers"}  # group → kind of plug-in
UNREADABLE = re.compile(r"[^\w.-]", re.ASCII)  # what means something to Hydra in the name of an option
NAMING = {"goal": "generator", "proposer": "name", "compute": "launcher"}  # group → the key that names the plug-in


def read(group: str, path: Path, option: Callable[[str], Tree]) -> Tree:
    """Return the values of an option's file, over those that its `defaults` name.

    Args:
        group: its config group.
        path: the file.
        option: name → the values of another option of the group.

    Raises:
        UserError: with every fault of the file, a line each.
    """
    tree, base = parted(group, path, option)
    own = legible(tree)
    if group in ("goal", "model"):
        own.setdefault("name", named(path))
    if group == "goal" and base:  # recipes that suit what it builds on suit it
        own.setdefault("kinds", list(dict.fromkeys([*base.get("kinds", []), base["name"]])))
    whole = merged(base, own)
    if faults := [*form_faults(tree), *value_faults(group, whole)]:
        raise UserError(as_lines(f"{path}: {fault}" for fault in faults))
    return whole


def plain(group: str, path: Path, option: Callable[[str], Tree]) -> Tree:
    """Return the values of one of the package's own files, over those that its `defaults` name."""
    tree, base = parted(group, path, option)
    return merged(base, tree)


def parted(group: str, path: Path, option: Callable[[str], Tree]) -> tuple[Tree, Tree]:
    """Return (what a file says itself, the values of the options that its `defaults` name)."""
    tree = mapping(group, path)
    base: Tree = {}
    for parent in parents(tree, path, group):
        base = merged(base, option(parent))
    return tree, {key: value for key, value in base.items() if key not in ("summary", "tags")}  # they are of that one


def named(path: Path) -> str:
    """Return the name of a file as an option."""
    return UNREADABLE.sub("-", path.stem)


def mapping(group: str, path: Path) -> Tree:
    """Return what a file holds.

    Raises:
        UserError: if that is no mapping.
    """
    tree = strict_yaml.read(path)
    if not isinstance(tree, dict):
        what = "nothing" if tree is None else f"a {type(tree).__name__}"
        raise UserError(f"{path} holds {what}; a {group} is a mapping of keys: {', '.join(keys(group))}.")
    return tree


def parents(tree: Tree, path: Path, group: str) -> list[str]:
    """Take `defaults` out of a tree; return the names of the options that it lists.

    Raises:
        UserError: if it is no list of names: it could reach other groups, Hydra's own among them.
    """
    named = tree.pop("defaults", [])
    if isinstance(named, list) and named[-1:] == ["_self_"]:
        named = named[:-1]
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        raise UserError(f"{path}: defaults: a list of names of other options of {group} is needed, as in [local].")
    return named


def merged(base: Tree, over: Tree) -> Tree:
    """Return a tree with the values of another over its own; mappings are merged key by key."""
    whole = dict(base)
    for key, value in over.items():
        below = whole.get(key)
        whole[key] = merged(below, value) if isinstance(below, dict) and isinstance(value, dict) else value
    return whole


def form_faults(tree: Tree) -> Iterator[str]:
    """Yield a line for each key that is no text, and each value that Hydra would not take as it is."""
    for key, value in tree.items():
        if not isinstance(key, str):
            yield f"{key!r}: a key is text"
        elif interpolates(value):
            yield f"{key}: interpolation (${{…}}) and ??? are not allowed. Give the value itself"
        elif not plain_value(value):
            yield f"{key}: only text, numbers, true, false, null, lists and mappings are allowed. Put dates into quotes"


def plain_value(value: Any) -> bool:
    """Return whether a YAML value is made of what JSON has: no date, no set, no bytes."""
    if isinstance(value, dict):
        return all(isinstance(key, str) and plain_value(entry) for key, entry in value.items())
    if isinstance(value, list):
        return all(map(plain_value, value))
    return value is None or isinstance(value, str | int | float)


def value_faults(group: str, tree: Tree) -> list[str]:
    """Return a line for each key that does not exist, with all that do, each value that does not fit its key, and each
    plug-in that nobody has."""
    built, faults = typed.build(cls(group, tree), tree)
    if built is None:
        if strange := [fault for fault in faults if ": no such key." in fault]:
            faults[faults.index(strange[-1])] += f" Legal keys: {', '.join(keys(group, tree))}."
        return faults
    lacking = typed.plugin_faults(Config(**{group: built}))
    return [fault.removeprefix(f"{group}.") for fault in lacking if fault.startswith(f"{group}.")]


def cls(group: str, tree: Tree) -> type:
    """Return the class of a group's section, with the settings of the plug-in that a tree names."""
    if group not in PLUGGED:
        return SECTIONS[group]
    name = tree.get(NAMING[group])
    return typed.extended(SECTIONS[group], PLUGGED[group], name if isinstance(name, str) else None)


def keys(group: str, tree: Tree | None = None) -> list[str]:
    """Return the keys of a group's section."""
    return sorted(contract.leaves(cls(group, tree or {})))
