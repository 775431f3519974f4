"""The recipe library: recipes/<domain>/<name>.yaml, the same in each folder of INTERN_RECIPES, or a file anywhere.

Names are listed at once; a file is read when it is chosen, and vetted on arrival (it may come from a stranger).

    INTERN_RECIPES=~/my python -m intern recipes list
"""

import itertools
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml

from intern import plugins
from intern.config import contract, schema, stages, strict_yaml, typed
from intern.config.contract import Choices
from intern.config.schema import Goal, Recipe
from intern.errors import UserError, quote, unknown
from intern.overrides import show
from intern.text import as_lines, one_line

FOLDER = schema.ROOT / "recipes"
UNREADABLE = re.compile(r"[^\w .-]", re.ASCII)  # what means something to Hydra in the name of a file: ${oc.env:…}
NAME = re.compile(r"(?!file/)[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)*", re.ASCII)  # what Hydra reads as one word
HEAVIEST = 1000  # weight of a reward


class Library:
    """The recipes that are at hand, by name."""

    def __init__(self) -> None:
        self._files, self.left_out = listed()
        self._loaded: dict[str, Recipe] = {}

    def names(self) -> list[str]:
        """Return every recipe's name, as in recipe=<name>: its place under its folder."""
        return list(self._files)

    def adopt(self, path: Path) -> str:
        """Take a recipe file from anywhere into the library; return its name there.

        Raises:
            UserError: if there is no such file.
        """
        path = path.expanduser()
        if not path.is_file():
            legal = ", ".join(self.names())
            raise UserError(f"No recipe file at {one_line(path)}. Give a path that exists, or one of: {legal}.")
        name = f"file/{UNREADABLE.sub('-', path.stem)}"
        self._files[name] = path.resolve()
        self._loaded.pop(name, None)
        self.left_out.pop(name, None)
        return name

    def load(self, name: str) -> Recipe:
        """Return the vetted recipe, which is read once.

        Raises:
            UserError: with every fault of the file.
        """
        if name in self._loaded:
            return self._loaded[name]
        recipe, faults = read(self.path(name))
        if faults:
            raise UserError(as_lines([f"{self.path(name)} is not a valid recipe:", *(f"  - {f}" for f in faults)]))
        recipe.name = name
        self._loaded[name] = recipe
        return recipe

    def suiting(self, goal: Goal) -> list[str]:
        """Return the names of the recipes that try a goal by themselves: they name it, or its kind."""
        tags = {goal.name, *goal.kinds}
        return [recipe.name for recipe in self.readable() if tags.intersection(recipe.suits)]

    def readable(self) -> list[Recipe]:
        """Return the recipes that can be read; why others cannot is noted in `left_out`."""
        recipes = []
        for name in self.names():
            try:
                recipes.append(self.load(name))
            except UserError as error:
                self.left_out[name] = str(error)
        return recipes

    def path(self, name: str) -> Path:
        """Return the file of a recipe.

        Raises:
            UserError: if there is no such recipe, or it was left out.
        """
        if name in self.left_out:
            raise UserError(self.left_out[name])
        if name not in self._files:
            raise UserError(unknown("recipe", name, self.names()))
        return self._files[name]

    def origin(self, name: str) -> str:
        """Return what a person writes after recipe=: the name, or the path of an adopted file."""
        return str(self._files[name]) if name.startswith("file/") else name


def listed() -> tuple[dict[str, Path], dict[str, str]]:
    """Return the file of each name; and of each name, or file, that cannot be used, why."""
    files: dict[str, Path] = {}
    left_out: dict[str, str] = {}
    for folder in (FOLDER, *own_folders()):
        for file in sorted(folder.rglob("*.yaml")):
            name = file.relative_to(folder).with_suffix("").as_posix()
            if f"/{name}".count("/."):  # .github/, .ipynb_checkpoints/
                continue
            if not NAME.fullmatch(name) or name == "none":
                left_out[str(file)] = (
                    f"{one_line(file)}: a recipe cannot be named {name!r}. Rename it with letters, digits, - and _; "
                    "none and file/… are taken."
                )
            elif name in files:
                left_out[name] = f"Recipe {one_line(name)} exists twice: {files[name]} and {file}. Rename one of them."
            else:
                files[name] = file
    return files, left_out


