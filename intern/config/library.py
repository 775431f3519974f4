"""The recipe library: recipes/<domain>/<name>.yaml, the same in each folder of INTERN_RECIPES, or a file anywhere,
as options of Hydra's group `recipe`.

Names are listed at start; a file is read when it is chosen, vetted on arrival (it may come from a
stranger), merged onto the typed schema and stored where Hydra finds it.

    INTERN_RECIPES=~/my python -m intern recipes list"""

import itertools
import os
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import yaml
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from intern import plugins
from intern.config import contract, schema
from intern.config.schema import Recipe, Source
from intern.errors import UserError, did_you_mean, read_yaml, unknown

FOLDER = schema.ROOT / "recipes"
ORDER = ("data", "synthetic", "sft", "grpo")
HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
NAME = re.compile(r"(?!file/)[A-Za-z0-9_][\w.-]*(/[A-Za-z0-9_][\w.-]*)*", re.ASCII)  # what Hydra reads as one word
_files: dict[str, Path] = {}
_loaded: dict[str, Recipe] = {}


def names() -> list[str]:
    """Every recipe's name, as in recipe=<name>: its place under its folder."""
    if not _files:
        _files.update(listed())
    return list(_files)


def listed() -> dict[str, Path]:
    """The file of each name; raises UserError where one name would stand for two things."""
    found: dict[str, Path] = {}
    for folder in (FOLDER, *own_folders()):
        for file in sorted(folder.rglob("*.yaml")):
            name = file.relative_to(folder).with_suffix("").as_posix()
            if f"/{name}".count("/."):  # .github/, .ipynb_checkpoints/
                continue
            if name in found:
                raise UserError(f"Recipe {name} exists twice: {found[name]} and {file}. Rename one of them.")
            if not NAME.fullmatch(name) or name == "none":
                raise UserError(
                    f"{file}: a recipe cannot be named {name!r}. Rename it with letters, digits, - and _; "
                    "none and file/… are taken."
                )
            found[name] = file
    return found


def own_folders() -> list[Path]:
    """The folders that INTERN_RECIPES adds; raises UserError with those that are not there."""
    named = [Path(part).expanduser() for part in os.environ.get("INTERN_RECIPES", "").split(os.pathsep) if part]
    if missing := [str(folder) for folder in named if not folder.is_dir()]:
        raise UserError(
            f"INTERN_RECIPES names no folder: {', '.join(missing)}. Make it, or mend the variable: "
            f'paths separated by "{os.pathsep}".'
        )
    return [folder for folder in dict.fromkeys(folder.resolve() for folder in named) if folder != FOLDER]


def register() -> None:
    """List every recipe as an option for Hydra, unread, beside `none`; what was adopted before is forgotten."""
    _files.clear()
    _loaded.clear()
    _store("none", OmegaConf.structured(Recipe))
    for name in names():
        _store(name, OmegaConf.create({}))


def adopt(path: Path) -> str:
    """Take a recipe file from anywhere into the library; returns its name there."""
    path = path.expanduser()
    if not path.is_file():
        raise UserError(f"No recipe file at {path}. Give a path that exists, or one of: {', '.join(names())}.")
    names()
    name = f"file/{path.stem}"
    _files[name] = path.resolve()
    _loaded.pop(name, None)
    return name


def load(name: str) -> Recipe:
    """The vetted recipe, read once and also stored for Hydra; raises UserError with every fault of the file."""
    if name in _loaded:
        return _loaded[name]
    if name not in names():
        raise UserError(unknown("recipe", name, names()))
    node, found = read(_files[name])
    if found:
        raise UserError("\n".join([f"{_files[name]} is not a valid recipe:", *(f"  - {fault}" for fault in found)]))
    node.name = name
    _store(name, node)
    _loaded[name] = OmegaConf.to_object(node)
    return _loaded[name]


def read(path: Path) -> tuple[DictConfig, list[str]]:
    """A file on the typed schema, and all its faults; raises UserError where it holds no mapping."""
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        raise UserError(f"{path}: a recipe is a mapping of keys, not {type(raw).__name__}.")
    node, found = merge(raw)
    return node, found or faults(OmegaConf.to_object(node))


def header(path: Path) -> str:
    """The comment above all else in a recipe's file, without its marks."""
    lines = itertools.takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines())
    return "\n".join(line.removeprefix("#").removeprefix(" ") for line in lines)


