"""What everything outside a stage's module knows of the stage, read from the module in one place.

A stage module states

Settings   a dataclass of its fields under the library's own names; each may be marked `tunable`
MAKES      "rows" (rows.jsonl), "model" (a checkpoint), "score" or "export"
run        run(task: intern.stages.Task) writes its output into the folder `task.out`, and nothing elsewhere

and, as far as it differs from what stands below,

VERSION    raised when its output for the same inputs changes: outputs of older versions are not reused
USES       its inputs: any of "model", "rows", "seed" (the goal's items always are one)
NEEDS      those of them without which it cannot run; a trial always has a model and a seed
READS      dotted paths of the config, beside its own settings, that its output depends on
KEEPS      files of its output that a report needs: the trial's folder has them too
DEFAULTS   what an unset field means, for the remedies that change it
CURVES     logged metric → label, for each metric worth drawing
LENGTHS    fields that say how long it trains
TARGETS    whether it learns the rows' targets, so that what made the rows may be to blame for what goes wrong
PRELOADS   heavy modules that it needs, beside torch, transformers and datasets
shortened  (settings, share) → the settings of a cheap trial on this share of its length
fitted     (settings, config, rows or None) → the settings with what nobody has set, by the stage's own rule
malformed  settings → every fault that its types cannot say
faults     (settings, config) → every cross-field fault, without torch
lacks      settings → what this machine has not, such as a key, and it cannot run without
pays       settings → whether it costs dollars: a study tries it by itself only if its budget names some
cost       (settings, config, rows or None) → its work (config.cost), by which memory and time are foretold
halved     settings → the same with half the rows at once and the same result up to rounding, or None if there are none
plugins    (settings, config) → (kind, name) of each plug-in that has a hand in its output
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, is_dataclass
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from intern import plugins
from intern.config.cost import Cost
from intern.errors import UserError
from intern.overrides import Value
from intern.text import as_lines

if TYPE_CHECKING:
    from intern.config.schema import Config, Recipe

MAKES = ("rows", "model", "score", "export")


@dataclass(frozen=True)
class Stage:
    """A stage, described."""

    name: str
    """File name under intern/stages."""
    settings: type
    """Its dataclass of settings."""
    makes: str
    """One of MAKES."""
    run: Callable[[Any], None]
    """Runs it on an intern.stages.Task."""
    version: int
    """Version of its output."""
    uses: tuple[str, ...]
    """Its inputs."""
    needs: tuple[str, ...]
    """Those that it cannot do without."""
    reads: tuple[str, ...]
    """Paths of the config that decide its output."""
    keeps: tuple[str, ...]
    """Files that a trial's folder has as well."""
    defaults: Mapping[str, Value]
    """Field → what it means if unset."""
    curves: Mapping[str, str]
    """Metric → label."""
    lengths: tuple[str, ...]
    """Fields that say how long it trains."""
    targets: bool
    """Whether it learns the rows' targets."""
    preloads: tuple[str, ...]
    """Heavy modules that it needs."""
    shortened: Callable[[Any, float], Any]
    """Its settings at a share of its length."""
    fitted: Callable[[Any, "Config", int | None], Any]
    """Its settings with what is left to its own rule, by the config and the number of rows."""
    malformed: Callable[[Any], list[str]]
    """The faults of its settings alone."""
    faults: Callable[[Any, "Config"], list[str]]
    """Its cross-field faults."""
    lacks: Callable[[Any], list[str]]
    """What it needs that is not here."""
    pays: Callable[[Any], bool]
    """Whether it costs dollars."""
    cost: Callable[[Any, "Config", int | None], Cost]
    """Its work, by the config and the number of rows."""
    halved: Callable[[Any], Any | None]
    """Its settings with half the rows at once; None if the result would be another, or it has one row at once."""
    plugins: Callable[[Any, "Config"], Iterable[tuple[str, str]]]
    """The plug-ins that it calls."""

    @property
    def trains(self) -> bool:
        """Whether it makes a checkpoint."""
        return self.makes == "model"


def stage(name: str) -> Stage:
    """Return the description of a stage.

    Raises:
        UserError: if there is no such stage, or its module lacks something.
    """
    return described(plugins.load("stages", name), name)


