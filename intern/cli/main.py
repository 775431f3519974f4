"""The command line. The first word picks a subcommand before Hydra sees anything; with none, all words are Hydra
overrides and a study is run, or continued.

    python -m intern goal=arithmetic model=tiny
"""

import atexit
import gc
import os
import signal
import sys
import time
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from intern.cli import COMMANDS
from intern.text import say

if TYPE_CHECKING:  # Hydra takes a quarter of a second, which --help and the doctor need not wait for
    from omegaconf import DictConfig

    from intern.cli.flags import Line
    from intern.cli.sweep import Job
    from intern.config.composition import Tree
    from intern.config.library import Library


def main() -> None:
    """Run `python -m intern`, or the console script `intern`."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exit that gives the terminal back
    gc.disable()  # saves a seventh of the half second that most commands take, and a study enables it
    atexit.register(gc.freeze)  # saves a fifth: what is left at the end is not looked through once more
    try:
        status = run(sys.argv[1:])
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("intern: stopped; the same command continues.", error=True)
        status = 130
    except BrokenPipeError:  # `intern trials … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = 0
    except Exception as error:
        from intern.cli.explain import explained

        message = explained(error)
        if message is None:
            raise
        say(f"intern: {message}", error=True)
        status = 2
    gc.enable()
    sys.exit(status)


def run(words: list[str]) -> int:
    """Do what the words ask for; return the exit status."""
    if words in (["doctor"], ["doctor", "--json"]):  # before all that a broken set-up may lack
        from intern.cli import doctor

        return doctor.run("--json" in words)
    if words and words[0] in COMMANDS:
        from intern.cli.app import call

        return call(words)
    if {"-h", "--help", "--version"} & set(words) or words == ["help"]:  # Hydra's own help takes 2 seconds
        from intern.cli import help

        say(help.version() if "--version" in words else help.text())
        return 0
    from intern.cli import flags

    line = flags.read(words)
    if "--shell-completion" in line.flags:  # Hydra's own knows neither commands nor studies
        from intern.cli import completion

        return completion.run(line.words[0])
    return composed(line)


def composed(line: "Line") -> int:
    """Run or continue a study, or do what Hydra's flags ask for; return the exit status."""
    from intern.cli.words import is_sentence, once
    from intern.config import choices
    from intern.config.library import Library

    if not is_sentence(line.words):
        check_first(line.words)
    once(line.words)
    choices.search(line.folders)
    library = Library()
    if is_sentence(line.words):
        from intern.cli import request

        line = replace(line, words=request.opened(line.words, library))
    choices.register(library)
    if line.shows == "job":
        return show(line.words, line.package, library)
    return study(line, library)


def check_first(words: list[str]) -> None:
    """Raise UserError if the first word is a command that does not exist."""
    from intern.cli.words import shown
    from intern.errors import UserError, did_you_mean

    if words and "=" not in words[0] and not words[0].startswith("~"):
        near = did_you_mean(words[0], COMMANDS)
        quote = "" if near or "=" in words[-1] else " A sentence is put in quotes."
        raise UserError(
            f'"{shown(words[0])}" is neither KEY=VALUE nor a command.{near}{quote} Commands: {", ".join(COMMANDS)}; a '
            "study needs none: python -m intern goal=GOAL model=MODEL. See --help."
        )


def show(words: list[str], package: str | None, library: "Library") -> int:
    """Print the whole typed config, with the settings of its plug-ins, or a part of it."""
    import yaml

    from intern.cli.compose import compose, config_of
    from intern.errors import UserError, unknown

    tree: Any = config_of(compose(words, library), library).tree()
    for name in package.split(".") if package else ():
        if not isinstance(tree, dict) or name not in tree:
            raise UserError(unknown("part of the config", name, tree if isinstance(tree, dict) else ()))
        tree = tree[name]
    say(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=120).removesuffix("...\n").rstrip())
    return 0


def study(line: "Line", library: "Library") -> int:
    """Run or continue a study; through Hydra if its flags are asked for, since it composes the words twice."""
    from intern.cli.words import opened
    from intern.config import choices, composition

    began = time.monotonic()
    words = opened(line.words, library)
    if not line.flags:
        return run_scope(composition.compose(words), words, library, began)
    import hydra

    sys.argv[1:] = [*words, *line.flags]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # errors come to `main`, which explains them
    jobs: list[Job] = []
    began = time.monotonic()  # composing belongs to the first one's hours
    conf = str(choices.CONF)
    hydra.main(config_path=conf, config_name="config", version_base="1.3")(partial(run_job, library, jobs, began))()
    if "--multirun" in line.flags and jobs:
        from intern.cli import sweep

        sweep.show(jobs)
    return max((job.status for job in jobs), default=0)


def run_job(library: "Library", jobs: "list[Job]", began: float, node: "DictConfig") -> None:
    """Run one composed config: one study, or in a multirun one trial of it. Add how it ended to `jobs`."""
    from hydra.core.hydra_config import HydraConfig
    from omegaconf import OmegaConf

    from intern.cli.explain import explained
    from intern.cli.sweep import Job
    from intern.config.composition import plain

    words: Any = OmegaConf.to_container(HydraConfig.get().overrides.task, resolve=False)
    job = Job(words)
    began = time.monotonic() if jobs else began
    jobs.append(job)
    try:
        job.status = run_scope(plain(node), job.words, library, began, job)
    except Exception as error:  # Hydra prefixes what leaves a job with a line of its own
        message = explained(error)
        if message is None:
            raise
        say(f"intern: {message}", error=True)


def run_scope(tree: "Tree", words: list[str], library: "Library", began: float, job: "Job | None" = None) -> int:
    """Run the study, or the trial, that composed words describe; return the exit status. Note its folder in the job.

    Args:
        tree: the composed words.
        words: the words.
        library: the recipes.
        began: when the command began, by time.monotonic.
        job: the job of a multirun.
    """
    from intern.cli import study
    from intern.cli.compose import scope_of
    from intern.study.run import folder_of

    scope = scope_of(tree, words, library)
    if job:
        job.folder = folder_of(scope)
    gc.enable()
    return study.run(scope, library, began)
