"""Words of the command line that change how a recipe trains, as a shell reads them: no value that was tried already."""

import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from intern.config import stages
from intern.data import items
from intern.overrides import Overrides
from intern.report.facts import Facts

LONGER, HIGHER, FAR = 3, 3, 10  # factors of lengths and learning rates, as the diagnosis rules take them
LACKING = 0.95  # share of targets with an answer, under which the rule `format_problem` asks for answer lines
MARK = items.answer_line("").strip()
ASKED = f"End with a line {MARK} and the answer."


def longer(seen: Facts, names: Sequence[str] = ()) -> tuple[str, ...]:
    """Return words that train some stages longer, all of them by default: in full if no trial was, else by LONGER."""
    whole = any(trial.fidelity == 1.0 for trial in seen.of_recipe())
    changed: list[str] = []
    for name in names or seen.training:
        own = getattr(seen.recipe, name)
        lengths = stages.stage(seen.recipe.kinds[name]).lengths
        field = next((field for field in lengths if getattr(own, field) is not None), None)
        if field:
            changed += times(seen, f"{name}.{field}", getattr(own, field), LONGER if whole else 1)
    return tuple(changed)


def faster(seen: Facts, factor: float) -> tuple[str, ...]:
    """Return words that multiply the learning rate of every training stage."""
    changed: list[str] = []
    for name in seen.training:
        own = getattr(getattr(seen.recipe, name), "learning_rate", None)
        value = own or stages.stage(seen.recipe.kinds[name]).defaults.get("learning_rate")
        changed += times(seen, f"{name}.learning_rate", value, factor)
    return tuple(changed)


def gentler(seen: Facts) -> tuple[str, ...]:
    """Return words that lower the learning rate of every training stage."""
    return (*faster(seen, 1 / HIGHER), *faster(seen, 1 / FAR))


def times(seen: Facts, key: str, value: Any, factor: float) -> Iterator[str]:
    """Yield the word that multiplies a value, to two digits, unless a trial of the recipe went as far."""
    if not value:
        return
    aim = value if factor == 1 else type(value)(float(f"{value * factor:.2g}"))
    known = [trial.overrides[key] for trial in seen.of_recipe() if trial.overrides.get(key)]
    if known and ((factor > 1 and max(known) >= aim) or (factor < 1 and min(known) <= aim)):
        return
    yield from Overrides({key: aim}).lines()


def lined(seen: Facts) -> tuple[str, ...]:
    """Return words that end the training targets with the evaluator's line, if they are known to lack it."""
    logged = (rows[0].get("target_parse_rate", 1.0) for rows in seen.metrics.values())
    if all(share >= LACKING for share in logged):
        return ()
    makers = [name for name, stage in stages.entries(seen.recipe) if stage.makes == "rows"]
    open_ = [name for name in makers if getattr(getattr(seen.recipe, name), "answer_line", None) is False]
    return Overrides({f"{name}.answer_line": True for name in open_}).lines()


def prompted(seen: Facts) -> tuple[str, ...]:
    """Return a word that asks for the evaluator's line, if that is expected and the prompt does not."""
    expected = sum(MARK in row["target"] for row in seen.rows)
    if seen.goal.dev or MARK in seen.goal.prompt or 2 * expected < len(seen.rows):
        return ()
    return (shlex.quote(f"goal.prompt='{seen.goal.prompt} {ASKED}'"),) if plain(seen.goal.prompt) else ()


def plain(prompt: str) -> bool:
    """Return whether a prompt needs no escapes inside of Hydra's quotes."""
    return not set("'\\\n").intersection(prompt)
