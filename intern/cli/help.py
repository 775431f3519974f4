"""`python -m intern --help`: quick, since Hydra's own takes 2 seconds."""

import json
import subprocess
from importlib import metadata

from intern.config import choices, schema
from intern.config.choices import GROUPS
from intern.config.library import Library

TEXT = """intern: a goal and a small model go in; a measurably better model and the recipe that made it come out.

  intern goal=GOAL model=MODEL [recipe=RECIPE] [KEY=VALUE ...]   run a study, or continue it
  intern "WHAT YOU WANT, IN A SENTENCE" [KEY=VALUE ...]   the same in your own words
  intern resolve "SENTENCE" [--json]  what a sentence means in config words; runs nothing
  intern check goal=GOAL model=MODEL recipe=RECIPE [KEY=VALUE ...]   vet overrides, run nothing
  intern plan goal=GOAL model=MODEL [recipe=RECIPE] [compute=h100]   what a study will take; runs nothing
  intern trials STUDY [--json]        print a study's ledger
  intern research [data] goal=GOAL    papers and data sets for a goal, and what they suggest
  intern report STUDY                 write a study's report, one page of HTML
  intern recipes list | show NAME | check FILE ... | export STUDY [FILE]   the recipes that people share
  intern models pull NAME             fetch a model where the Hub cannot be reached
  intern data check FILE goal=GOAL [--json]   which rows of a file are like a goal's held-out items, and would go
  intern cache [clear --older AGE --cap SIZE]   what stages' outputs take on the disk, and clear what nothing needs
  intern doctor [--json]              what this machine has and lacks, and what each lack costs
  intern mcp [KEY=VALUE ...]          let an agent steer studies by overrides alone, within these words
  intern COMMAND --help               more of one of them
  intern ... --cfg job                show the composed config;   -m KEY=A,B   one job for each value

`intern` is `python -m intern`. STUDY is a folder, or a name under outputs/ or under the folder of a word outputs=DIR.
Choices (a path to a YAML file of your own is one too, and for model= a model's folder; --config-dir DIR, INTERN_CONF,
INTERN_RECIPES and INTERN_PLUGINS add folders of your own):

{choices}

Every other key and its default: --cfg job. Hydra's own flags: --hydra-help. Completion of all this in a shell:
eval "$(intern -sc install=bash)", or zsh; intern -sc install=fish | source"""


def text() -> str:
    """Return the help."""
    library = Library()
    groups = "\n".join(f"  {group}: {', '.join(choices.options(group, library))}" for group in GROUPS)
    return TEXT.format(choices=groups)


def version() -> str:
    """Return the version, as `--version` prints it: with the commit, if it is known."""
    known = commit()
    return f"intern {metadata.version('intern')}" + (f" (commit {known})" if known else "")


def commit() -> str | None:
    """Return the commit of a checkout, marked if files differ from it, or that which pip has noted; None if there is
    neither."""
    if (schema.ROOT / ".git").exists():
        ask = ["git", "-C", str(schema.ROOT), "describe", "--always", "--dirty", "--exclude=*"]
        try:
            ended = subprocess.run(ask, capture_output=True, text=True, timeout=10)
        except (OSError, subprocess.TimeoutExpired):
            return None
        return ended.stdout.strip() or None
    noted = json.loads(metadata.distribution("intern").read_text("direct_url.json") or "{}")
    return str(noted.get("vcs_info", {}).get("commit_id", ""))[:7] or None
