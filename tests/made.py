"""Recipes for the tests, made as a file's would be."""

from typing import Any

from intern.config import typed
from intern.config.schema import Recipe

IDLE = """\
summary: a step that changes nothing
stages: [data, sft]
data: {rows: 20}
sft: {max_steps: 1, max_length: 64, learning_rate: 1e-9, activation_checkpointing: false}
tunable: {sft.learning_rate: {low: 1e-9, high: 1e-8, log: true}}
"""
IDENTITY: dict[str, Any] = {  # a study's file
    "goal": {"name": "sums"},
    "model": {"name": "tiny"},
    "pins": None,
    "recipes": {},
    "model_hash": "hash-of-base",
    "data_hash": None,
    "items_hash": "hash-of-items",
}


def recipe_of(name: str = "none", **tree: Any) -> Recipe:
    """The recipe of a tree, which must have no fault of type."""
    recipe, faults = typed.recipe(tree)
    assert not faults, faults
    recipe.name = name
    return recipe
