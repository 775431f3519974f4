"""From a person's words to a scope: Hydra composes them once, the schema types them, what they pin is noted."""

import re
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from intern.cli.words import chooses, opened
from intern.config import choices, composition, contract, fit, gate, stages, typed
from intern.config import library as files
from intern.config.composition import Tree
from intern.config.gate import Scope
from intern.config.library import Library
from intern.config.schema import MISSING, Config, Recipe, flat
from intern.data import local
from intern.errors import UserError, did_you_mean, quote
from intern.overrides import PREFIX, Overrides
from intern.research.settings import Settings
from intern.text import as_lines

MAPPINGS = ("rewards", "tunable")  # of a recipe: they may get entries of any name


def compose(words: Sequence[str], library: Library) -> Tree:
    """Return the tree that Hydra composes of a person's words, outside of its own command line.

    Raises:
        UserError: with every choice that does not exist, or every value that is missing.
    """
    return composition.compose(opened(words, library))


def scope_of(tree: Tree, words: Iterable[str], library: Library) -> Scope:
    """Return what the command line fixed, and the recipes that are left to a proposer.

    Args:
        tree: the composed words.
        words: the words, as Hydra saw them.
        library: the recipes.

    Raises:
        UserError: with every fault of the values.
    """
    plain = [word.lstrip("+") for word in words]
    named = named_keys(plain)
    chosen = tree["recipe"]["name"]
    if "name" in named:
        raise UserError(f"recipe.name: a recipe is named by its file. Choose it: recipe=NAME, not {quote(chosen)}.")
    if chosen == "none":
        config, recipes = open_scope(tree, library)
    else:
        config = config_of(tree, library)
        recipes = {chosen: config.recipe}
        refuse(config, library.load(chosen))
    pins = {name: pins_of(recipe, library.load(name), named) for name, recipe in recipes.items()}
    rows = local.count(config.goal)
    recipes = {name: fit.recipe(recipe, config, rows) for name, recipe in recipes.items()}
    if chosen != "none":
        config = replace(config, recipe=recipes[chosen])
    return Scope(config, recipes, pins, command(plain, recipes, library))


def config_of(tree: Tree, library: Library) -> Config:
    """Return the typed config of a tree, with its recipe.

    Raises:
        UserError: with every fault of its values, and every plug-in that does not exist.
    """
    name = tree["recipe"]["name"]
    if name == "none":
        return checked(tree)
    return checked({**tree, "recipe": cut(tree["recipe"], library.load(name))})


def checked(tree: Tree) -> Config:
    """Return the typed config of a tree; sections that it lacks are as their defaults.

    Raises:
        UserError: with every fault of its values, and every plug-in that does not exist.
    """
    config = typed.config(tree)
    faults = typed.plugin_faults(config)
    faults += [f"{key}: a value is needed" for key, value in values_of(asdict(config)) if value == MISSING]
    faults += [f"research.{fault}" for fault in typed.build(Settings, config.research)[1]]
    faults = [fault for fault in faults if re.split(r"[.:]", fault)[0] in tree]
    if faults:
        raise UserError(as_lines(faults))
    return replace(config, model=fit.model(config.model))


