"""Errors that a person can act on: what was wrong, the value, the legal choices, the fix."""

import difflib
from collections.abc import Iterable

from intern.text import one_line


class UserError(Exception):
    """A mistake in what was asked, not in the program: shown without a traceback, exit status 2."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return ` Did you mean "x"?` for a near name, else nothing."""
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f' Did you mean "{one_line(near[0])}"?' if near else ""


def unknown(kind: str, name: str, choices: Iterable[str]) -> str:
    """Return one sentence for an unknown name: the nearest legal one, then all of them."""
    legal = sorted(choices)
    shown = ", ".join(map(one_line, legal))
    return f'Unknown {kind} "{one_line(name, 200)}".{did_you_mean(name, legal)} Available: {shown or "none"}.'


def quote(value: object) -> str:
    """Return a value as a message may show it: printable, ASCII and short, whatever it is."""
    try:
        shown = ascii(value)
    except Exception:  # an int of more than 4,300 digits, a nest of more than a thousand lists, a __repr__ that fails
        return f"<{type(value).__name__}>"
    return shown if len(shown) <= 80 else shown[:76] + "..." + shown[-1]
