"""Hydra's part: words are composed over conf/ and a person's own options into one tree of plain values.

    python -m intern goal=mixed model=tiny --cfg job
"""

from collections.abc import Sequence
from typing import Any

from intern.config import choices, option
from intern.errors import UserError
from intern.text import as_lines

Tree = dict[str, Any]


def compose(words: Sequence[str]) -> Tree:
    """Return the tree that Hydra composes of words, as Hydra reads them, outside of its own command line.

    `choices.register` has to come first.

    Raises:
        UserError: with every value that is missing, or every fault of a person's own file.
        hydra.errors.HydraException: for a word that Hydra cannot read or place.
    """
    from hydra import compose, initialize_config_dir

    for word in words:
        group, _, name = word.partition("=")
        if group in option.SECTIONS:
            choices.register_option(group, name)
    with initialize_config_dir(str(choices.CONF), version_base="1.3"):
        return plain(compose("config", list(words)))


def plain(node: Any) -> Tree:
    """Return a composed node as plain values.

    Raises:
        UserError: with every value that is missing.
    """
    from omegaconf import OmegaConf

    if missing := OmegaConf.missing_keys(node):
        raise UserError(as_lines(f"{key} has no value. Give it: {key}=…" for key in sorted(missing)))
    tree = OmegaConf.to_container(node, resolve=True)
    assert isinstance(tree, dict)
    return {str(key): value for key, value in tree.items() if key != "hydra"}
