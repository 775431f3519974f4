"""The schema against what it names: TRL's fields, the files of conf/ and recipes/, and the direction of imports."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from intern import plugins
from intern.__main__ import GROUPS, options
from intern.config import gate, library, schema

CODE = schema.ROOT / "intern"
YAMLS = sorted([*(schema.ROOT / "conf").rglob("*.yaml"), *library.FOLDER.rglob("*.yaml")])
RECIPES = [p.relative_to(library.FOLDER).with_suffix("").as_posix() for p in sorted(library.FOLDER.rglob("*.yaml"))]
CHOICES = [(group, name) for group in GROUPS if group != "recipe" for name in options(group)]
HEAVY = ("torch", "transformers", "trl", "lm_eval", "datasets", "optuna", "peft", "scipy", "numpy")


def short(path: Path) -> str:
    """A file as a test's name."""
    return path.relative_to(schema.ROOT).as_posix()


def test_fields_are_trls_own() -> None:
    """Every field of a stage exists in the installed TRL under that name."""
    from trl import GRPOConfig, SFTConfig

    for ours, theirs in ((schema.Sft, SFTConfig), (schema.Grpo, GRPOConfig)):
        assert {f.name for f in fields(ours)} <= {f.name for f in fields(theirs)}


@pytest.mark.usefixtures("composing")
@pytest.mark.parametrize(("group", "name"), CHOICES)
def test_every_choice_composes(group: str, name: str) -> None:
    """Each option of each group, on the typed schema, with nothing left to resolve but what a person must give."""
    words = [f"{group}={name}", "goal.data_dir=/data", *(["model.path=/model"] if name == "local" else [])]
    composed = OmegaConf.to_object(gate.composed_config(words))
    section = getattr(composed, group)
    assert isinstance(composed, schema.Config) and getattr(section, "name", name) == name
    for folder, plugin in (("proposers", composed.proposer.name), ("launchers", composed.compute.launcher)):
        assert plugin in plugins.names(folder)
    assert composed.goal.scorer in plugins.names("rewards")
    assert composed.goal.generator in (None, *plugins.names("generators"))


@pytest.mark.usefixtures("composing")
@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_loads(name: str) -> None:
    """Each is sound, suits goals that exist, and is composed as it was written."""
    recipe = library.load(name)
    assert recipe.summary and set(recipe.suits) <= set(options("goal")) and recipe.suits
    assert OmegaConf.to_object(gate.composed_config([f"recipe={name}"])).recipe == recipe


@pytest.mark.parametrize("path", YAMLS, ids=short)
def test_every_yaml_says_what_it_is(path: Path) -> None:
    """A comment above all else, with a command whose choices exist."""
    lines = path.read_text(encoding="utf-8").splitlines()
    header = "\n".join(line for n, line in enumerate(lines) if all(x.startswith("#") for x in lines[: n + 1]))
    commands = re.findall(r"python -m intern (.*)", header)
    assert commands and len(header) > 80
    assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict)
    for word in " ".join(commands).split():
        key, _, value = word.partition("=")
        if key in GROUPS and not value.isupper():
            assert value in options(key) or (key == "model" and "/" in value), word
        elif "=" in word and key not in GROUPS:
            assert config_key(key), word


def config_key(key: str) -> bool:
    """Whether the schema has the key, or a mapping that may hold it."""
    return any(f"{key}.".startswith(f"{k}.") for k, _ in schema.flat(schema.Config()))


def modules() -> Iterator[tuple[str, ast.Module]]:
    """(dotted name under intern, syntax tree) of every module."""
    for path in sorted(CODE.rglob("*.py")):
        parts = path.relative_to(CODE).with_suffix("").parts
        yield ".".join(p for p in parts if p != "__init__"), ast.parse(path.read_text(encoding="utf-8"))


def imported(tree: ast.Module, top: bool = False) -> Iterator[str]:
    """Dotted names that a module imports, anywhere or at its top alone; `from a import b` gives a.b."""
    nodes = tree.body if top else list(ast.walk(tree))
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(tree: ast.Module, top: bool = False) -> set[str]:
    """What a module imports from intern, the package's name left out."""
    return {name.removeprefix("intern.") for name in imported(tree, top) if name.startswith("intern.")}


def test_imports_have_no_circle() -> None:
    """Whatever a module imports, even late and inside a function, never leads back to it."""
    trees = dict(modules())
    graph = {
        name: {n if n in trees else n.rpartition(".")[0] for n in ours(tree)} & trees.keys() - {"", name}
        for name, tree in trees.items()
    }
    while leaves := {name for name, targets in graph.items() if not targets}:
        graph = {name: targets - leaves for name, targets in graph.items() if name not in leaves}
    assert not graph


def test_heavy_libraries_are_imported_late() -> None:
    """Only stages/_trainer.py imports them at its top, and nothing imports that at its own."""
    for name, tree in modules():
        heavy = {n.partition(".")[0] for n in imported(tree, top=True)} & set(HEAVY)
        assert not heavy or name == "stages._trainer", name
        assert not {n for n in ours(tree, top=True) if n.startswith("stages._trainer")}, name


def test_importing_everything_loads_nothing_heavy() -> None:
    """The same in a real process."""
    names = [f"intern.{name}".rstrip(".") for name, _ in modules() if name not in ("stages._trainer", "__main__")]
    code = f"import sys, {', '.join(names)}; print([m for m in {HEAVY!r} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=schema.ROOT, capture_output=True, text=True)
    assert ended.stdout == "[]\n", ended.stderr
