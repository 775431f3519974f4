"""The options of each config group: YAML files of the package, of the folders that INTERN_CONF and --config-dir name,
a file from anywhere, and plug-ins that need no YAML.

    INTERN_CONF=~/my python -m intern goal=mine      # ~/my/goal/mine.yaml
    python -m intern goal=path/to/mine.yaml
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config import option, schema
from intern.config.library import NAME, Library
from intern.config.option import PLUGGED, Tree
from intern.config.schema import Config
from intern.errors import UserError, unknown
from intern.text import one_line

GROUPS = ("goal", "model", "recipe", "proposer", "budget", "compute")
CONF = schema.ROOT / "conf"
SUFFIXES = (".yaml", ".yml")  # of a file in an option's place
NAMED: list[Path] = []  # the folders of --config-dir: a process has one command line, and one ConfigStore


def search(named: Sequence[Path]) -> None:
    """Make these the folders of config files that the command line names.

    Raises:
        UserError: with those that are not there.
    """
    named = [folder.expanduser() for folder in named]
    if missing := [one_line(folder) for folder in named if not folder.is_dir()]:
        lack = f"--config-dir names no folder: {', '.join(missing)}."
        raise UserError(f"{lack} Give one that exists; its files are DIR/goal/NAME.yaml, …")
    NAMED[:] = [folder.resolve() for folder in named]


def options(group: str, library: Library | None = None) -> list[str]:
    """Return the names that a config group offers."""
    if group == "recipe":
        return ["none", *(library or Library()).names()]
    return sorted(files(group).keys() | set(plugins.names(PLUGGED[group]) if group in PLUGGED else ()))


def files(group: str) -> dict[str, Path]:
    """Return the file of each option that has one.

    Raises:
        UserError: if one name would stand for two files, or is none.
    """
    paths: dict[str, Path] = {}
    for folder in folders():
        for path in sorted((folder / group).glob("[!.]*.yaml")):
            if path.stem in paths:
                two = one_line(f"{group}={path.stem} is two files: {paths[path.stem]} and {path}")
                raise UserError(f"{two}. Rename one of them.")
            if not may_name(path.stem):
                raise UserError(
                    f"{one_line(path)}: a {group} cannot be named {path.stem!r}. Rename it with letters, digits, - "
                    "and _; it must be a word, no number."
                )
            paths[path.stem] = path
    return paths


def may_name(name: str) -> bool:
    """Return whether Hydra reads a name as a word: no sign that means something to it, no number, no null."""
    try:
        float(name)
    except ValueError:
        return bool(NAME.fullmatch(name)) and name.lower() not in ("null", "true", "false")
    return False


def folders() -> list[Path]:
    """Return the folders of config files, the package's own first.

    Raises:
        UserError: if INTERN_CONF names one that is not there.
    """
    named = [Path(part).expanduser() for part in os.environ.get("INTERN_CONF", "").split(os.pathsep) if part]
    if missing := [str(folder) for folder in named if not folder.is_dir()]:
        raise UserError(
            f"INTERN_CONF names no folder: {', '.join(missing)}. Make it, or mend the variable: "
            f'paths separated by "{os.pathsep}".'
        )
    return list(dict.fromkeys([CONF, *(folder.resolve() for folder in named), *NAMED]))


def register(library: Library) -> None:
    """Make the schema's defaults, the recipes and the plug-ins without a YAML known to Hydra.

    Recipes are registered unread; `register_recipe` adds the one that is chosen, as `register_option` does a file."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    store = ConfigStore.instance()
    tree = Config().tree()
    store.store(name="schema", node={**tree, "recipe": {}})
    for name in options("recipe", library):
        place("recipe", name, {"name": name})
    for group, kind in PLUGGED.items():
        for name in set(plugins.names(kind)) - files(group).keys():
            place(group, name, plugged(group, name))
    OmegaConf.register_new_resolver("package", lambda path: str(schema.PACKAGE / path), replace=True)
    OmegaConf.register_new_resolver("of_seed", of_seed, replace=True)
    OmegaConf.clear_resolver("oc.env")  # a key in the environment must not end up in a config


def registered() -> Library:
    """Return the recipes, with all choices known to Hydra."""
    library = Library()
    register(library)
    return library


def register_recipe(library: Library, name: str) -> None:
    """Make a vetted recipe known to Hydra.

    Raises:
        UserError: with every fault of its file.
    """
    place("recipe", name, library.load(name).tree())


def register_option(group: str, name: str) -> None:
    """Make an option known to Hydra whose file lies in a person's own folder; the package's are known.

    Raises:
        UserError: with every fault of the file.
    """
    path = files(group).get(name)
    if path is not None and not path.is_relative_to(CONF):
        place(group, name, values(group, name), path)


def adopt(group: str, path: Path) -> str:
    """Make a file from anywhere known to Hydra as an option of a group; return its name there.

    Raises:
        UserError: if there is no such file, or with every fault of it.
    """
    path = path.expanduser()
    if not path.is_file():
        legal = ", ".join(options(group))
        raise UserError(f"No {group} file at {one_line(path)}. Give a path that exists, or one of: {legal}.")
    name = f"file/{option.named(path)}"
    place(group, name, option.read(group, path, lambda other: values(group, other, asking=path)), path.resolve())
    return name


def origin(group: str, name: str) -> str:
    """Return what a person writes after GROUP=: the name, or the path of an adopted file."""
    from hydra.core.config_store import ConfigStore

    return str(ConfigStore.instance().load(f"{group}/{name}.yaml").provider) if name.startswith("file/") else name


def values(group: str, name: str, inner: tuple[str, ...] = (), asking: Path | None = None) -> Tree:
    """Return the values of an option, with those that its `defaults` name.

    Args:
        inner: the options whose `defaults` led here.
        asking: the file whose `defaults` name it.

    Raises:
        UserError: if there is no such option, or with every fault of its file.
    """
    path = files(group).get(name)
    if name in inner:
        raise UserError(f"{asking}: defaults: {' → '.join([*inner, name])} goes in a circle.")
    if path is None and name not in options(group):
        raise UserError(f"{asking}: defaults: {unknown(group, name, options(group))}")
    if path is None:
        return plugged(group, name)
    read = option.plain if path.is_relative_to(CONF) else option.read
    return read(group, path, lambda other: values(group, other, (*inner, name), path))


def place(group: str, name: str, tree: Mapping[str, Any], file: Path | None = None) -> None:
    """Store an option's values where Hydra finds them, with the file that they come from."""
    from hydra.core.config_store import ConfigStore

    inside, _, leaf = f"{group}/{name}".rpartition("/")
    provider = str(file) if file else None
    ConfigStore.instance().store(group=inside, name=leaf, node=dict(tree), package=group, provider=provider)


def plugged(group: str, name: str) -> Tree:
    """Return the values of an option that is a plug-in and has no YAML."""
    if group == "goal":
        wanted = getattr(plugins.load("generators", name), "GOAL", {})
        return {"name": name, "generator": name, **wanted}
    return {"launcher" if group == "compute" else "name": name}


def of_seed(_root_: Any) -> str:
    """Return what the name of a study says of its seed: a search with another seed is another study, while trials of
    proposer=fixed with other seeds stand side by side in one."""
    from omegaconf import OmegaConf

    given = OmegaConf.to_container(_root_, resolve=False)  # an interpolation is refused where it stands
    assert isinstance(given, dict)
    seed, proposer = given.get("seed"), given.get("proposer") or {}
    return f"-seed{seed}" if isinstance(seed, int) and seed and proposer.get("name") != "fixed" else ""
