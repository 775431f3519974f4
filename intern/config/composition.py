"""Hydra's part: words are composed over conf/ and the folders of INTERN_CONF into one tree of plain values.

    python -m intern goal=mixed model=tiny --cfg job
"""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from intern.config import choices, schema, typed
from intern.config.library import Library
from intern.errors import UserError

Tree = dict[str, Any]


def compose(words: Sequence[str]) -> Tree:
    """Return the tree that Hydra composes of words, as Hydra reads them, outside of its own command line.

    `choices.register` has to come first.

    Raises:
        UserError: with every value that is missing.
        hydra.errors.HydraException: for a word that Hydra cannot read or place.
    """
    from hydra import compose, initialize_config_dir

    with initialize_config_dir(str(schema.ROOT / "conf"), version_base="1.3"):
        return plain(compose("config", [*search_path(), *words]))


def search_path() -> list[str]:
    """Return the word that tells Hydra of further folders of config files."""
    folders = [f"file://{folder}" for folder in choices.folders()[1:]]
    return [f"hydra.searchpath=[{','.join(folders)}]"] if folders else []


def plain(node: Any) -> Tree:
    """Return a composed node as plain values.

    Raises:
        UserError: with every value that is missing.
    """
    from omegaconf import OmegaConf

    if missing := OmegaConf.missing_keys(node):
        raise UserError("\n".join(f"{key} has no value. Give it: {key}=…" for key in sorted(missing)))
    tree = OmegaConf.to_container(node, resolve=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items() if key != "hydra"}


def offer_keys(library: Library) -> None:
    """Make all keys known to Hydra, whose completion offers them: those of plug-ins, of stages, of every recipe."""
    from hydra.core.config_store import ConfigStore

    config = typed.config(compose([]))
    ConfigStore.instance().store(name="schema", node=config.tree())
    for name in library.names():
        with suppress(UserError):  # a broken file has no keys to offer
            choices.register_recipe(library, name)
