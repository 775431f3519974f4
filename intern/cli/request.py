"""A sentence in place of config words: it is resolved to a goal, a model, a budget, a recipe and a proposer.

    python -m intern "build the best scientific reasoning model under 2B for ten dollars" budget.trials=3
    python -m intern resolve "sort numbers overnight" --json
"""

import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Any

from intern.cli import chosen, understood
from intern.cli.understood import GoalOption, ModelOption, Options, RecipeOption, Resolve
from intern.cli.words import chooses, once, shown
from intern.cli.words import opened as words_of
from intern.config import choices, stages
from intern.config.library import Library
from intern.config.schema import MISSING, Recipe
from intern.errors import UserError
from intern.overrides import parse
from intern.text import block, say, shell

LONGEST = 1000  # characters of a request
ESCAPE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*)?")  # what drives a terminal


@dataclass(frozen=True)
class Request:
    """A request, resolved and vetted."""

    overrides: dict[str, Any]
    """Config key → value."""
    unread: tuple[str, ...]
    """What was not understood."""
    options: Options
    """What there was to choose from."""

    def words(self) -> list[str]:
        """Return it as the words of a command line."""
        return understood.words(self.overrides)


def opened(words: Sequence[str], library: Library) -> list[str]:
    """Return a command line whose first word is a request as config words, and show what was understood.

    Raises:
        UserError: if it cannot be resolved.
    """
    request = read(words[0], words[1:], library)
    whole = [*request.words(), *words[1:]]
    say(told(request, whole), error=True)
    return whole


def show(sentence: str, more: Sequence[str], library: Library, as_json: bool) -> None:
    """Print what a request and further config words say: all of it, or as JSON the overrides alone.

    Raises:
        UserError: if it cannot be resolved.
    """
    once(more)
    if more:  # their faults
        choices.register(library)
        words_of(more, library)
    request = read(sentence, more, library)
    if not as_json:
        say(told(request, [*request.words(), *more]))
        return
    if request.unread:
        say(f"intern: {missed(request)}", error=True)
    further = {key.lstrip("+"): parse(value) for key, _, value in (word.partition("=") for word in more)}
    say(json.dumps(request.overrides | further, indent=1))


def read(sentence: str, more: Sequence[str], library: Library) -> Request:
    """Return a request resolved and vetted, without what further config words set.

    Raises:
        UserError: if no goal fits, or several do and nobody can be asked, or anything of it cannot be had.
    """
    sentence = cleaned(sentence)
    given = {word.lstrip("+~").partition("=")[0] for word in more}
    options = offered(library, [word for word in more if chooses(word)])
    resolve: Resolve = chosen.resolver()  # whoever reads it, the result is vetted alike
    found = resolve(sentence, options)
    if found.goal is None:
        goals = [goal for name in found.goals if (goal := options.goal(name))]
        if not goals:
            raise UserError(unfit(sentence, options))
        options = replace(options, goals=(asked(goals),))
        found = resolve(sentence, options)
    overrides = understood.vet(found, sentence, options)
    return Request({key: v for key, v in overrides.items() if key not in given}, found.unread, options)


def cleaned(sentence: str) -> str:
    """Return a request as it is read: printable, one form of each sign.

    Raises:
        UserError: if it is too long.
    """
    if len(sentence) > LONGEST:
        raise UserError(f"The request has {len(sentence)} characters; at most {LONGEST} are read.")
    sentence = unicodedata.normalize("NFKC", ESCAPE.sub(" ", sentence)).replace("’", "'")
    return "".join(char if char.isprintable() else " " for char in sentence)


def offered(library: Library, choosing: Sequence[str]) -> Options:
    """Return what a request can choose from; words that choose a goal or a model leave that one alone."""
    named = dict(word.lstrip("+").split("=", 1) for word in choosing)
    goals = [goal_option(name) for name in choices.options("goal")]
    if "goal" in named:
        goals = [goal for goal in goals if goal.name == named["goal"]] or [GoalOption(named["goal"], files=True)]
    models = [] if "model" in named else [model_option(name) for name in choices.options("model")]
    return Options(
        tuple(goals),
        tuple(model for model in models if model is not None),
        tuple(choices.options("proposer")),
        tuple(recipe_option(recipe) for recipe in library.readable()),
    )


