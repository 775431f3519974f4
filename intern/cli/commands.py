"""The subcommands around the loop: each takes its words and returns an exit status.

    python -m intern trials arithmetic-tiny"""

import json
import sys
from collections.abc import Callable
from pathlib import Path

from intern.cli.words import RECIPE_FILES, adopted, once, opened

USAGE = {
    "check": "check goal=GOAL model=MODEL recipe=RECIPE [KEY=VALUE ...]   vet overrides, run nothing",
    "trials": "trials STUDY [--json]   print a study's ledger",
    "report": "report STUDY   write a study's report, one page of HTML",
    "recipes": "recipes list | show NAME | check FILE ... | export STUDY [FILE]   the recipes that people share",
    "doctor": "doctor [--json]   what this machine has and lacks, and what each lack costs",
}


def check(words: list[str]) -> int:
    """Vet overrides as a proposal is vetted; print the difference, or every reason."""
    from hydra import initialize_config_dir

    from intern.config import gate, library, schema

    persons = [word for word in words if word.startswith(("goal=", "model="))]
    once(persons)
    scene_words = [part for word in persons for part in opened(word)]
    lines = [adopted(word) for word in words if word not in persons]
    with initialize_config_dir(str(schema.ROOT / "conf"), version_base="1.3"):
        vetted = gate.vet(gate.Scene(tuple(scene_words), tuple(library.names())), lines)
        if isinstance(vetted, gate.Rejection):
            print("\n".join(["refused:", *(f"  - {reason}" for reason in vetted.reasons)]), file=sys.stderr)
            return 2
        print(f"ok: {vetted.recipe} with {' '.join(vetted.overrides) or 'its own values'}")
        for key, before, now in gate.difference(vetted):
            print(f"  {key}: {before} -> {now}")
    return 0


def trials(words: list[str]) -> int:
    """Print the ledger, as text or as JSON."""
    from intern.report import text
    from intern.study import ledger

    names = [word for word in words if word != "--json"]
    folder = study_folder(usual("trials", names, 1, 1)[0])
    if "--json" in words:
        print(json.dumps([trial.public() for trial in ledger.trials(folder)], indent=1))
    else:
        print(text.text(folder))
    return 0


def report(words: list[str]) -> int:
    """Write the report and print where it is."""
    folder = study_folder(usual("report", words, 1, 1)[0])
    from intern.report import page

    path = page.write(folder)
    print(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def recipes(words: list[str]) -> int:
    """List, show, check or export recipes."""
    from intern.errors import UserError, unknown

    actions: dict[str, Callable[[list[str]], int]] = {
        "list": recipes_list,
        "show": recipes_show,
        "check": recipes_check,
        "export": recipes_export,
    }
    action, *rest = words or usual("recipes", words, 1, None)
    if action not in actions:
        raise UserError(unknown("action of recipes", action, actions))
    return actions[action](rest)


def recipes_list(words: list[str]) -> int:
    """One row for each recipe."""
    from intern.cli import table
    from intern.report import share

    usual("recipes", words, 0, 0)
    table.show(share.COLUMNS, share.rows())
    return 0


def recipes_show(words: list[str]) -> int:
    """A recipe's file as it is on disk, and its contract."""
    from intern.cli import table
    from intern.config import library
    from intern.report import share

    name = adopted(f"recipe={usual('recipes', words, 1, 1)[0]}").partition("=")[2]
    recipe = library.load(name)
    print(library.path(name).read_text(encoding="utf-8").rstrip())
    print(f"\nThe contract of {library.origin(name)}: what a proposer or a sweep may change, and how far\n")
    table.show(("key", "own value", "legal values"), share.contract_rows(recipe))
    return 0


def recipes_check(words: list[str]) -> int:
    """Every finding of every file; status 2 where one is a fault."""
    from intern.config import lint

    found = {path: lint.findings(Path(path)) for path in usual("recipes", words, 1, None)}
    for path, findings in found.items():
        print("\n".join(str(finding) for finding in findings) or f"{path}: ok")
    return 2 if any(finding.fault for findings in found.values() for finding in findings) else 0


def recipes_export(words: list[str]) -> int:
    """The winner's recipe with what it measured, to standard output or to a file."""
    from intern.errors import UserError
    from intern.report import share

    study, *rest = usual("recipes", words, 1, 2)
    folder, file = study_folder(study), Path(rest[0]) if rest else None
    if file and (file.suffix not in RECIPE_FILES or file.exists()):
        raise UserError(f"{file} {'exists' if file.exists() else 'is no *.yaml'}. Give a new file: FILE.yaml.")
    text = share.exported(folder, file or Path("path/to/this/file.yaml"))
    if file:
        file.write_text(text, encoding="utf-8")
    print(f"{file}: check it with `python -m intern recipes check {file}`" if file else text.rstrip())
    return 0


def doctor(words: list[str]) -> int:
    """Examine this machine."""
    from intern.cli import doctor

    usual("doctor", [word for word in words if word != "--json"], 0, 0)
    return doctor.run("--json" in words)


def usual(command: str, words: list[str], least: int, most: int | None) -> list[str]:
    """The words, where their number is right and none is a flag; raises UserError with the usage."""
    if least <= len(words) and (most is None or len(words) <= most) and not any(w.startswith("-") for w in words):
        return words
    from intern.errors import UserError  # not above: it needs what the doctor may find missing

    usage = USAGE[command].partition("   ")[0]
    where = ", where STUDY is a folder or a name under outputs/" if "STUDY" in usage else ""
    raise UserError(f"Usage: python -m intern {usage}{where}.")


def study_folder(name: str) -> Path:
    """The study of that name, or the folder itself; raises UserError with the studies that are there."""
    from intern.errors import UserError, unknown
    from intern.study import ledger

    for folder in (Path(name), Path("outputs") / name):
        if (folder / ledger.FILE).exists():
            return folder
    raise UserError(unknown("study", name, [path.parent.name for path in Path("outputs").glob(f"*/{ledger.FILE}")]))


COMMANDS = {"check": check, "trials": trials, "report": report, "recipes": recipes, "doctor": doctor}
