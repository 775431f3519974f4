"""One JSON array of objects, as `json.dump` writes a list. The text is in memory once, its rows one at a time.

    python -m intern goal=local goal.data_dir=SVAMP.json goal.columns.answer=Answer \\
        'goal.columns.question={template: "{{ Body }} {{ Question }}"}'
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path

from intern.data.record import Record, flaw, halved, named, opened, too_long
from intern.errors import UserError, quote

SUFFIXES = (".json",)
LARGEST = 2_000_000_000  # bytes; larger ones are better written as lines
SPACE = re.compile(r"[ \t\r\n]*")


def read(path: Path) -> Iterator[Record]:
    """Yield the objects of an array; what follows a text that cannot be read is not read.

    Raises:
        UserError: if the file is no array, or too large.
    """
    if path.stat().st_size > LARGEST:
        raise UserError(f"{path} is an array of more than {LARGEST:,} bytes. Write it as JSON lines, an object a line.")
    with opened(path) as file:
        text = file.read()
    decoder, at, number = json.JSONDecoder(), after(text, 0), 1
    if text[at : at + 1] != "[":
        begins = f"{path} begins with {quote(text[at : at + 40])}"
        raise UserError(f"{begins}, and JSON lines or one array of objects are needed: [{{…}}, {{…}}].")
    at = after(text, at + 1)
    while text[at : at + 1] != "]":
        begun = at
        try:
            value, at = decoder.raw_decode(text, at)
            fault = flaw(text[begun:at]) or too_long(at - begun) or halved(text[begun:at], value)
        except (ValueError, RecursionError) as error:
            yield Record(place(text, number, begun), {}, str(error).partition(": line")[0][:80])
            return
        if not isinstance(value, dict):
            fault = f"{named(value)}, and an object is needed"
        yield Record(place(text, number, begun) if fault else f"row {number}", {} if fault else value, fault or "")
        number, at = number + 1, after(text, at)
        if text[at : at + 1] == ",":
            at = after(text, at + 1)
        elif text[at : at + 1] != "]":
            yield Record(place(text, number, at), {}, "a comma or the array's end is missing")
            return


def after(text: str, at: int) -> int:
    """Return where the next character stands that is no space."""
    space = SPACE.match(text, at)
    return space.end() if space else at


def place(text: str, number: int, at: int) -> str:
    """Return where a row stands."""
    return f"row {number} (line {text.count(chr(10), 0, at) + 1})"


def holds(path: Path) -> bool:
    """Return whether a file that is called JSON begins as an array, and its first line is not one alone of many."""
    if path.suffix.lower() not in (".json", ".jsonl"):
        return False
    with opened(path) as file:
        line = file.readline(10**6)
        while line and not line.strip():
            line = file.readline(10**6)
        if not line.lstrip().startswith("["):
            return False
        try:
            json.loads(line)
        except (ValueError, RecursionError):
            return True
        return not any(more.strip() for more in iter(lambda: file.readline(10**6), ""))
