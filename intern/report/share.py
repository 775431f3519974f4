"""Recipes as people share them: a row of the list, a readable contract, and a study's winner as one file that runs
anywhere and says what it measured.

    python -m intern recipes export arithmetic-tiny mine.yaml"""

import re
import shlex
import textwrap
from pathlib import Path

from intern.config import contract, library
from intern.config.schema import Config, Recipe, flat
from intern.errors import UserError
from intern.records import Trial
from intern.report import text
from intern.study import ledger
from intern.trial import worker

COLUMNS = ("name", "summary", "suits", "stages", "measured")
KEPT = ("goal", "model")  # of the study's own command: what decides, beside recipe and seed, what is measured


def rows() -> list[tuple[str, ...]]:
    """One row for each recipe, those of INTERN_RECIPES too; a broken file says so instead of stopping the list."""
    found = []
    for name in library.names():
        try:
            recipe = library.load(name)
        except UserError:
            found.append((name, f"broken; see: recipes check {library.path(name)}", "", "", ""))
            continue
        measured = "yes" if measures(library.header(library.path(name))) else "no"
        found.append((name, recipe.summary, ", ".join(recipe.suits), ", ".join(recipe.stages), measured))
    return found


def measures(header: str) -> bool:
    """Whether a recipe's comment gives a measured figure."""
    return bool(re.search(r"\d ?%", header)) and "not measured" not in header.lower()


def contract_rows(recipe: Recipe) -> list[tuple[str, str, str]]:
    """(key, the recipe's own value, legal values) of its contract."""
    own = dict(flat(recipe))
    return [
        (key, "unset" if own[key] is None else contract.show(own[key]), str(domain))
        for key, domain in contract.read(recipe.tunable)[0].items()
    ]


def exported(folder: Path, file: Path) -> str:
    """The winner's recipe with its values fixed, as the text of `file`; raises UserError where there is no winner."""
    end = ledger.end(folder)
    if end is None or end["winner"] is None:
        why = "has not ended: run its command to the end" if end is None else "found nothing better than its base"
        raise UserError(f"Study {folder} has no winner to export: it {why}.")
    trials = ledger.trials(folder)
    winner = trials[end["winner"]]
    study = composed(folder, winner)
    recipe = study.recipe
    for key in library.outside(recipe):  # pinned beyond the contract by hand
        del recipe.tunable[key]
    lines = [*textwrap.wrap(recipe.summary or winner.recipe or "", 110), *evidence(folder, trials, winner, study)]
    lines.append(f"  {command(folder, winner, study, file)}")
    return "".join(f"# {line}\n" for line in "\n".join(lines).splitlines()) + library.dump(recipe)


def composed(folder: Path, trial: Trial) -> Config:
    """A trial's config, as its worker read it."""
    return worker.read_config(folder / "trials" / f"{trial.number:03d}")


def evidence(folder: Path, trials: tuple[Trial, ...], winner: Trial, study: Config) -> list[str]:
    """What it measured and on what, next to the baselines, with seed and versions."""
    final = next(trial for trial in reversed(trials) if trial.kind == "confirm")
    came = " ".join([winner.recipe or "", *winner.overrides])
    what = f"Measured on goal {study.goal.name} with model {study.model.name}, seed {winner.seed}"
    told = [f"{what}: trial {winner.number} of {len(trials)}, from {came}"]
    told += [f"  base   {text.shown(score)}" for score in trials[0].scores]
    told += [f"  winner {text.shown(score)}" for score in (*winner.scores, *final.scores)]
    if starts := ledger.starts(folder):
        told.append("with " + ", ".join(f"{name} {version}" for name, version in starts[-1]["versions"].items()))
    return [part for line in told for part in textwrap.wrap(line, 115, subsequent_indent="    ")]


def command(folder: Path, winner: Trial, study: Config, file: Path) -> str:
    """What runs it again, alone, to its score on test: the study's own goal, model and seed, and the file."""
    starts = ledger.starts(folder)
    own = starts[-1]["command"] if starts else f"python -m intern goal={study.goal.name} model={study.model.name}"
    kept = [word for word in shlex.split(own)[3:] if re.split(r"[.=]", word)[0] in KEPT]
    alone = [f"seed={winner.seed}", "proposer=fixed", "proposer.confirm=true", f"study={study.goal.name}-{file.stem}"]
    return shlex.join(["python", "-m", "intern", *kept, *alone, f"recipe={file}"])