def values_of(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of every value in a tree, inside of lists too."""
    items: Iterable[tuple[Any, Any]] = ()
    if isinstance(node, Mapping):
        items = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    else:
        yield key, node
    for name, value in items:
        yield from values_of(value, f"{key}.{name}" if key else str(name))


def cut(tree: Tree, file: Recipe) -> Tree:
    """Return a recipe's tree without the sections and contract keys of the stages that a person has taken out of it."""
    names = tree.get("stages")
    known = {*file.kinds, *stages.recipe_stages()}
    if not isinstance(names, list) or not all(isinstance(name, str) and name in known for name in names):
        return tree  # a fault, which is found with the others
    gone = [name for name in file.kinds if name not in names]
    kept = {key: value for key, value in tree.items() if key not in gone}
    if gone and isinstance(tree.get("tunable"), dict):
        kept["tunable"] = {key: spec for key, spec in tree["tunable"].items() if key.partition(".")[0] not in gone}
    return kept


def refuse(config: Config, file: Recipe) -> None:
    """Raise UserError with every reason why a recipe cannot run with a person's values, goal and model."""
    faults = [] if config.recipe == file else recipe_faults(config.recipe)
    faults = faults or [*gate.config_faults(config), *gate.lacking(config)]
    if faults:
        raise UserError(as_lines(["This combination cannot run:", *(f"  - {fault}" for fault in faults)]))


def recipe_faults(recipe: Recipe) -> list[str]:
    """Return what is wrong with a recipe that a person has changed; the contract does not bind a person's values."""
    kind: Any = type(recipe)
    own = ", ".join(recipe.stages)
    faults = [f"{name}: the recipe has no such stage, but {own}" for name in recipe.kinds if name not in recipe.stages]
    faults += files.recipe_faults(recipe.with_({"tunable": {}}))
    faults += contract.read(recipe.tunable, contract.leaves(kind))[1] or files.unusable(recipe)
    return [f"{PREFIX}{fault}" for fault in faults]


def open_scope(tree: Tree, library: Library) -> tuple[Config, dict[str, Recipe]]:
    """Return the config without a recipe, and the recipes that suit its goal, with a person's values in them.

    Raises:
        UserError: with every fault of the values, or if no recipe suits.
    """
    values = {key: value for key, value in tree["recipe"].items() if key != "name"}
    try:
        config = checked({**tree, "recipe": {"name": "none"}})
    except UserError as error:
        known = {key: value for key, value in values.items() if key in stages.recipe_stages()}
        faults = [f"{PREFIX}{fault}" for fault in typed.recipe(known)[1]] if known else []
        raise UserError("\n".join([str(error), *faults])) from None
    return config, suiting(config, values, library)


def suiting(config: Config, values: Tree, library: Library) -> dict[str, Recipe]:
    """Return the recipes that suit the goal, with a person's values in those that have their keys.

    Raises:
        UserError: if no recipe suits the goal, or with every key that none has, or every fault of the values.
    """
    names = [name for name in library.suiting(config.goal) if stages.unasked(library.load(name), config)]
    if not names:
        named = ", ".join(library.names())
        raise UserError(f"No recipe suits goal {config.goal.name}. Name one: recipe=NAME, one of {named}.")
    loaded = {name: library.load(name) for name in names}
    if unknown := [key for key in leaves(values) if not any(has(recipe, key) for recipe in loaded.values())]:
        legal = {key for recipe in loaded.values() for key, _ in flat(recipe)}
        lack = f"no recipe that suits goal {config.goal.name} has this key."
        raise UserError(as_lines(f"{PREFIX}{key}: {lack}{did_you_mean(key, legal)}" for key in unknown))
    faults: dict[str, None] = {}
    recipes = {}
    for name, file in loaded.items():
        recipes[name], more = with_values(file, values)
        faults |= dict.fromkeys(more)
    if faults:
        raise UserError(as_lines(faults))
    return recipes


def has(recipe: Recipe, key: str) -> bool:
    """Return whether a recipe has a dotted key, or a mapping that may hold it."""
    return any(key == own or key.startswith(f"{own}.") for own, _ in flat(recipe)) or key in recipe.kinds


def with_values(recipe: Recipe, values: Tree) -> tuple[Recipe, list[str]]:
    """Return a recipe with a person's values of the keys that it has, and their faults."""
    tree = recipe.tree()
    for key, value in values.items():
        below = tree.get(key)
        if key in MAPPINGS and isinstance(value, Mapping):
            tree[key] = {**below, **value} if isinstance(below, dict) else value
        elif key in recipe.kinds and isinstance(value, Mapping):
            tree[key] = {**tree[key], **{name: v for name, v in value.items() if has(recipe, f"{key}.{name}")}}
        elif key in tree:
            tree[key] = value
    changed, faults = typed.recipe(cut(tree, recipe))
    if faults:
        return recipe, [f"{PREFIX}{fault}" for fault in faults]
    return changed, [] if changed == recipe else recipe_faults(changed)


def named_keys(words: Iterable[str]) -> list[str]:
    """Return the dotted keys under `recipe` that words set, however they are written: `recipe.sft={max_steps: 9}` sets
    sft.max_steps."""
    from hydra.core.override_parser.overrides_parser import OverridesParser

    parser = OverridesParser.create()
    keys = []
    for word in words:
        key = word.partition("=")[0].lstrip("~")
        of_recipe = key == "recipe" or key.startswith(PREFIX)
        if not of_recipe or chooses(word):
            continue
        value = parser.parse_override(word).value()
        base = key.removeprefix("recipe").lstrip(".")
        keys += leaves(value, f"{base}." if base else "") if isinstance(value, Mapping) else [base]
    return keys


def leaves(tree: Mapping[Any, Any], prefix: str = "") -> list[str]:
    """Return the dotted keys of a tree's leaves; an empty mapping is one."""
    keys: list[str] = []
    for key, value in tree.items():
        below = leaves(value, f"{prefix}{key}.") if isinstance(value, Mapping) else []
        keys += below or [f"{prefix}{key}"]
    return keys


def pins_of(recipe: Recipe, file: Recipe, named: Sequence[str]) -> Overrides:
    """Return the keys of a recipe that a person set, by name or by whatever way makes it differ from its file."""
    before = dict(flat(file))
    pins = {}
    for key, value in flat(recipe):
        if key != "name" and (value != before.get(key) or any(sets(name, key) for name in named)):
            pins[key] = value
    return Overrides(pins)


def sets(name: str, key: str) -> bool:
    """Return whether a word's key names a leaf, or an entry of the mapping that the leaf is."""
    return name == key or name.startswith(f"{key}.")


def beyond(scope: Scope) -> Iterator[str]:
    """Yield a line for each value of a person's that lies outside of a recipe's contract."""
    for name, pins in scope.pins.items():
        for key, why in files.outside(scope.recipes[name]).items():
            if key in pins:
                yield f"{PREFIX}{key} {why} ({name}). It holds, since you set it: a contract binds proposals alone."


def command(words: Iterable[str], recipes: Mapping[str, Recipe], library: Library) -> str:
    """Return the command line that says the same, as a shell reads it."""
    kept = [word for word in words if not word.startswith("hydra")]
    kept = [original(word) for word in kept if not (word.startswith("recipe=") and chooses(word))]
    chosen = [f"recipe={library.origin(name)}" for name in recipes] if len(recipes) == 1 else []
    flags = [part for folder in choices.NAMED for part in ("--config-dir", str(folder))]
    return shlex.join(["python", "-m", "intern", *flags, *kept, *chosen])


def original(word: str) -> str:
    """Return a word that chooses an adopted file with the file's path; any other as it is."""
    key, _, value = word.partition("=")
    return f"{key}={choices.origin(key, value)}" if chooses(word) else word
