"""From trees of plain values to the typed config: the one place where types, ranges and unknown keys are checked.

Every fault of a tree is named at once. The classes of `recipe`, `proposer`, `compute` and `goal` are made here: the
schema's own fields and those that a plug-in's `Settings` add.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, make_dataclass
from dataclasses import field as dataclass_field
from functools import cache
from keyword import iskeyword
from types import ModuleType
from typing import Any

from pydantic import TypeAdapter, ValidationError

from intern import plugins
from intern.config import contract, schema
from intern.config.ranges import FORMS
from intern.config.schema import Compute, Config, Goal, Proposer, Recipe
from intern.config.stages import recipe_stages, stage
from intern.errors import UserError, did_you_mean, quote, unknown
from intern.text import as_lines

Tree = Mapping[str, Any]
OPEN = ("tunable", "rewards")  # mappings of a recipe that are no section
TAKEN = frozenset(f.name for f in fields(Recipe))
SECTION = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)
WANTED = {  # what pydantic calls a fault → what the value should have been
    "dataclass_type": "a mapping of keys",
    "dict_type": "a mapping",
    "list_type": "a list",
    "string_type": "text",
    "string_unicode": "text",
    **dict.fromkeys(("int_type", "int_parsing", "int_parsing_size", "int_from_float"), "a whole number"),
    **dict.fromkeys(("float_type", "float_parsing"), "a number"),
    **dict.fromkeys(("bool_type", "bool_parsing"), "true or false"),
}


def config(tree: Tree) -> Config:
    """Return the config that a whole tree describes.

    Raises:
        UserError: with every value that is missing, unknown, of another type, or out of range.
    """
    kinds = {
        "recipe": recipe_class(sections(part(tree, "recipe"))),
        "proposer": extended(Proposer, "proposers", part(tree, "proposer").get("name")),
        "compute": extended(Compute, "launchers", part(tree, "compute").get("launcher")),
        "goal": extended(Goal, "generators", part(tree, "goal").get("generator")),
    }
    bare = dict(tree)
    if part(tree, "recipe"):
        bare["recipe"] = without_stage(part(tree, "recipe"))
    built, faults = build(config_class(tuple(kinds.items())), bare)
    if faults := faults or [f"recipe.{fault}" for fault in unknown_stages(built.recipe)]:
        raise UserError(as_lines(faults))
    parts = {f.name: getattr(built, f.name) for f in fields(Config)}
    return Config(**parts)


def part(tree: Tree, key: str) -> Tree:
    """Return a part of a tree, or nothing if it is no mapping, which is a fault that is found later."""
    value = tree.get(key)
    return value if isinstance(value, Mapping) else {}


def recipe(tree: Tree) -> tuple[Recipe, list[str]]:
    """Return a recipe and every fault of its types; the recipe is as its defaults where there are faults."""
    kind = recipe_class(sections(tree))
    built, faults = build(kind, without_stage(tree))
    if not isinstance(built, Recipe):
        return kind(), faults
    return built, unknown_stages(built)


def cut(recipe: Recipe, names: Sequence[str]) -> Recipe:
    """Return a recipe that ends after some of its stages, without the sections and contract keys of the others."""
    tree = recipe.tree()
    gone = [name for name in recipe.kinds if name not in names]
    open_ = {key: domain for key, domain in recipe.tunable.items() if key.partition(".")[0] not in gone}
    kept = {key: value for key, value in tree.items() if key not in gone}
    cls = recipe_class(tuple((name, recipe.kinds[name]) for name in names))
    shorter, faults = build(cls, without_stage({**kept, "stages": list(names), "tunable": open_}))
    assert isinstance(shorter, Recipe), faults
    return shorter


def sections(tree: Tree) -> tuple[tuple[str, str], ...]:
    """Return (name, stage) of each section that a recipe's tree has or needs; every stage's own if there is none."""
    listed = tree.get("stages")
    named = [name for name in listed if isinstance(name, str)] if isinstance(listed, list) else []
    extra = [key for key in tree if isinstance(key, str) and key not in (*named, *TAKEN)]
    kinds = {}
    for name in [*named, *extra] or recipe_stages():
        kind = kind_of(tree, name)
        if may_name(name, kind):
            kinds[name] = kind
    return tuple(kinds.items())


def kind_of(tree: Tree, name: str) -> str:
    """Return the stage that a section is of: what it says, or its own name."""
    return str(part(tree, name).get("stage", name))


def may_name(name: str, kind: str) -> bool:
    """Return whether a recipe may have a section of a stage under a name: a word that stands for nothing else."""
    word = SECTION.fullmatch(name) and not iskeyword(name) and name not in TAKEN and not hasattr(Recipe, name)
    return kind in recipe_stages() and bool(word) and (name == kind or name not in plugins.names("stages"))


def unknown_stages(recipe: Recipe) -> list[str]:
    """Return a line for each stage of a recipe that has no section."""
    return [f"stages: {unknown('stage', name, recipe.kinds)}" for name in recipe.stages if name not in recipe.kinds]


def without_stage(tree: Tree) -> dict[str, Any]:
    """Return a recipe's tree without the `stage: NAME` of its sections."""
    bare = dict(tree)
    for key, value in tree.items():
        if isinstance(value, Mapping) and key not in OPEN:
            bare[key] = {k: v for k, v in value.items() if k != "stage"}
    return bare