def goal_option(name: str) -> GoalOption:
    """Return a goal as it can be chosen."""
    tree = choices.values("goal", name)
    suits = frozenset([str(tree.get("name", name)), *tree.get("kinds", [])])
    files = not tree.get("generator") and not tree.get("dev")
    return GoalOption(name, tree.get("summary", ""), tuple(tree.get("tags", [])), suits, tree.get("model"), files)


def model_option(name: str) -> ModelOption | None:
    """Return a model as it can be chosen; None for one that is no model without further words."""
    tree = choices.values("model", name)
    if tree.get("path", MISSING) == MISSING:
        return None
    parameters = tree.get("parameters")
    return ModelOption(name, tree.get("summary", ""), tuple(tree.get("tags", [])), parameters and float(parameters))


def recipe_option(recipe: Recipe) -> RecipeOption:
    """Return a recipe as it can be chosen: its methods are the stages that train, whether they learn from targets or
    from rewards, and LoRA."""
    trained = [stage for _, stage in stages.entries(recipe) if stage.trains]
    methods = {stage.name for stage in trained}
    methods |= {"supervised" if stage.targets else "reinforcement" for stage in trained}
    methods |= {"lora"} if recipe.lora else set()
    return RecipeOption(recipe.name, frozenset(recipe.suits), frozenset(methods))


def asked(goals: Sequence[GoalOption]) -> GoalOption:
    """Ask in the terminal which of several goals is meant; return it.

    Raises:
        UserError: with the goals, if there is no terminal to ask in.
    """
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UserError("\n".join(["Several goals fit about as well:", *rows(goals), "Name one: goal=NAME after it."]))
    from rich.console import Console
    from rich.prompt import IntPrompt

    console = Console(stderr=True)
    lines = [f"{number}) {row.strip()}" for number, row in enumerate(rows(goals), start=1)]
    console.print(block("\n".join(["Several goals fit about as well:", *lines])), markup=False, highlight=False)
    numbers = [str(number) for number in range(1, len(goals) + 1)]
    return goals[IntPrompt.ask("Which", console=console, choices=numbers) - 1]


def unfit(sentence: str, options: Options) -> str:
    """Say that no goal fits, which is nearest, and which there are."""
    words = sentence.lower().split()

    def nearness(goal: GoalOption) -> float:
        names = [goal.name, *goal.tags]
        return max((SequenceMatcher(None, word, name).ratio() for word in words for name in names), default=0.0)

    nearest = max(options.goals, key=nearness).name
    return "\n".join(
        [
            f'No goal fits "{shown(sentence)}"; the nearest by name is {nearest}. Goals:',
            *rows(options.goals),
            'Name one: goal=NAME after it. Of your own files: "… on the data in path/to/DIR".',
        ]
    )


def rows(goals: Sequence[GoalOption]) -> list[str]:
    """Return a line for each goal."""
    return [f"  {goal.name}: {shown(goal.summary)}" if goal.summary else f"  {goal.name}" for goal in goals]


def missed(request: Request) -> str:
    """Return a line on what was not understood, and so is not done."""
    return f"Not understood: {'; '.join(shown(part) for part in request.unread)}"


def told(request: Request, words: Sequence[str]) -> str:
    """Return what a person sees of a request: what was understood and what not, and the command that says the same."""
    named = {goal.name: goal.summary for goal in request.options.goals}
    named |= {model.name: model.summary for model in request.options.models}
    lines = []
    for word, value in zip(request.words(), request.overrides.values(), strict=True):
        summary = named.get(str(value), "")
        lines.append(f"  {word}  ({shown(summary)})" if summary else f"  {word}")
    lines = ["Understood:", *lines]
    if request.unread:
        lines.append(missed(request))
    flags = [part for folder in choices.NAMED for part in ("--config-dir", str(folder))]
    return "\n".join([*lines, f"The same in config words: {shell(['python', '-m', 'intern', *flags, *words])}"])
