"""Text that somebody else wrote, made harmless: the one way in which it reaches a terminal, a ledger, a card or a page.

Refused overrides, hypotheses, summaries, keys, names of files, columns and models, reasons, samples and errors of
plug-ins may hold any character. Printed as it is an escape moves the cursor, a line end forges a line of the ledger, a
bidi override turns what follows around, and a lone surrogate cannot be written at all.
"""

import sys
import unicodedata

LONGEST = 4000  # characters of one line; the longest honest one, of a trial that failed, has some hundreds
PAGE = 200_000  # characters of a text of many lines; a recipe has 3,000


def line(text: object, most: int = LONGEST) -> str:
    """Return text as one line of printable characters, its middle left out if it is longer than `most`."""
    whole = short(str(text), most)
    return whole if whole.isprintable() else "".join(map(printable, whole))


def block(text: object) -> str:
    """Return text of many lines with every line printable; only the line ends are its own."""
    whole = short(str(text), PAGE)
    return "\n".join(line(part, PAGE) for part in whole.expandtabs().replace("\r\n", "\n").split("\n"))


def say(text: object = "", error: bool = False) -> None:
    """Print text of many lines to standard output, or as an error."""
    print(block(text), file=sys.stderr if error else sys.stdout, flush=error)


def short(text: str, most: int) -> str:
    """Return a text without its middle if it is longer than `most`."""
    half = max(most - 3, 2) // 2
    return text if len(text) <= most else f"{text[:half]} … {text[-half:]}"


def printable(char: str) -> str:
    """Return a character if it can be printed; a plain space for any other space, and ? for what is neither."""
    if char.isprintable():
        return char
    return " " if unicodedata.category(char) == "Zs" else "?"
