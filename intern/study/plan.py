"""What a study will take, before anything is spent: memory, seconds and dollars of each stage and of the whole, what
would not fit, and the words that help."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from intern.config import stages
from intern.config.cost import Lengths, Span, total
from intern.config.gate import Scope
from intern.config.schema import Config, Recipe
from intern.config.stages import Stage
from intern.data import lengths, local
from intern.machine import memory, speed
from intern.machine.target import Target
from intern.study import measured
from intern.trial import job as jobs
from intern.trial.job import Step

RANK = 16  # of LoRA, where weights and their moments are too many
SHORTEST = 64  # tokens: a row cut further says nothing
ONE = ("fixed",)  # proposers that try one trial


@dataclass(frozen=True)
class Row:
    """One stage of a trial, foretold."""

    title: str
    """Its name in the recipe; of a score also its split."""
    memory: Span
    """Bytes at its peak."""
    fits: str
    """yes; tight: the upper end would not; no."""
    rows: str
    """Rows at once and passes of a step as they will run; "" if it trains nothing."""
    rate: float | None
    """Tokens trained or written a second; None if not known."""
    seconds: Span | None
    """How long it takes; None if not known before its rows are."""
    runs: int
    """Runs of earlier studies that its time is known from; 0: it is computed."""
    help: str
    """What to do if it does not fit, as words of the command line."""


@dataclass(frozen=True)
class Plan:
    """A study, foretold."""

    target: Target
    """The machine."""
    base: tuple[Row, ...]
    """What is done once, for the base model and for the winner."""
    recipes: Mapping[str, tuple[Row, ...]]
    """The stages of a trial, by recipe."""
    trials: tuple[float, float]
    """How many are run, at least and at most; cheap ones are several to one of the budget's."""
    seconds: Span
    """Of the whole study, as far as it is known."""
    unknown: tuple[str, ...]
    """The stages whose time is not known, and not counted."""
    dollars: Span | None
    """What it costs; None if no price is known."""


