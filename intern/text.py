"""Text that somebody else wrote, made harmless: the one way in which it reaches a terminal, a ledger, a card or a page.

Refused overrides, hypotheses, summaries, keys, names of files, columns and models, reasons, samples and errors of
plug-ins may hold any character. Printed as it is an escape moves the cursor, a line end forges a line of the ledger, a
bidi override turns what follows around, and a lone surrogate cannot be written at all.
"""

import shlex
import sys
import unicodedata
from collections.abc import Iterable

LONGEST = 4000  # characters of one line; the longest honest one, of a trial that failed, has some hundreds
WIDEST = 100_000  # characters of a line in a text of many lines: a prompt in YAML is one


def one_line(text: object, most: int = LONGEST) -> str:
    """Return text as one line of printable characters, its middle left out if it is longer than `most`."""
    whole = short(str(text), most)
    return whole if whole.isprintable() else "".join(map(printable, whole))


def block(text: object) -> str:
    """Return text of many lines with every line printable: of its own it has the line ends alone."""
    whole = str(text).expandtabs().replace("\r\n", "\n")
    return "\n".join(one_line(part, WIDEST) for part in whole.split("\n"))


def as_lines(parts: Iterable[object]) -> str:
    """Return texts as a line each, which none of them can end."""
    return "\n".join(one_line(str(part).replace("\n", " ")) for part in parts)


def shell(words: Iterable[str]) -> str:
    """Return words as a line that a shell reads back; what cannot be printed is escaped as bash and zsh read it."""
    return " ".join(shlex.quote(word) if word.isprintable() else f"$'{''.join(map(escaped, word))}'" for word in words)


def escaped(char: str) -> str:
    """Return a character as it stands between $' and '."""
    if char in "\\'":
        return f"\\{char}"
    return char if char.isprintable() else f"\\U{ord(char):08x}"


def say(text: object = "", error: bool = False) -> None:
    """Print text of many lines to standard output, or as an error."""
    print(block(text), file=sys.stderr if error else sys.stdout, flush=True)


def short(text: str, most: int) -> str:
    """Return a text without its middle if it is longer than `most`."""
    half = max(most - 3, 2) // 2
    return text if len(text) <= most else f"{text[:half]} … {text[-half:]}"


def printable(char: str) -> str:
    """Return a character if it can be printed; a plain space for any other space, and ? for what is neither."""
    if char.isprintable():
        return char
    return " " if unicodedata.category(char) == "Zs" else "?"