@cache
def recipe_class(kinds: tuple[tuple[str, str], ...]) -> type[Recipe]:
    """Return the class of recipes with these sections: (name, stage) of each."""
    settings = [(name, stage(kind).settings) for name, kind in kinds]
    for _, cls in settings:
        strict(cls)
    made = [(name, cls, dataclass_field(default_factory=cls)) for name, cls in settings]
    return make_dataclass("Recipe", made, bases=(Recipe,), namespace={"kinds": dict(kinds), "__module__": __name__})


def extended(base: type, kind: str, name: str | None) -> type:
    """Return a section's class with the fields of a plug-in's `Settings`, if it has some."""
    return _extended(base, plugins.load(kind, name), kind) if name in plugins.names(kind) else base


@cache
def _extended(base: type, module: ModuleType, kind: str) -> type:
    settings = getattr(module, "Settings", None)
    if settings is None:
        return base
    taken = {f.name for f in fields(base)}
    added = []
    for f in fields(settings):
        if f.name in taken:
            raise UserError(f"{module.__file__}: the setting {f.name} is taken. Rename it.")
        default = {"default": f.default} if f.default is not MISSING else {"default_factory": f.default_factory}
        added.append((f.name, f.type, dataclass_field(**default, metadata=f.metadata, kw_only=True)))
    return make_dataclass(base.__name__, added, bases=(base,), namespace={"__module__": module.__name__})


def settings(kind: str, name: str, given: Tree) -> Any:
    """Return a plug-in's `Settings` with the values that are given; None if it has none and none are given.

    Raises:
        UserError: with every fault of the values.
    """
    cls = getattr(plugins.load(kind, name), "Settings", None)
    if cls is None:
        if given:
            what = f"The {plugins.KINDS[kind]} {name} has no settings, and {', '.join(given)} is given."
            raise UserError(f"{what} Leave it out.")
        return None
    built, faults = build(strict(cls), given)
    if faults:
        raise UserError(as_lines(f"{plugins.KINDS[kind]} {name}: {fault}" for fault in faults))
    return built


def lack(kind: str, name: str, given: Tree) -> str:
    """Return what a plug-in with these settings needs and this machine has not; "" if nothing."""
    asked = getattr(plugins.load(kind, name), "lack", None)
    return str(asked(settings(kind, name, given))) if asked else ""


def strict(cls: type) -> type:
    """Make unknown keys of a plug-in's dataclass faults; return it."""
    if "__pydantic_config__" not in vars(cls):
        cls.__pydantic_config__ = schema.STRICT  # type: ignore[attr-defined]
    return cls


@cache
def config_class(kinds: tuple[tuple[str, type], ...]) -> type:
    """Return Config with more special classes for some of its sections."""
    changed = [(name, cls, dataclass_field(default_factory=cls)) for name, cls in kinds]
    return make_dataclass("Config", changed, bases=(Config,), namespace={"__module__": __name__})