class Planner:
    """What is known of a scope and of the machine."""

    def __init__(self, scope: Scope, target: Target) -> None:
        self.scope, self.target = scope, target
        self.lengths: Lengths = lengths.of(scope.config.goal, scope.config.model)
        self.rows = local.count(scope.config.goal)
        self.known = measured.ratios(scope.config, self.lengths, target, self.rows) if target.here else {}

    def plan(self) -> Plan:
        """Return the plan of the study."""
        config = self.scope.config
        recipes = {name: tuple(self.trial(recipe)) for name, recipe in self.scope.recipes.items()}
        shots = sorted({0, config.goal.few_shot})
        steps = [jobs.score(split, number) for split in ("dev", "test") for number in shots]
        confirm = [jobs.score("dev"), jobs.score("test")] if config.proposer.confirm else []
        rows = [self.row(config, step) for step in steps]
        winner = [replace(row, title=f"winner {row.title}") for row in (self.row(config, step) for step in confirm)]
        base = (*rows, *winner)
        few, many = self.trials(len(recipes))
        trained = [total(row.seconds for row in run[:-1]) for run in recipes.values()]
        scored = total(run[-1].seconds for run in recipes.values())
        seconds = total(row.seconds for row in base)
        seconds += total(trained).times(few / len(recipes)) + scored.times(few / len(recipes), many / len(recipes))
        stages_ = [row for run in (base, *recipes.values()) for row in run]
        unknown = tuple(dict.fromkeys(row.title for row in stages_ if row.seconds is None))
        dollars = None if self.target.dollars is None else seconds.times(self.target.dollars / 3600)
        return Plan(self.target, base, recipes, (few, many), seconds, unknown, dollars)

    def trials(self, recipes: int) -> tuple[float, float]:
        """Return how many trials in full the budget allows, and how many in all if each recipe is first tried cheaply,
        as the heuristic does."""
        if self.scope.config.proposer.name in ONE:
            return 1.0, 1.0
        whole = self.scope.config.budget.trials
        return whole, whole if recipes == 1 else max(whole, recipes + whole - 0.3 * recipes)

    def trial(self, recipe: Recipe) -> Iterator[Row]:
        """Yield the stages of a trial and its score."""
        config = replace(self.scope.config, recipe=recipe)
        rows = self.rows
        for name, stage in stages.entries(recipe):
            if stage.makes == "rows":
                rows = min((n for n in (rows, getattr(getattr(recipe, name), "rows", None)) if n), default=None)
            yield self.row(config, Step(name, stage.name), rows)
        yield self.row(config, jobs.score("dev"))

    def row(self, config: Config, step: Step, rows: int | None = None) -> Row:
        """Return what a stage will take."""
        stage, recipe = stages.stage(step.stage), config.recipe
        settings = getattr(recipe, step.name) if step.name in recipe.kinds else stage.settings(**step.settings)
        run = self.fitted(stage, settings, config)
        cost = stage.cost(run, config, rows)
        span = self.need(stage, run, config)
        seconds, runs = self.seconds(stage, cost, config)
        tokens = speed.tokens(cost, self.lengths)
        rate = tokens / seconds.middle if tokens and seconds and seconds.middle else None
        fits = "no" if span.middle > self.target.memory else "tight" if span.high > self.target.memory else "yes"
        shown = f"{cost.training.at_once} x {cost.training.batch // cost.training.at_once}" if cost.training else ""
        words = self.help(stage, step, settings, config) if fits == "no" else changed(step.name, settings, run)
        return Row(step.title, span, fits, shown, rate, seconds, runs, words)

    def seconds(self, stage: Stage, cost: Any, config: Config) -> tuple[Span | None, int]:
        """Return how long a stage takes, and how many earlier runs say so."""
        computed = speed.seconds(cost, config, self.lengths, self.target)
        seen = self.known.get(stage.name, ())
        if computed is None or not seen:
            return computed, 0
        middle = computed.middle
        return Span(middle * min(seen) / measured.AGAIN, middle * max(seen) * measured.AGAIN), len(seen)

    def need(self, stage: Stage, settings: Any, config: Config) -> Span:
        """Return the memory of a stage."""
        cost = stage.cost(settings, config, None)
        return memory.need(cost, config, self.lengths, self.target.gpu, self.target.memory)

    def fitted(self, stage: Stage, settings: Any, config: Config) -> Any:
        """Return a stage's settings with the rows at once that the memory allows, as its worker chooses them."""
        return memory.fitted(stage, settings, config, self.lengths, self.target.gpu, self.target.memory)[0]

    def help(self, stage: Stage, step: Step, settings: Any, config: Config) -> str:
        """Return the first words, of those that cost least, with which a stage fits; what they lack if none do."""
        words: list[str] = []
        for word, changed_settings, changed_config in changes(stage, step.name, settings, config, self.lengths):
            words = [*(old for old in words if old.partition("=")[0] != word.partition("=")[0]), word]
            run = self.fitted(stage, changed_settings, changed_config)
            if self.need(stage, run, changed_config).middle <= self.target.memory:
                return " ".join([*words, *([more] if (more := changed(step.name, changed_settings, run)) else [])])
        return "a smaller model, or a machine with more memory"


def changes(
    stage: Stage, name: str, settings: Any, config: Config, known: Lengths
) -> Iterator[tuple[str, Any, Config]]:
    """Yield (word, settings, config) of one change after another that saves memory, each with those before it: what
    alters no result first, then what costs the least of it."""
    cost = stage.cost(settings, config, None)
    if cost.training is None:
        size = config.compute.eval_batch_size
        while size > 1:
            size //= 2
            config = replace(config, compute=replace(config.compute, eval_batch_size=size))
            yield f"compute.eval_batch_size={size}", settings, config
        return
    if not cost.training.checkpointing and hasattr(settings, "activation_checkpointing"):
        settings = replace(settings, activation_checkpointing=True)
        yield f"recipe.{name}.activation_checkpointing=true", settings, config
    if config.recipe.lora is None:
        config = replace(config, recipe=config.recipe.with_({"lora": RANK}))
        yield f"recipe.lora={RANK}", settings, config
    field = "max_length" if hasattr(settings, "max_length") else "max_completion_length"
    length = int(min(cost.training.longest or cost.training.written or SHORTEST, known.most * known.spread))
    while hasattr(settings, field) and length > SHORTEST:
        length //= 2
        settings = replace(settings, **{field: length})
        yield f"recipe.{name}.{field}={length}", settings, config


def changed(name: str, before: Any, now: Any) -> str:
    """Return what the machine chose of a stage's settings, as words of the command line; "" if nothing."""
    told = [f"recipe.{name}.{key}={value}" for key, value in vars(now).items() if value != getattr(before, key)]
    return " ".join(told)
