"""What depends on the model and the data at hand is filled in, before anything is vetted: what a model's config.json
says, and what a training stage leaves to its own rule, such as a learning rate by the model's width.

    python -m intern goal=local goal.data_dir=DIR model=PATH --cfg job
"""

from dataclasses import replace
from pathlib import Path

from intern import checkpoints
from intern.config import shape, stages
from intern.config.schema import Config, Model, Recipe


def model(given: Model) -> Model:
    """Return the model with what it leaves out as its config.json says, if it is a folder."""
    folder = Path(given.path)
    stated = checkpoints.stated(folder) if (folder / checkpoints.CONFIG).is_file() else {}
    return replace(
        given,
        dtype=given.dtype or stated.get("dtype") or "bfloat16",
        context=given.context or stated.get("context"),
        width=given.width or stated.get("width"),
        shape=given.shape if given.shape.known else shape.of(stated.get("shape", {})),
    )


def recipe(given: Recipe, config: Config, rows: int | None) -> Recipe:
    """Return the recipe with what its training stages leave to their rules.

    Args:
        config: a person's, with its model fitted.
        rows: train rows of the goal; None: unknown. A recipe may make or take fewer.
    """
    changed = given
    for name, stage in stages.entries(given):
        settings = getattr(changed, name)
        if stage.makes == "rows":
            rows = min((count for count in (rows, getattr(settings, "rows", None)) if count), default=None)
        fitted = stage.fitted(settings, replace(config, recipe=given), rows)
        if fitted != settings:
            changed = changed.with_({f"{name}.{key}": value for key, value in vars(fitted).items()})
    return changed