def merge(raw: dict[str, Any]) -> tuple[DictConfig, list[str]]:
    """The file's values on the typed schema, leaf by leaf, so that all its faults come back together."""
    node, found = OmegaConf.structured(Recipe), []
    legal = [key for key, _ in schema.flat(Recipe()) if key != "name"] + list(schema.STAGE_SECTIONS)
    for key, value in raw.items():
        if key == "name":
            found.append("name: a recipe is named by its file; leave this out")
        elif key in schema.STAGE_SECTIONS and isinstance(value, dict):
            found += [fault for leaf, v in value.items() for fault in _set(node, f"{key}.{leaf}", v, legal)]
        else:
            found += _set(node, str(key), value, legal)
    return node, found


def _set(node: DictConfig, key: str, value: Any, legal: list[str]) -> list[str]:
    if key not in legal:
        return [f"{key}: no such key.{did_you_mean(key, legal)}"]
    if interpolates(value):
        return [f"{key}: interpolation (${{…}}) and ??? are not allowed in a recipe"]
    try:
        OmegaConf.update(node, key, value, merge=isinstance(value, list))  # merging types the entries of a list
    except (OmegaConfBaseException, ValueError) as error:
        return [f"{key}: {str(error).splitlines()[0]}"]
    return []


def interpolates(value: Any) -> bool:
    """Whether `${` or OmegaConf's `???` stands anywhere in a YAML value, keys included."""
    if isinstance(value, dict):
        return any(interpolates(k) or interpolates(v) for k, v in value.items())
    if isinstance(value, list):
        return any(interpolates(v) for v in value)
    return isinstance(value, str) and ("${" in value or value == "???")


def faults(recipe: Recipe) -> list[str]:
    """What the types alone cannot say about a recipe."""
    found = [f"stages: {unknown('stage', s, ORDER)}" for s in recipe.stages if s not in ORDER]
    places = [ORDER.index(s) for s in recipe.stages if s in ORDER]
    if places != sorted(set(places)) or not {"sft", "grpo"} & set(recipe.stages) or recipe.stages[0] not in ORDER[:2]:
        found.append(
            f"stages: {recipe.stages} must be in the order {list(ORDER)}, start with rows (data or "
            "synthetic) and train (sft or grpo)"
        )
    legal_rewards = ["goal", *plugins.names("rewards")]
    found += [f"rewards: {unknown('reward', r, legal_rewards)}" for r in recipe.rewards if r not in legal_rewards]
    for source in recipe.data.mix:
        if source.goal == bool(source.hub):
            found.append("data.mix: each source is either `goal: true` or a Hub data set `hub: owner/name`")
        if source.hub and not HUB_NAME.fullmatch(source.hub):
            found.append(f"data.mix: hub: {source.hub!r} is no owner/name")
        if source.format not in ("qa", "mcq"):
            found.append(f"data.mix: {unknown('format', source.format, ['qa', 'mcq'])}")
    more = contract.read(recipe.tunable)[1]
    return found + more + [f"tunable.{key}: the recipe's own value {why}" for key, why in outside(recipe).items()]


def outside(recipe: Recipe) -> dict[str, str]:
    """(key → why) of every key whose own value lies outside the recipe's contract."""
    values, found = dict(schema.flat(recipe)), {}
    for key, spec in contract.read(recipe.tunable)[0].items():
        if values[key] is not None:
            try:
                spec.parse(contract.show(values[key]))
            except ValueError as error:
                found[key] = f"lies outside its contract: {error}"
    return found


def _store(name: str, node: DictConfig) -> None:
    from hydra.core.config_store import ConfigStore  # a quarter of a second, which --help need not wait for

    group, _, leaf = f"recipe/{name}".rpartition("/")
    ConfigStore.instance().store(group=group, name=leaf, node=node, package="recipe")


def dump(recipe: Recipe) -> str:
    """The recipe as a file that runs anywhere: what differs from the schema's defaults, in its order."""
    tree = differing(asdict(recipe), asdict(Recipe()))
    if "mix" in tree.get("data", {}):
        tree["data"]["mix"] = [differing(source, asdict(Source())) for source in tree["data"]["mix"]]
    tree.pop("name", None)
    return yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


def differing(values: dict[str, Any], plain: dict[str, Any]) -> dict[str, Any]:
    """The entries that differ from the defaults, sections entry by entry, free mappings whole."""
    nested = {key for key in plain if key in schema.STAGE_SECTIONS}
    return {
        key: differing(value, plain[key]) if key in nested else value
        for key, value in values.items()
        if value != plain[key]
    }


def path(name: str) -> Path:
    """The file of a recipe."""
    return _files[name]


def origin(name: str) -> str:
    """What a person writes after recipe=: the name, or the path of an adopted file."""
    return str(_files[name]) if name.startswith("file/") else name
