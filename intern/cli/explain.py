"""Errors as a person needs them: what was wrong, the value, the nearest legal choice, the fix."""

import errno
import re
from typing import Any, get_origin

SHAPES: dict[Any, str] = {list: "a list, [A, B]", dict: "a mapping, {KEY: VALUE}, with values of the form that it has"}
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST)


def explained(error: Exception) -> str | None:
    """Return the message for an error; None for a fault of the program."""
    if isinstance(error, ImportError) and not (error.name or "intern").startswith("intern"):
        what = "is not installed" if isinstance(error, ModuleNotFoundError) else f"cannot be imported: {error}"
        return f"the package {error.name} {what}. See what else is missing: python -m intern doctor"
    from hydra.errors import HydraException
    from omegaconf.errors import OmegaConfBaseException

    from intern.cli.words import shown
    from intern.errors import UserError

    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, HydraException | OmegaConfBaseException):
        return miscomposed(error)
    if isinstance(error, OSError) and error.filename is not None:
        fix = " Give a folder that you may write to: outputs=PATH." if error.errno in UNWRITABLE else ""
        fix = " Give a shorter one." if error.errno == errno.ENAMETOOLONG else fix
        return f"{shown(str(error.filename))}: {error.strerror}.{fix}"
    return None


def miscomposed(error: Exception) -> str:
    """Explain a composition error: the word that cannot be read, the key that does not exist, or the key and its
    fault."""
    from hydra.errors import OverrideParseException
    from omegaconf.errors import OmegaConfBaseException, UnsupportedInterpolationType

    from intern.cli.words import kinds, no_key, shown

    if isinstance(error, OverrideParseException):
        word = error.override.lstrip("+")
        return f'Cannot read the word "{shown(word)}": give KEY=VALUE, special characters in quotes{example(word)}.'
    several = re.search(r"(?:Ambiguous value for argument|Sweep parameters) '\+*(.*)'", str(error))
    if several:
        return f"{shown(several[1])}: several values are a job each with -m, or a list in brackets: [A,B]."
    for cause in (error, error.__cause__):
        key = getattr(cause, "full_key", None) or getattr(cause, "key", None)
        if key and isinstance(cause, UnsupportedInterpolationType):
            return f"{key}: the environment and other resolvers cannot be read from a config. Give the value itself."
        if key and "not in" in str(cause):
            return no_key(str(key))
        if key and "Cannot merge" in str(cause):
            wanted = SHAPES.get(get_origin(kinds().get(str(key))), "what it has, a list or a mapping")
            return f"{key}: give {wanted}."
        if key and isinstance(cause, OmegaConfBaseException):
            return f"{key}: {str(cause).splitlines()[0].rstrip('.')}. Give the value itself."
    text = str(error).partition("Config search path:")[0]  # the rest is Hydra's inside
    return " ".join(f"{text} {error.__cause__ or ''}".split())


def example(word: str) -> str:
    """Return how a shell's user quotes the value of a word, after a colon; "" if that cannot be told."""
    from intern.cli.words import shown

    key, equals, value = word.partition("=")
    plain = key.replace(".", "").replace("_", "").isalnum() and value and not set(value) & set("'\"\\$`!")
    return f""": '{shown(f'{key}="{value}')}"'""" if equals and plain and len(word) < 78 else " (see --help)"
