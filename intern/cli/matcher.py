"""Reads a request without a network: goals by their names, summaries and tags, models, sizes, money and times, a folder
of files, a proposer, a method of training, a seed. What is not understood is told, and never becomes a config key.

The model is the one that is named; else the largest that fits the size that is named ("best … under 2B": the largest
under 2B; "at least 1B" alone: the smallest of those); else the default model of the goal. Of a family that is named
without a size it is the goal's default, or else the largest.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from intern.cli import amounts, terms
from intern.cli.amounts import Size, Text
from intern.cli.understood import LOCAL, GoalOption, ModelOption, Options, RecipeOption, Understood
from intern.errors import UserError

PATH = re.compile(
    r"""(?<!\w)(?P<mark>["'])(?P<quoted>(?:~|\.{1,2})?/[^"'\0]+)(?P=mark)|(?<![\w/:.$~])(?:~|\.{1,2})?/[\w./@%~-]*+(?=[\s,;:!?)"']|$)"""
)
AT = re.compile(
    r"\b(?:in|on|from|at|is|are|under|inside|of|folder|directory|dir|data|dataset|files?|use|using|with)\W*$"
)
WEIGHTS = re.compile(r"\b(?:model|checkpoint|weights|starting from|start from)(?: (?:in|at|from|is|under))?\W*$")
STRANGE = re.compile(r"`[^`]*`|<[^>]*>|\S*\$\{\S*|\S+://\S+|[\w.~+-]+ ?=(?!=) ?\S*")  # no words of a request
WORD = re.compile(r"[^\s\0,;:!?()\"“”]+")
REFUSED = re.compile(
    r"\b(?:not|without|no|nor|except|than|avoid|excluding|never|don't(?: use| want)?|do not(?: use| want)?|instead of)"
    r"(?: (?:use|using|any|the|a|an|with|on|want))* (?P<what>[a-z][\w-]*(?:(?: or| nor) [a-z][\w-]*)*)"
)
METHODS = {  # phrase → the method's word
    r"reinforcement(?:[ -]learning)?|rl|rlvr": "reinforcement",
    r"supervised(?: fine-?tuning| learning)?|imitation(?: learning)?|instruction tuning": "supervised",
}
PROPOSERS = {  # phrase → proposer
    r"random(?:ly)? (?:search|sampling|proposals?|proposer|policy)|at random": "random",
    r"heuristics?(?: proposer)?|rule-based": "heuristic",
    r"claude(?: (?:opus|sonnet|haiku))?|anthropic(?:'s)?": "claude",
    r"local (?:llm|language model)|ollama|llama\.?cpp": "local_llm",
}
SUPERLATIVE = re.compile(r"\b(?:(?P<large>largest|biggest)|smallest|lightest)\b(?! (?:gain|score|number|budget))")


def resolve(sentence: str, options: Options) -> Understood:
    """Return what a request asks for, as far as it is understood.

    Raises:
        UserError: for a size that no model has, money that is no dollars, or own data without a folder.
    """
    text = Text(sentence)
    strange = [match.span() for pattern in (STRANGE, amounts.RATE) for match in text.take(pattern)]
    data_dir, weights = paths(text, strange)
    said = Understood(
        dollars=amounts.money(text),
        hours=amounts.hours(text),
        trials=amounts.trials(text),
        seed=amounts.seed(text),
        data_dir=data_dir,
    )
    exact = called(text, options.models)
    wanted = amounts.size(text)
    denied = refused(text)
    unwanted = {stem for span in denied for stem in terms.stems(sentence[slice(*span)])}
    said = replace(said, proposer=proposer(text, options.proposers))
    recipe, methods = recipe_named(text, options.recipes), methods_of(text, options.recipes)
    families = named(text, options, [model for model in options.models if model in exact or not exact])
    superlative = [bool(match["large"]) for match in text.take(SUPERLATIVE)]
    goals = fitting(text, options, data_dir, unwanted)
    if len(goals) != 1:
        return replace(said, goals=tuple(goal.name for goal in goals))
    model = weights or chosen(exact or families, wanted, superlative, goals[0], options.models)
    recipe = recipe or suiting(goals[0], set(methods), options.recipes)
    strange += denied
    strange += [] if recipe else [span for spans in methods.values() for span in spans]
    left = unread(text, strange)
    return replace(said, goal=goals[0].name, model=model, recipe=recipe, unread=tuple(left))


def paths(text: Text, strange: list[tuple[int, int]]) -> tuple[str | None, str | None]:
    """Take paths out of a request; return (the folder of data, the folder of a model). Any other path is strange."""
    data = model = None
    for match in list(PATH.finditer(text.left)):
        before, path = text.left[: match.start()], text.said[slice(*match.span("quoted" if match["quoted"] else 0))]
        text.blank(*match.span())
        path = path.rstrip(".") or path
        if model is None and WEIGHTS.search(before):
            model = path
        elif data is None and AT.search(before):
            data = path.rpartition("/")[0] if path.endswith(".jsonl") else path
        else:
            strange.append(match.span())
    return data, model


def called(text: Text, models: Iterable[ModelOption]) -> list[ModelOption]:
    """Take the names of models out of a request, as they are written after model=; return the models."""
    there = []
    for model in sorted(models, key=lambda model: -len(model.name)):
        pattern = rf"(?<![\w/.-]){re.escape(model.name.lower())}(?![\w/-])(?! (?:bit|budget|gain))"
        there += [model for _ in text.take(re.compile(pattern))]
    return there


def named(text: Text, options: Options, models: Sequence[ModelOption]) -> list[ModelOption]:
    """Take the families of models out of a request; return the models of those that are named."""
    words = {model.name: set(terms.stems(" ".join(model.tags))) for model in models}
    known = {word for tags in words.values() for word in tags}
    there: set[str] = set()
    for token in terms.tokens(text, known | terms.vocabulary(options.goals)):
        if token.stem in known:
            version = re.compile(r"[ -]?\d?(?![\w.])").match(text.left, token.end)  # "qwen 3"
            text.blank(token.start, version.end() if version else token.end)
            there.add(token.stem)
    return [model for model in models if words[model.name] & there]


def refused(text: Text) -> list[tuple[int, int]]:
    """Take what a request does not want out of it; return the spans."""
    spans = []
    for match in list(REFUSED.finditer(text.left)):
        if not terms.COMMON.issuperset(match["what"].split()):
            text.blank(*match.span())
            spans.append(match.span())
    return spans


def proposer(text: Text, offered: Sequence[str]) -> str | None:
    """Take a proposer out of a request; return the first that is offered."""
    named = {name: re.escape(name) for name in offered}
    phrases = {rf"proposer:? {said}|{said} (?:as (?:the |a )?)?proposer": name for name, said in named.items()}
    for phrase, name in [*PROPOSERS.items(), *phrases.items()]:
        pattern = re.compile(rf"\b(?:{phrase})(?!\w)")
        if name in offered and pattern.search(text.left):
            list(text.take(pattern))
            return name
    return None


def recipe_named(text: Text, recipes: Iterable[RecipeOption]) -> str | None:
    """Take the whole name of a recipe out of a request; return it."""
    for recipe in recipes:
        pattern = re.compile(rf"(?<![\w/.-]){re.escape(recipe.name.lower())}(?![\w/-])")
        if pattern.search(text.left):
            list(text.take(pattern))
            return recipe.name
    return None


def methods_of(text: Text, recipes: Iterable[RecipeOption]) -> dict[str, list[tuple[int, int]]]:
    """Take the methods of training out of a request that any recipe has; return method → where it is said."""
    known = {method for recipe in recipes for method in recipe.methods}
    phrases = {**METHODS, **{re.escape(method): method for method in sorted(known - set(METHODS.values()))}}
    said: dict[str, list[tuple[int, int]]] = {}
    for phrase, method in phrases.items():
        for match in text.take(re.compile(rf"\b(?:{phrase})\b")):
            said.setdefault(method, []).append(match.span())
    return said


def suiting(goal: GoalOption, methods: set[str], recipes: Iterable[RecipeOption]) -> str | None:
    """Return the recipe for a goal that has the methods, and the fewest others; None if no method is named."""
    fit = [recipe for recipe in recipes if recipe.suits & goal.suits and methods and methods <= recipe.methods]
    return min(fit, key=lambda recipe: (len(recipe.methods), recipe.name)).name if fit else None


def fitting(text: Text, options: Options, data_dir: str | None, unwanted: set[str]) -> list[GoalOption]:
    """Return the goals that a request may mean, and blank what says so if it is one.

    A folder of data means the goal of a person's own files, unless one goal that reads files is named beside it.

    Args:
        unwanted: stems of what the request does not want.

    Raises:
        UserError: if own data is meant, and no folder is named.
    """
    goals = [goal for goal in options.goals if goal.files or not data_dir or len(options.goals) == 1]
    said = terms.tokens(text, terms.vocabulary(goals))
    own = options.goal(LOCAL)
    wanted = [goal for goal in goals if not any(unwanted.issuperset(term) for term in terms.called(goal))]
    fit = terms.fitting(wanted, said, text) if len(goals) > 1 else goals
    if data_dir and len(fit) != 1 and own:
        fit = [own]
    if len(fit) == 1:
        if fit[0] == own and not data_dir and len(options.goals) > 1:
            raise UserError(f'goal={LOCAL} needs the folder of your files: "… on the data in path/to/DIR".')
        for token in terms.matches(fit[0], said, text):
            text.blank(token.start, token.end)
    return fit


def chosen(
    pool: Sequence[ModelOption],
    wanted: Size | None,
    largest: list[bool],
    goal: GoalOption,
    models: Sequence[ModelOption],
) -> str | None:
    """Return the model for a goal.

    Args:
        pool: those that are named.
        wanted: the size that is named.
        largest: whether the largest or the smallest is asked for.
        goal: the goal.
        models: all that there are; none, if it is not to be chosen.

    Raises:
        UserError: if none fits the size.
    """
    if not models:
        return None
    if not wanted and not largest and any(model.name == goal.model for model in pool or models):
        return goal.model
    if not wanted and not largest and not pool:
        return None
    if not wanted and len(pool) == 1:
        return pool[0].name
    size = wanted or Size()
    fit = [(m.parameters, m) for m in pool or models if m.parameters and size.low <= m.parameters <= size.high]
    if not fit:
        there = sorted((model.parameters, model.name) for model in models if model.parameters)
        sizes = ", ".join(f"{name} ({amounts.short(count)})" for count, name in there)
        raise UserError(f"No model of that size. Available: {sizes}. One of your own: model=PATH after the request.")
    near = size.near
    if near:
        return min(fit, key=lambda entry: abs(math.log(entry[0] / near)))[1].name
    small = not largest[0] if largest else size.low > 0 and math.isinf(size.high)
    return (min if small else max)(fit, key=lambda entry: entry[0])[1].name


def unread(text: Text, strange: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yield what nobody has read, word for word; words that belong together are one phrase."""
    spans = sorted([*strange, *(match.span() for match in WORD.finditer(text.left) if means(match[0]))])
    start = end = -1
    for span in spans:
        between = text.left[end : span[0]]
        if start >= 0 and not re.search(r"[\0,;:.!?()]", between):
            end = span[1]
            continue
        if start >= 0:
            yield text.said[start:end]
        start, end = span
    if start >= 0:
        yield text.said[start:end].rstrip(".")


def means(word: str) -> bool:
    """Return whether a word that was not understood is worth telling."""
    parts = [part for part in terms.TOKEN.findall(word) if part.isdigit() or len(part) > 1]
    return any(part not in terms.COMMON for part in parts)
