"""The options of each config group: YAML files of the package, of the folders that INTERN_CONF names, and plug-ins that
need no YAML.

    INTERN_CONF=~/my python -m intern goal=mine      # ~/my/goal/mine.yaml
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from intern import plugins
from intern.config import schema
from intern.config.library import Library
from intern.config.schema import Config
from intern.errors import UserError

GROUPS = ("goal", "model", "recipe", "proposer", "budget", "compute")
PLUGGED = {"goal": "generators", "proposer": "proposers", "compute": "launchers"}  # group → kind of plug-in


def options(group: str, library: Library | None = None) -> list[str]:
    """Return the names that a config group offers."""
    if group == "recipe":
        return ["none", *(library or Library()).names()]
    files = {path.stem for folder in folders() for path in (folder / group).glob("*.yaml")}
    return sorted(files | set(plugins.names(PLUGGED[group]) if group in PLUGGED else ()))


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
    return [schema.ROOT / "conf", *(folder.resolve() for folder in named)]


def register(library: Library) -> None:
    """Make the schema's defaults, the recipes and the plug-ins without a YAML known to Hydra.

    Recipes are registered unread; `register_recipe` adds the one that is chosen."""
    from hydra.core.config_store import ConfigStore
    from omegaconf import OmegaConf

    store = ConfigStore.instance()
    tree = Config().tree()
    store.store(name="schema", node={**tree, "recipe": {}})
    for name in options("recipe", library):
        place(name, {"name": name})
    for group, kind in PLUGGED.items():
        written = {path.stem for folder in folders() for path in (folder / group).glob("*.yaml")}
        for name in set(plugins.names(kind)) - written:
            store.store(group=group, name=name, node=plugged(group, name), package=group)
    OmegaConf.register_new_resolver("package", lambda path: str(schema.PACKAGE / path), replace=True)
    OmegaConf.register_new_resolver("of_seed", of_seed, replace=True)
    OmegaConf.clear_resolver("oc.env")  # a key in the environment must not end up in a config


def register_recipe(library: Library, name: str) -> None:
    """Make a vetted recipe known to Hydra.

    Raises:
        UserError: with every fault of its file.
    """
    place(name, library.load(name).tree())


def place(name: str, tree: Mapping[str, Any]) -> None:
    """Store a recipe's tree where Hydra finds it."""
    from hydra.core.config_store import ConfigStore

    group, _, leaf = f"recipe/{name}".rpartition("/")
    ConfigStore.instance().store(group=group, name=leaf, node=dict(tree), package="recipe")


def plugged(group: str, name: str) -> dict[str, Any]:
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
