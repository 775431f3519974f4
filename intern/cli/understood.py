"""What a request may choose from, what it was understood to ask for, and the vetting of that, whoever understood it.

`resolve(sentence, options) -> Understood` is what reads a request: that of `intern.cli.matcher` needs no network, that
of a language model has the same signature.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from intern.config import typed
from intern.config.schema import Budget, Config
from intern.errors import UserError, quote, unknown

Resolve = Callable[[str, "Options"], "Understood"]
LOCAL = "local"  # the goal that takes a folder of a person's own files


@dataclass(frozen=True)
class GoalOption:
    """A goal that can be chosen."""

    name: str
    """As in goal=NAME."""
    summary: str = ""
    """What it is, in a sentence."""
    tags: tuple[str, ...] = ()
    """Words by which a request may mean it."""
    suits: frozenset[str] = frozenset()
    """Its name and its kinds: recipes suit one of them."""
    model: str | None = None
    """The model to take if none is named."""
    files: bool = False
    """Whether it reads a folder of files."""


@dataclass(frozen=True)
class ModelOption:
    """A base model that can be chosen."""

    name: str
    """As in model=NAME."""
    summary: str = ""
    """What it is, in a sentence."""
    tags: tuple[str, ...] = ()
    """Words by which a request may mean it."""
    parameters: float | None = None
    """How many it has, if that is known."""


@dataclass(frozen=True)
class RecipeOption:
    """A recipe that can be chosen."""

    name: str
    """As in recipe=NAME."""
    suits: frozenset[str] = frozenset()
    """Goals, or kinds of goal."""
    methods: frozenset[str] = frozenset()
    """How it trains, in a word each."""


@dataclass(frozen=True)
class Options:
    """All that a request can choose from; what a person has set in config words is left out."""

    goals: tuple[GoalOption, ...]
    """The goals; the only one of them is taken whatever the request says."""
    models: tuple[ModelOption, ...]
    """The base models; none, if a person has named one."""
    proposers: tuple[str, ...]
    """The proposers."""
    recipes: tuple[RecipeOption, ...]
    """The recipes."""

    def goal(self, name: str | None) -> GoalOption | None:
        """Return the goal of that name."""
        return next((goal for goal in self.goals if goal.name == name), None)


@dataclass(frozen=True)
class Understood:
    """What a request asks for: choices among the options, numbers, and nothing else."""

    goal: str | None = None
    """One of the goals."""
    goals: tuple[str, ...] = ()
    """Those that fit about as well, of which a person has to choose one; () if `goal` is clear or nothing fits."""
    data_dir: str | None = None
    """A folder of a person's own files, as it stands in the request."""
    model: str | None = None
    """One of the models, or a model's folder, as it stands in the request."""
    recipe: str | None = None
    """One of the recipes."""
    proposer: str | None = None
    """One of the proposers."""
    trials: float | None = None
    """Most trials."""
    hours: float | None = None
    """Most hours."""
    dollars: float | None = None
    """Most dollars."""
    seed: int | None = None
    """Seed of the study."""
    unread: tuple[str, ...] = ()
    """What was not understood, word for word."""

    def overrides(self) -> dict[str, Any]:
        """Return config key → value of all that is set."""
        values = {
            "goal": self.goal,
            "goal.data_dir": self.data_dir,
            "model": self.model,
            "recipe": self.recipe,
            "proposer": self.proposer,
            "budget.trials": self.trials,
            "budget.hours": self.hours,
            "budget.dollars": self.dollars,
            "seed": self.seed,
        }
        return {key: plain(value) for key, value in values.items() if value is not None}


def plain(value: Any) -> Any:
    """Return a whole number as one, any other rounded to what a person would write."""
    if not isinstance(value, float):
        return value
    return int(value) if value.is_integer() else round(value, 4)


def vet(understood: Understood, sentence: str, options: Options) -> dict[str, Any]:
    """Return the overrides of what was understood.

    Raises:
        UserError: with every choice that is not among the options, every path that the request does not have, and every
            number out of the schema's range.
    """
    chosen = {
        "goal": (understood.goal, [goal.name for goal in options.goals]),
        "model": (understood.model, [model.name for model in options.models]),
        "recipe": (understood.recipe, [recipe.name for recipe in options.recipes]),
        "proposer": (understood.proposer, options.proposers),
    }
    faults = []
    for kind, (name, legal) in chosen.items():
        path = kind == "model" and is_path(name, sentence)
        if name is not None and name not in legal and not path:
            faults.append(unknown(kind, quote(name).strip("'"), legal))
    if understood.data_dir is not None and not is_path(understood.data_dir, sentence):
        faults.append(f"goal.data_dir: {quote(understood.data_dir)} is no path that stands in the request.")
    faults += number_faults(understood.overrides())
    if faults:
        raise UserError("\n".join(faults))
    return understood.overrides()


def is_path(name: str | None, sentence: str) -> bool:
    """Return whether a request has this path, and nothing in it means something to Hydra."""
    return bool(name) and str(name) in sentence and "/" in str(name) and not set(str(name)) & set("${}'\"\\`,")


def number_faults(overrides: Mapping[str, Any]) -> list[str]:
    """Return a line for each number that the schema does not allow."""
    budget = {key.removeprefix("budget."): v for key, v in overrides.items() if key.startswith("budget.")}
    faults = [f"budget.{fault}" for fault in typed.build(Budget, budget)[1]]
    return faults + typed.build(Config, {"seed": overrides["seed"]} if "seed" in overrides else {})[1]


def words(overrides: Mapping[str, Any]) -> list[str]:
    """Return overrides as the words of a command line."""
    from intern.cli.words import quoted

    return [f"{key}={quoted(Path(v)) if key == 'goal.data_dir' else v}" for key, v in overrides.items()]
