"""`python -m intern --help`: quick, since Hydra's own takes 2 seconds."""

from importlib import metadata

from intern.config import choices
from intern.config.choices import GROUPS
from intern.config.library import Library

TEXT = """intern: a goal and a small model go in; a measurably better model and the recipe that made it come out.

  intern goal=GOAL model=MODEL [recipe=RECIPE] [KEY=VALUE ...]   run a study, or continue it
  intern check goal=GOAL model=MODEL recipe=RECIPE [KEY=VALUE ...]   vet overrides, run nothing
  intern trials STUDY [--json]        print a study's ledger
  intern report STUDY                 write a study's report, one page of HTML
  intern recipes list | show NAME | check FILE ... | export STUDY [FILE]   the recipes that people share
  intern models pull NAME             fetch a model where the Hub cannot be reached
  intern doctor [--json]              what this machine has and lacks, and what each lack costs
  intern COMMAND --help               more of one of them
  intern ... --cfg job                show the composed config;   -m KEY=A,B   one job for each value

`intern` is `python -m intern`. STUDY is a folder, or a name under outputs/. Choices (model= and recipe= take a path
too; INTERN_RECIPES, INTERN_CONF and INTERN_PLUGINS add folders of your own):

{choices}

Every other key and its default: --cfg job. Hydra's own flags: --hydra-help."""


def text() -> str:
    """Return the help."""
    library = Library()
    groups = "\n".join(f"  {group}: {', '.join(choices.options(group, library))}" for group in GROUPS)
    return TEXT.format(choices=groups)


def version() -> str:
    """Return the version, as `--version` prints it."""
    return f"intern {metadata.version('intern')}"
