"""Hydra's flags, apart from the words, wherever they stand between them.

    python -m intern goal=mine --config-dir path/to/folder --cfg job recipe=generated/sft
"""

import argparse
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from intern.errors import UserError, did_you_mean
from intern.text import as_lines

SWITCHES = {"--multirun": "-m", "--run": "-r", "--shell-completion": "-sc", "--resolve": None, "--hydra-help": None}
FLAGS = (*SWITCHES, "--cfg", "--package", "--info", "--config-dir", "--help", "--version")
INFO = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")

COMPLETION = re.compile("(install|uninstall|query)=(bash|fish|zsh)")


@dataclass(frozen=True)
class Line:
    """A command line, read."""

    words: list[str]
    """The words KEY=VALUE, in order."""
    flags: list[str]
    """Hydra's flags and their values, as Hydra reads them."""
    shows: str | None
    """What --cfg shows instead of running: job, hydra or all; None if nothing."""
    package: str | None
    """The part of it that --package asks for."""
    folders: list[Path]
    """Further folders of config files, of --config-dir."""


class Parser(argparse.ArgumentParser):
    """A parser that raises UserError for a fault."""

    def error(self, message: str) -> NoReturn:
        """Raise UserError with the fault."""
        raise UserError(f"{message}. See --help, and --hydra-help for Hydra's own flags.")


def read(words: Sequence[str]) -> Line:
    """Return a command line's words and flags.

    Raises:
        UserError: for a flag that does not exist, lacks its value or cannot go with another.
    """
    given, unknown = made().parse_known_intermixed_args(list(words))
    if unknown:
        raise UserError(as_lines(f'Unknown flag "{flag}".{did_you_mean(flag, FLAGS)} See --help.' for flag in unknown))
    ours = ("words", "config_dir")  # Hydra is given neither as it stands
    told = {f"--{name.replace('_', '-')}": value for name, value in vars(given).items() if name not in ours}
    modes = [flag for flag in ("--run", "--multirun", "--cfg", "--info", "--shell-completion") if told[flag]]
    if len(modes) > 1:
        raise UserError(f"{' and '.join(modes)} cannot go together: give one of them.")
    if told["--resolve"] and not told["--cfg"]:
        raise UserError("--resolve goes with --cfg alone: it resolves what that shows.")
    if told["--shell-completion"] and not COMPLETION.fullmatch(" ".join(given.words)):
        raise UserError("-sc goes with install=SHELL, uninstall=SHELL or query=SHELL; SHELL is bash, fish or zsh.")
    flags: list[str] = []
    for flag, value in told.items():
        if value:
            flags += [flag] if value is True else [flag, value]
    return Line(given.words, flags, given.cfg, given.package, given.config_dir)


def made() -> Parser:
    """Return the parser of Hydra's flags, without those that put another config, or a pickle, in the place of ours."""
    parser = Parser(add_help=False, allow_abbrev=False)
    parser.add_argument("words", nargs="*")
    for flag, short in SWITCHES.items():
        parser.add_argument(flag, *([short] if short else []), action="store_true")
    parser.add_argument("--cfg", "-c", choices=("job", "hydra", "all"))
    parser.add_argument("--package", "-p")
    parser.add_argument("--config-dir", "-cd", type=Path, action="append", default=[])
    parser.add_argument("--info", "-i", nargs="?", const="all", choices=INFO)
    return parser