@cache
def described(module: ModuleType, name: str) -> Stage:
    """Read a stage's module."""
    settings, makes = getattr(module, "Settings", None), getattr(module, "MAKES", None)
    faults = []
    if not (isinstance(settings, type) and is_dataclass(settings)):
        faults.append("Settings: a dataclass of the stage's fields is needed")
    if makes not in MAKES:
        faults.append(f"MAKES: {makes!r} is not one of {', '.join(MAKES)}")
    if not callable(getattr(module, "run", None)):
        faults.append("run: a function run(task) is needed")
    if faults or not isinstance(settings, type):
        raise UserError(as_lines([f"{module.__file__} is not a stage:", *(f"  - {fault}" for fault in faults)]))
    return Stage(
        name=name,
        settings=settings,
        makes=str(makes),
        run=module.run,
        version=getattr(module, "VERSION", 1),
        uses=getattr(module, "USES", ()),
        needs=getattr(module, "NEEDS", ()),
        reads=getattr(module, "READS", ()),
        keeps=getattr(module, "KEEPS", ()),
        defaults=getattr(module, "DEFAULTS", {}),
        curves=getattr(module, "CURVES", {}),
        lengths=getattr(module, "LENGTHS", ()),
        targets=getattr(module, "TARGETS", False),
        preloads=getattr(module, "PRELOADS", ()),
        shortened=getattr(module, "shortened", lambda settings, share: settings),
        fitted=getattr(module, "fitted", lambda settings, config, rows: settings),
        malformed=getattr(module, "malformed", lambda settings: []),
        faults=getattr(module, "faults", lambda settings, config: []),
        lacks=getattr(module, "lacks", lambda settings: []),
        pays=getattr(module, "pays", lambda settings: False),
        cost=getattr(module, "cost", lambda settings, config, rows: Cost()),
        halved=getattr(module, "halved", lambda settings: None),
        plugins=getattr(module, "plugins", lambda settings, config: ()),
    )


def recipe_stages() -> list[str]:
    """Return the names of the stages that a recipe may name: those that make rows or a model."""
    return [name for name in plugins.names("stages") if stage(name).makes in ("rows", "model")]


def entries(recipe: "Recipe") -> list[tuple[str, Stage]]:
    """Return (name in the recipe, stage) of each of its stages, in order."""
    return [(name, stage(recipe.kinds[name])) for name in recipe.stages]


def training(recipe: "Recipe") -> list[str]:
    """Return the names of the recipe's stages that make a checkpoint."""
    return [name for name, entry in entries(recipe) if entry.trains]


def lacks(recipe: "Recipe") -> list[str]:
    """Return what is not here and without which the recipe's stages cannot run."""
    return [f"{name}: {what}" for name, entry in entries(recipe) for what in entry.lacks(getattr(recipe, name))]


def unasked(recipe: "Recipe", config: "Config") -> bool:
    """Return whether a study may try a recipe by itself: all that it needs is here, and it spends nothing unasked."""
    if config.budget.dollars is None and any(entry.pays(getattr(recipe, name)) for name, entry in entries(recipe)):
        return False
    return not lacks(recipe)


def order_faults(recipe: "Recipe") -> list[str]:
    """Return what is wrong with the order of a recipe's stages: what a stage uses has to be there."""
    faults, there = [], {"model", "seed"}  # a trial starts from the base
    for name, entry in entries(recipe):
        if missing := [what for what in entry.needs if what not in there]:
            ready = [other for other in recipe_stages() if there.issuperset(stage(other).needs)]
            makers = [other for other in ready if stage(other).makes in missing]
            faults.append(
                f"stages: {name} needs {' and '.join(missing)}, which no stage before it makes. "
                f"Put one of {', '.join(makers)} before it"
            )
        there.add(entry.makes)
    if len(set(recipe.stages)) < len(recipe.stages):
        faults.append(f"stages: {recipe.stages} names one twice; name a section of its own for it, NAME: {{stage: …}}")
    if not training(recipe):
        trainers = [other for other in recipe_stages() if stage(other).trains]
        faults.append(f"stages: {recipe.stages} train nothing. Add one of {', '.join(trainers)}")
    return faults
