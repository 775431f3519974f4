"""Recipes as people share them: a row of the list, a readable contract, and a study's winner as one file that runs
anywhere and says what it measured.

    python -m intern recipes export arithmetic-tiny mine.yaml
"""

import re
import shlex
import textwrap
from dataclasses import replace
from itertools import count
from pathlib import Path

from intern import checkpoints
from intern.config import library
from intern.config.library import Library
from intern.config.schema import Model, Recipe
from intern.errors import UserError
from intern.overrides import show
from intern.records import Trial
from intern.report import fmt
from intern.study.reader import Reader
from intern.text import one_line, shell

COLUMNS = ("name", "summary", "suits", "stages", "measured")
KEPT = ("goal", "model")  # of the study's own command: what decides, beside recipe and seed, what is measured
ANEW = ("study", "budget", "proposer", "quiet")  # what a new study does not take over
WIDTH = 115  # columns of a comment


def rows(recipes: Library) -> list[tuple[str, ...]]:
    """Return a row for each recipe, those of INTERN_RECIPES too; a broken file says so, and does not stop the list."""
    table: list[tuple[str, ...]] = []
    for name in recipes.names():
        try:
            recipe = recipes.load(name)
        except UserError:
            table.append((name, f"broken; see: recipes show {name}", "", "", ""))
            continue
        measured = "yes" if measures(library.header(recipes.path(name))) else "no"
        table.append((name, recipe.summary, ", ".join(recipe.suits), ", ".join(recipe.stages), measured))
    nameless = [(place, why) for place, why in recipes.left_out.items() if place not in recipes.names()]
    return [*table, *((place, f"left out: {why}", "", "", "") for place, why in nameless)]


def measures(header: str) -> bool:
    """Return whether a recipe's comment gives a measured figure."""
    return bool(re.search(r"\d ?%", header)) and "not measured" not in header.lower()


def contract_rows(recipe: Recipe) -> list[tuple[str, str, str]]:
    """Return (key, the recipe's own value, legal values) of its contract."""
    return [(key, own_value(recipe, key), str(domain)) for key, domain in recipe.contract.items()]


def own_value(recipe: Recipe, key: str) -> str:
    """Return a recipe's own value of a key as text."""
    value = recipe.value(key)
    return "unset" if value is None else show(value)


def exported(folder: Path, file: Path) -> str:
    """Return the winner's recipe with its values fixed, as the text of `file`.

    Raises:
        UserError: if there is no winner.
    """
    study = Reader(folder)
    winner = study.winner
    if winner is None:
        why = "found nothing better than its base" if study.ledger.end else "has not ended: run its command to the end"
        raise UserError(f"Study {folder} has no winner to export: it {why}.")
    recipe = runnable(study.trained(winner))
    lines = [*textwrap.wrap(recipe.summary or winner.recipe or "", WIDTH), *evidence(study, winner)]
    lines.append(f"  {command(study, winner, file)}")
    return "".join(f"# {one_line(line)}\n" for line in lines) + library.dump(recipe)


def runnable(recipe: Recipe) -> Recipe:
    """Return a recipe without the contract keys that were pinned by hand outside of their domains."""
    outside = library.outside(recipe)
    return replace(recipe, tunable={key: domain for key, domain in recipe.tunable.items() if key not in outside})


def evidence(study: Reader, winner: Trial) -> list[str]:
    """Return what it measured and on what, next to the baselines, with seed and versions."""
    base, final, config = study.baseline, study.final, study.config(winner.number)
    assert base and final
    what = f"Measured on goal {config.goal.name} with model {config.model.name}, seed {winner.seed}"
    came = " ".join([winner.recipe or "", *winner.overrides.lines()])
    told = [f"{what}: trial {winner.number} of {len(study.trials)}, from {came}"]
    told += [f"{winner.reason}: the recipe below would train on"] if winner.reason else []
    told += [f"  base   {fmt.score(score)}" for score in base.scores]
    told += [f"  winner {fmt.score(score)}" for score in (*winner.scores, *final.scores)]
    if study.ledger.starts:
        versions = study.ledger.starts[-1]["versions"]
        told.append("with " + ", ".join(f"{name} {version}" for name, version in versions.items()))
    return [part for line in told for part in textwrap.wrap(line, WIDTH, subsequent_indent="    ")]


def command(study: Reader, winner: Trial, file: Path) -> str:
    """Return the command that runs the recipe alone, to its score on test, with the study's goal, model and seed."""
    config = study.config(winner.number)
    kept = [word for word in words(study) if group(word) in KEPT or is_flag(word)]
    name = f"study={config.goal.name}-{file.stem}"
    alone = [f"seed={winner.seed}", "proposer=fixed", "proposer.confirm=true", name, f"recipe={file}"]
    return said(*kept, *alone)


def words(study: Reader) -> list[str]:
    """Return the words of the study's own command, as it was last given; of a key that is given twice the last."""
    if not study.ledger.starts:
        config = study.config(0)
        return [f"goal={config.goal.name}", f"model={config.model.name}"]
    given = shlex.split(study.ledger.starts[-1]["command"])[3:]
    last = {word.partition("=")[0]: place for place, word in enumerate(given)}
    return [word for place, word in enumerate(given) if is_flag(word) or last[word.partition("=")[0]] == place]


def group(word: str) -> str:
    """Return the first part of a word's key."""
    return re.split(r"[.=]", word.lstrip("~"))[0]


def is_flag(word: str) -> bool:
    """Return whether a word is a flag, or a flag's value."""
    return "=" not in word and not word.startswith("~")


def again(study: Reader) -> str:
    """Return the study's own command for a new study, to which words can be added."""
    kept = [word for word in words(study) if group(word) not in ("study", "quiet")]
    return said(*kept, f"study={unused(study.folder)}")


def said(*own: str) -> str:
    """Return the command line of some words, as a shell reads it."""
    return shell(["python", "-m", "intern", *own])


def unused(folder: Path) -> str:
    """Return a name for another study beside this one."""
    place = folder.resolve()
    return next(f"{place.name}-{n}" for n in count(2) if not place.with_name(f"{place.name}-{n}").exists())


def onward(study: Reader, winner: Trial) -> list[tuple[str, str]]:
    """Return (what it does, command) for each way to go on from a confirmed winner: its test is spent, so that both are
    new studies. Nothing of a study whose config another version wrote, with other keys."""
    try:
        recipe, model = study.trained(winner), study.config(winner.number).model
    except UserError:
        return []
    name = f"study={unused(study.folder)}"
    own = [word for word in words(study) if group(word) not in ANEW]
    further = [word for word in own if group(word) != "model"]
    around = [word for word in own if group(word) != "recipe"]
    export, before = study.folder / "export", ""
    file = export / "recipe.yaml"
    if library.outside(recipe):  # values that were pinned outside of the contract: no recipe of its own
        file = Path(f"{study.folder.resolve().name}.yaml")
        before = said("recipes", "export", str(study.folder), str(file)) + " && "
    return [
        ("train the winner further", said(*further, *loading(export, model), name)),
        ("search on around its recipe, from the same base", before + said(*around, f"recipe={file}", name)),
    ]


def loading(export: Path, model: Model) -> list[str]:
    """Return the words that take the winner's export as the base model, as it was scored."""
    words = [f"model={export}"]
    words += [f"model.dtype={model.dtype}"] if model.dtype else []
    words += [f"model.context={model.context}"] if model.context else []
    if model.eos_token and model.eos_token != checkpoints.own_eos(export):
        words.append(f"model.eos_token='{model.eos_token}'")
    return words