def own_folders() -> list[Path]:
    """Return the folders that INTERN_RECIPES adds.

    Raises:
        UserError: with those that are not there.
    """
    named = [Path(part).expanduser() for part in os.environ.get("INTERN_RECIPES", "").split(os.pathsep) if part]
    if missing := [str(folder) for folder in named if not folder.is_dir()]:
        raise UserError(
            f"INTERN_RECIPES names no folder: {', '.join(missing)}. Make it, or mend the variable: "
            f'paths separated by "{os.pathsep}".'
        )
    return [folder for folder in dict.fromkeys(folder.resolve() for folder in named) if folder != FOLDER]


def read(path: Path) -> tuple[Recipe, list[str]]:
    """Return the recipe of a file and all its faults.

    Raises:
        UserError: if the file holds no mapping.
    """
    tree = strict_yaml.read(path)
    if not isinstance(tree, dict):
        raise UserError(f"{path}: a recipe is a mapping of keys, not {type(tree).__name__}.")
    faults = form_faults(tree)
    recipe, more = typed.recipe(legible(tree))
    named = tree.get("stages")
    doubtful = ["stages", *named] if isinstance(named, list) else ["stages"]  # what these are was said
    if any(fault.startswith("stages:") for fault in faults):
        more = [fault for fault in more if re.split("[.:]", fault)[0] not in doubtful]
    return recipe, [*faults, *more] or recipe_faults(recipe)


def form_faults(tree: Mapping[Any, Any]) -> list[str]:
    """Return every fault of the keys, texts and stage names, and every section without a stage."""
    faults = ["name: a recipe is named by its file; leave this out"] if "name" in tree else []
    faults += strict_yaml.strange_keys(tree)
    for key, value in tree.items():
        if isinstance(key, str) and interpolates(value):
            faults.append(f"{key}: interpolation (${{…}}) and ??? are not allowed in a recipe")
    named = tree.get("stages") or []
    if not isinstance(named, list) or not all(isinstance(name, str) for name in named):
        return [*faults, "stages: a list of names is needed"]
    known = stages.recipe_stages()
    kinds = {name: typed.kind_of(tree, name) for name in named}
    faults += [f"stages: {unknown('stage', kind, known)}" for kind in kinds.values() if kind not in known]
    faults += [
        f"stages: {name!r} cannot be the name of a section: take another word of small letters, digits and _"
        for name, kind in kinds.items()
        if kind in known and not typed.may_name(name, kind)
    ]
    faults += [
        f"{key}: the recipe has no such stage. Add it to stages, or leave the section out"
        for key in tree
        if isinstance(key, str) and key not in named and typed.kind_of(tree, key) in known
    ]
    return faults


def legible(tree: Mapping[Any, Any]) -> dict[str, Any]:
    """Return what may be read of a tree: entries whose key is text and whose value does not interpolate."""
    entries = {}
    for key, value in tree.items():
        if isinstance(value, dict) and isinstance(key, str):
            entries[key] = legible(value)
        elif isinstance(key, str) and not interpolates(value):
            entries[key] = value
    return entries


def interpolates(value: Any) -> bool:
    """Return whether `${` or `???` stands anywhere in a YAML value, keys included."""
    if isinstance(value, dict):
        return any(interpolates(k) or interpolates(v) for k, v in value.items())
    if isinstance(value, list):
        return any(interpolates(v) for v in value)
    return isinstance(value, str) and ("${" in value or value == "???")