def build(cls: type, tree: Tree) -> tuple[Any, list[str]]:
    """Return an instance of a dataclass from a tree, or None and one line for each fault."""
    faults = list(numberless(cls, tree))
    try:
        instance = adapter(cls).validate_python(dict(tree))
    except ValidationError as error:
        return None, [*(describe(cls, fault) for fault in error.errors(include_url=False)), *faults]
    return (None, faults) if faults else (instance, [])


def numberless(cls: type, tree: Tree, prefix: str = "") -> Iterator[str]:
    """Yield a line for each true or false that stands for a number, which pydantic takes for 1 or 0, and for each nan
    or infinity at a key that the class does not know, such as a plug-in's."""
    kinds = contract.leaves(cls)
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from numberless(cls, value, f"{key}.")
        elif isinstance(value, bool) and kinds.get(key, (None,))[0] in (int, float):
            yield f"{key}: {value} is not a number"
        elif isinstance(value, float) and not math.isfinite(value) and key not in kinds:
            yield f"{key}: {value} is not a finite number"


@cache
def adapter(cls: type) -> TypeAdapter[Any]:
    """Return pydantic's reader of a class."""
    return TypeAdapter(cls)


def describe(cls: type, fault: Any) -> str:
    """Describe one fault: the key, what is wrong, the value, the nearest legal key."""
    place: Sequence[Any] = fault["loc"]
    key = ".".join(str(part) for part in place if not str(part).startswith(("function-", "constrained-", "nullable")))
    kind, message = fault["type"], fault["msg"]
    if kind == "unexpected_keyword_argument":
        return f"{key}: no such key.{did_you_mean(key, contract.leaves(cls))}"
    if kind == "missing":
        return f"{key}: a value is needed"
    if kind == "string_pattern_mismatch":
        pattern = fault["ctx"]["pattern"]
        return f"{key}: {quote(fault['input'])} is not {FORMS.get(pattern, f'of the form {pattern}')}"
    if kind == "string_too_long":
        return f"{key}: {quote(fault['input'])} is longer than {fault['ctx']['max_length']} characters"
    if kind in WANTED or message.startswith("Input should be "):
        what = WANTED.get(kind, message.removeprefix("Input should be ").replace("a valid ", "a "))
        return f"{key}: {quote(fault['input'])} is not {what}"
    return f"{key}: {message}"


def plugin_faults(config: Config) -> list[str]:
    """Return a line for each plug-in that a config names and nobody has, or that does not take its settings."""
    named = {
        "goal.scorer": ("rewards", config.goal.scorer),
        "goal.generator": ("generators", config.goal.generator),
        "proposer.name": ("proposers", config.proposer.name),
        "compute.launcher": ("launchers", config.compute.launcher),
        **{f"diagnosis.{rule}": ("diagnosis", rule) for rule in config.diagnosis},
    }
    given = {
        "goal.scorer_settings": ("goal.scorer", config.goal.scorer_settings),
        **{f"diagnosis.{rule}": (f"diagnosis.{rule}", values) for rule, values in config.diagnosis.items()},
    }
    faults = {
        key: unknown(plugins.KINDS[kind], name, plugins.names(kind))
        for key, (kind, name) in named.items()
        if name is not None and name not in plugins.names(kind)
    }
    lines = [f"{key}: {fault}" for key, fault in faults.items()]
    if config.goal.generator is not None and "goal.generator" not in faults:
        own = getattr(plugins.load("generators", config.goal.generator), "faults", None)
        lines += [f"goal.{fault}" for fault in own(config.goal)] if own else []
    for key, (owner, values) in given.items():
        if owner not in faults:
            lines += [f"{key}: {fault}" for fault in settings_faults(*named[owner], values)]
    return lines


def settings_faults(kind: str, name: str | None, given: Tree) -> list[str]:
    """Return what is wrong with the settings of a plug-in that there is."""
    try:
        settings(kind, name or "", given)
    except UserError as error:
        return str(error).splitlines()
    return []
