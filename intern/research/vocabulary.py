"""What papers call things, and the numbers that they give: terms.yaml as patterns."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from intern.config import stages, strict_yaml

FILE = Path(__file__).with_name("terms.yaml")
TIMES = r" ?(?:×|✕|\\times|\\cdot|·|\*|x) ?"  # one space at most: texts are on one line, and no pattern may search long
EXPONENT = r"\{? ?([-−–]?) ?(\d{1,2}) ?\}?"
POWER = rf"10 ?\^? ?{EXPONENT}"
TEN = re.sub(r"\((?!\?)", "(?:", POWER)  # the same without groups
BARE = TEN.replace("^?", "^")  # 10^-4, which needs its ^ to be told from 104
NUMBER = rf"(?:{BARE}|\d[\d,]{{0,14}}(?:\.\d{{1,12}})?(?:[eE][-−–+]?\d{{1,2}}|{TIMES}{TEN})?)"
JOINING = (  # what may stand between a name and its number
    *("of", "to", "is", "was", "were", "are", "at", "as", "set", "use[sd]?", "with", "a", "an", "the"),
    *("we", "and", "be", "constant", "fixed", "initial", "peak", "both", "value", "equal", "default"),
    *("α", "η", "β", "ε", r"\\beta", r"\\alpha", r"\\eta", " ", r"[=:|(){}~≈,$\\]"),
)
JOINS = rf"(?:{'|'.join(JOINING)}){{0,16}}?"
SIZE = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,2})?)\s?([BM])\b(?!\w)")


@dataclass(frozen=True)
class Field:
    """A setting that papers report."""

    name: str
    """Its name in a stage's settings."""
    pattern: re.Pattern[str]
    """Its name and a number, in the group `before` or `after`."""
    low: float
    """The least that can be meant."""
    high: float
    """The most."""


@cache
def terms() -> dict[str, Any]:
    """Return the vocabulary."""
    tree: Any = strict_yaml.read(FILE)
    return dict(tree)


@cache
def named_fields() -> tuple[Field, ...]:
    """Return the settings that are looked for."""
    made = []
    for name, spec in terms()["fields"].items():
        forms = [rf"\b(?:{either(spec['names'])})\b{JOINS}(?P<before>{NUMBER})(?![\w%])"]
        if "after" in spec:
            forms.append(rf"(?<![\w.,])(?P<after>{NUMBER}) (?:{either(spec['after'])})\b")
        pattern = re.compile("|".join(forms), re.IGNORECASE)
        made.append(Field(name, pattern, float(spec["low"]), float(spec["high"])))
    return tuple(made)


@cache
def technique_patterns() -> dict[str, re.Pattern[str]]:
    """Return a pattern for each technique, under the name of its stage."""
    return {name: re.compile(rf"\b(?:{either(said)})\b", re.IGNORECASE) for name, said in terms()["techniques"].items()}


@cache
def data_set_patterns() -> dict[str, re.Pattern[str]]:
    """Return a pattern for each data set; case tells MATH from math."""
    return {name: re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])") for name in terms()["data_sets"]}


def either(names: list[str]) -> str:
    """Return a pattern for any of some names, the longest first."""
    return "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))


def technique(*texts: str) -> str:
    """Return the technique that the first of some texts names which names one alone; "" if none does."""
    for text in texts:
        named = [name for name, pattern in technique_patterns().items() if pattern.search(text)]
        if named:
            return named[0] if len(named) == 1 else ""
    return ""


def data_set(text: str) -> str:
    """Return the first data set that a text names; "" if none."""
    named = {name: hit.start() for name, pattern in data_set_patterns().items() if (hit := pattern.search(text))}
    return min(named, key=lambda name: named[name], default="")


def size(text: str) -> float | None:
    """Return the billions of parameters of the first model whose size a text names; None if none."""
    hit = SIZE.search(text)
    return None if hit is None else float(hit[1]) / (1 if hit[2] == "B" else 1000)


def settings(text: str) -> Iterator[tuple[str, float, int]]:
    """Yield (field, value, place) of each setting that a text gives a number for, and that can be meant."""
    for field in named_fields():
        for hit in field.pattern.finditer(text):
            given = number(hit["before"] or hit.groupdict().get("after") or "")
            if given is not None and field.low <= given <= field.high:
                yield field.name, given, hit.start()


def number(text: str) -> float | None:
    """Return the number that a text is: 2e-5, 1 × 10−6, 10^{-4}, 1,024; None if it is none."""
    plain = text.replace(",", "").replace("−", "-").replace("–", "-")
    if hit := re.fullmatch(rf"(?:(\d+(?:\.\d+)?){TIMES})?{POWER}", plain):
        if hit[1] is None and "^" not in plain:
            return float(plain)
        return float(f"{hit[1] or 1}e{'-' if hit[2] else ''}{hit[3]}")
    try:
        return float(plain)
    except ValueError:
        return None


def numbers(text: str) -> list[float]:
    """Return every number that stands in a text."""
    given = (number(hit[0].rstrip(",")) for hit in re.finditer(NUMBER, text))
    return [each for each in given if each is not None]


def key(stage: str, field: str) -> str:
    """Return the contract key of a field: under its stage if that has it; the field alone if no stage is named."""
    legal = stages.recipe_stages()
    if stage in legal and field in {f.name for f in fields(stages.stage(stage).settings)}:
        return f"{stage}.{field}"
    return field


def values(given: Mapping[str, float]) -> dict[str, float | int]:
    """Return values with whole numbers as such: 16, not 16.0."""
    return {name: int(value) if value >= 1 and float(value).is_integer() else value for name, value in given.items()}