def recipe_faults(recipe: Recipe) -> list[str]:
    """Return every fault of a recipe that the types cannot express."""
    faults = stages.order_faults(recipe)
    faults += strict_yaml.unprintable_texts(recipe.tree())
    faults += reward_faults(recipe)
    for name, stage in stages.entries(recipe):
        faults += [f"{name}.{fault}" for fault in stage.malformed(getattr(recipe, name))]
    faults += contract.read(recipe.tunable, contract.leaves(type(recipe)))[1]
    faults += [f"tunable.{key}: the recipe's own value {why}" for key, why in outside(recipe).items()]
    return faults + unusable(recipe)


def reward_faults(recipe: Recipe) -> list[str]:
    """Return a line for each reward that nobody has or whose settings it does not take."""
    legal = ["goal", *plugins.names("rewards")]
    faults = []
    rewarded = any("recipe.rewards" in stage.reads for _, stage in stages.entries(recipe))
    if rewarded and all(weight in (0, None) for weight in recipe.rewards.values()):
        faults.append("rewards: no reward has a weight other than 0. Give one: rewards.goal=1.0")
    for name, weight in recipe.rewards.items():
        if name not in legal:
            faults.append(f"rewards: {unknown('reward', name, legal)}")
        elif isinstance(weight, Mapping):
            faults += weight_faults(name, weight)
        elif not weighs(weight):
            faults.append(f"rewards.{name}: {quote(weight)} is not a finite number from -{HEAVIEST} to {HEAVIEST}")
    return faults


def weight_faults(name: str, weight: Mapping[str, Any]) -> list[str]:
    """Return what is wrong with a reward that is given as a mapping."""
    if not weighs(weight.get("weight")):
        return [f"rewards.{name}: a mapping needs `weight`, a finite number from -{HEAVIEST} to {HEAVIEST}"]
    given = {key: value for key, value in weight.items() if key != "weight"}
    if name == "goal":
        return [f"rewards.goal: {', '.join(given)}: set it in goal.scorer_settings"] if given else []
    try:
        typed.settings("rewards", name, given)
    except UserError as error:
        return [f"rewards.{name}: {error}"]
    return []


def weighs(weight: object) -> bool:
    """Return whether something is a number that can be a weight."""
    return isinstance(weight, int | float) and not isinstance(weight, bool) and abs(weight) <= HEAVIEST


def outside(recipe: Recipe) -> dict[str, str]:
    """Return {key: why} of every key whose own value lies outside the recipe's contract."""
    reasons = {}
    for key, domain in recipe.contract.items():
        value = recipe.value(key)
        if value is not None:
            try:
                domain.parse(show(value))
            except ValueError as error:
                reasons[key] = f"lies outside its contract: {error}"
    return reasons


def unusable(recipe: Recipe) -> list[str]:
    """Return a line for each value that the contract opens and the key's own type or range does not take."""
    faults = []
    for key, domain in recipe.contract.items():
        for value in domain.options if isinstance(domain, Choices) else (domain.low, domain.high):
            tree = recipe.with_({key: domain.check(value)}).tree()
            faults += [f"tunable.{fault}" for fault in typed.recipe(tree)[1]]
    return faults


def header(path: Path) -> str:
    """Return the comment above all else in a recipe's file, without its marks."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), strict_yaml.text(path).splitlines())
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)


def dump(recipe: Recipe) -> str:
    """Return the recipe as a file that runs anywhere: what differs from the schema's defaults, in its order."""
    default = asdict(typed.recipe_class(tuple(recipe.kinds.items()))())
    tree = differing(recipe.tree(), default, recipe.stages)
    tree.pop("name", None)
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def differing(values: Mapping[str, Any], default: Mapping[str, Any], nested: Sequence[str]) -> dict[str, Any]:
    """Return the entries that differ from the defaults; those of `nested` entry by entry, all others whole."""
    entries = {}
    for key, value in values.items():
        if key not in default or value != default[key]:
            entries[key] = differing(value, default[key], ()) if key in nested else value
    return entries
