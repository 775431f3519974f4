"""The command line. The first word picks a subcommand before Hydra sees anything; with none, all words are
Hydra overrides and a study is run, or continued.

    python -m intern goal=arithmetic model=tiny"""

import os
import signal
import sys
from functools import partial
from typing import TYPE_CHECKING

from intern.cli import commands
from intern.cli.words import GROUPS, once, opened, options

if TYPE_CHECKING:  # Hydra takes a quarter of a second, which --help and the doctor need not wait for
    from omegaconf import DictConfig

    from intern.config.gate import Scene
    from intern.config.schema import Config

HELP = """intern: a goal and a small model go in; a measurably better model and the recipe that made it come out.

  intern goal=GOAL model=MODEL [recipe=RECIPE] [KEY=VALUE ...]   run a study, or continue it
{commands}
  intern ... --cfg job   show the composed config;   -m KEY=A,B   one job for each value

`intern` is `python -m intern`. STUDY is a folder, or a name under outputs/. Choices (model= and recipe= take a path
too; INTERN_RECIPES adds folders of recipes):

{choices}

Every other key and its default: --cfg job. Hydra's own flags: --hydra-help."""


def main() -> None:
    """Entry point of `python -m intern` and of the console script `intern`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit that gives the terminal back
    try:
        status = run(sys.argv[1:])
    except KeyboardInterrupt:
        print("intern: stopped; the same command continues.", file=sys.stderr)
        status = 130
    except BrokenPipeError:  # `intern trials … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:
        message = explained(error)
        if message is None:
            raise
        print(f"intern: {message}", file=sys.stderr)
        status = 2
    sys.exit(status)


def run(words: list[str]) -> int:
    """What the words ask for; returns the exit status."""
    if {"-h", "--help"} & set(words):  # Hydra's own takes 2 seconds: it copies its store for every option
        usages = "\n".join(f"  intern {usage}" for usage in commands.USAGE.values())
        print(HELP.format(commands=usages, choices="\n".join(f"  {g}: {', '.join(options(g))}" for g in GROUPS)))
        return 0
    if words[:1] == ["doctor"]:  # before all that a broken set-up lacks
        return commands.doctor(words[1:])
    from intern.config import library, schema

    schema.register()
    library.register()
    command = commands.COMMANDS.get(words[0]) if words else None
    return command(words[1:]) if command else study(words)


def study(words: list[str]) -> int:
    """Run or continue a study through Hydra, so that --cfg and -m work."""
    import hydra

    from intern.config import schema
    from intern.errors import UserError, did_you_mean

    if words and "=" not in words[0] and not words[0].startswith(("-", "~")):
        near = did_you_mean(words[0], commands.COMMANDS)
        raise UserError(f'"{words[0]}" is neither KEY=VALUE nor a command.{near} See --help.')
    once(words)
    sys.argv[1:] = [part for word in words for part in opened(word)]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to `main`, which explains them
    outcome: list[int] = []
    conf = str(schema.ROOT / "conf")
    hydra.main(config_path=conf, config_name="config", version_base="1.3")(partial(job, outcome))()
    return max(outcome, default=0)


def job(outcome: list[int], node: "DictConfig") -> None:
    """One composed config: one study, or in a multirun one trial of it. Adds its exit status to `outcome`."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf.errors import OmegaConfBaseException
    from rich.console import Console

    from intern.errors import UserError
    from intern.study import loop

    try:
        composed = typed(node)
        words = tuple(HydraConfig.get().overrides.task)
        outcome.append(loop.run(composed, scene_of(composed, words), Console()))
    except (UserError, OmegaConfBaseException) as error:  # Hydra prefixes what leaves a job with a line of its own
        print(f"intern: {explained(error)}", file=sys.stderr)
        outcome.append(2)


def typed(node: "DictConfig") -> "Config":
    """The composed config as dataclasses; raises UserError with every value that is missing."""
    from omegaconf import OmegaConf

    from intern.errors import UserError

    if missing := OmegaConf.missing_keys(node):
        raise UserError("\n".join(f"{key} has no value. Give it: {key}=…" for key in sorted(missing)))
    return OmegaConf.to_object(node)


def scene_of(composed: "Config", words: tuple[str, ...]) -> "Scene":
    """What the command line fixed, and the recipes that are left to a proposer."""
    from intern.config import gate, library, schema
    from intern.errors import UserError

    kept = tuple(word for word in words if not word.startswith("recipe="))
    if composed.recipe.name != "none":
        if found := schema.faults(composed):
            raise UserError("\n".join(["This combination cannot run:", *(f"  - {fault}" for fault in found)]))
        return gate.Scene(kept, (composed.recipe.name,))
    goal = composed.goal.name
    suiting = tuple(name for name in library.names() if goal in library.load(name).suits)
    if not suiting:
        raise UserError(f"No recipe suits goal {goal}. Name one: recipe=NAME, one of {', '.join(library.names())}.")
    return gate.Scene(kept, suiting)


def explained(error: Exception) -> str | None:
    """An error as a person needs it: what, the value, the nearest legal choice; None for a fault of the program."""
    if isinstance(error, ModuleNotFoundError) and not (error.name or "intern").startswith("intern"):
        return f"the package {error.name} is not installed. See what else is missing: python -m intern doctor"
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from intern.errors import UserError

    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return miscomposed(error)
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}. Give a folder that you may write to: outputs=PATH."
    return None


def miscomposed(error: Exception) -> str:
    """A composition error: the word that cannot be read, the key that does not exist, or the key and its fault."""
    from hydra.errors import OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    from intern.cli.words import no_key

    if isinstance(error, OverrideParseException):
        return f'Cannot read the word "{error.override}": give KEY=VALUE, special characters in quotes. See --help.'
    for cause in (error, error.__cause__):
        key = getattr(cause, "full_key", None) or getattr(cause, "key", None)
        if key and "not in" in str(cause):
            return no_key(str(key))
        if key and isinstance(cause, OmegaConfBaseException):
            return f"{key}: {str(cause).splitlines()[0]}."
    return " ".join(f"{error} {error.__cause__ or ''}".split())


if __name__ == "__main__":
    main()
