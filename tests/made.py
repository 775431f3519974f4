"""Recipes for the tests, made as a file's would be."""

from typing import Any

from intern.config import typed
from intern.config.schema import Recipe


def recipe_of(name: str = "none", **tree: Any) -> Recipe:
    """The recipe of a tree, which must have no fault of type."""
    recipe, faults = typed.recipe(tree)
    assert not faults, faults
    recipe.name = name
    return recipe
