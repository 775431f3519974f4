"""Errors that a person can act on: what was wrong, the value, the legal choices, the fix."""

import difflib
from collections.abc import Iterable, Sequence

from intern.text import one_line


class UserError(Exception):
    """A mistake in what was asked, not in the program: shown without a traceback, exit status 2."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """Return ` Did you mean "x"?` for a near name, else nothing."""
    legal = list(choices)
    near = long_for(name, legal) or next(iter(difflib.get_close_matches(name, legal, n=1, cutoff=0.6)), None)
    return f' Did you mean "{one_line(near)}"?' if near else ""


def long_for(name: str, choices: Sequence[str]) -> str | None:
    """Return the dotted key that a name is short for: `hours` for budget.hours, `sft.lr` for sft.learning_rate,
    `sft.epochs` for sft.num_train_epochs."""
    section, _, short = name.rpartition(".")
    beside = {key: key.rpartition(".")[2] for key in choices if not section or key.rpartition(".")[0] == section}
    initials = {key: "".join(word[:1] for word in leaf.split("_")) for key, leaf in beside.items() if "_" in leaf}
    whole = [key for key, leaf in beside.items() if leaf == short]
    begun = [key for key, letters in initials.items() if letters == short]
    parts = [key for key, leaf in beside.items() if f"_{short}_" in f"_{leaf}_"]
    for keys in (whole, begun, parts):
        if len({beside[key] for key in keys}) == 1:
            return keys[0]
    return None


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
