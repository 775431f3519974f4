"""Canaries: what the model under training writes, judged while it trains, so that a broken format, endless
output or babble is seen before the stage ends."""

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from intern.data.items import Row
from intern.rewards import Outcome

HELD, SHARE = 64, 0.05  # rows held back: at most so many, and at most this share
TAIL = 200  # characters: a model that has begun to loop loops at the end
COMPRESSED = 2.4  # text that zlib shrinks further repeats itself (Whisper's threshold, arXiv:2212.04356)


def parted(rows: Sequence[Row]) -> tuple[list[Row], list[Row]]:
    """(rows that a stage holds back and never trains on, rows to train on): the first ones, with all other rows of
    the same items left out; nothing is held back where nothing would be left."""
    held = list(rows[: min(HELD, int(SHARE * len(rows)))])
    keys = {row["key"] for row in held}
    rest = [row for row in rows if row["key"] not in keys]
    return (held, rest) if rest else ([], list(rows))


def marks(texts: Sequence[str], rows: Sequence[Mapping[str, Any]], outcome: Outcome) -> str:
    """A character for each text: 1 where it is wholly right, 0 where it is not."""
    return "".join("01"[outcome(text, row) == 1.0] for text, row in zip(texts, rows, strict=True))


def rates(texts: Sequence[str], rows: Sequence[Mapping[str, Any]], outcome: Outcome | None) -> dict[str, float]:
    """Shares in [0, 1] over the texts: repetition (text that loops) and, with a scorer, parse_rate (it found an
    answer)."""
    found = {"repetition": sum(map(loops, texts)) / len(texts)}
    if outcome is not None:
        parsed = sum(outcome(text, row) is not None for text, row in zip(texts, rows, strict=True))
        found["parse_rate"] = parsed / len(texts)
    return found


def loops(text: str) -> bool:
    """Whether the end of a text repeats itself."""
    tail = text[-TAIL:].encode()
    return len(tail) > COMPRESSED * len(zlib.compress(tail))
