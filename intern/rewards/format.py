"""The share of a form's parts that a completion has: each once, all in order. It teaches a form, not an answer.

The parts are texts, by default `<think>`, `</think>`, `ANSWER:`; something has to follow each of them that
does not close, as `</think>` does.

How it is hacked, and what is done about it. A part repeated, in another order or with nothing in it earns nothing: the
parts that count are those before the first fault. Form is cheap, so that a weight beside the goal's decides what is
learnt: a tenth or a fifth of it, for a model that has the form gets no more from it, and one that is paid mostly for
form writes form alone. Parts in quotation count: what is between them is not looked at.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

Part = Annotated[str, Field(min_length=1, max_length=200)]


@dataclass
class Settings:
    """The form."""

    parts: Annotated[list[Part], Field(min_length=1, max_length=20)] = field(
        default_factory=lambda: ["<think>", "</think>", "ANSWER:"]
    )
    """Texts that a completion has to have, in this order, each once."""
    whole: bool = False
    """Whether half a form earns nothing."""


def outcome(text: str, row: Mapping[str, Any], settings: Settings) -> float | None:
    """Return the share of the parts up to the first that is missing, repeated, out of order or empty."""
    right = end = 0
    opened = False  # something has to follow
    for part in settings.parts:
        start = text.find(part)
        if text.count(part) != 1 or start < end or (opened and not text[end:start].strip()):
            break
        right, end, opened = right + 1, start + len(part), not part.startswith("</")
    if right == len(settings.parts) and opened and not text[end:].strip():
        right -= 1
    share = right / len(settings.parts)
    return float(share == 1.0) if settings.whole else share
