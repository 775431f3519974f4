"""The records of research: papers, citations, and what a paper suggests that can be tried."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from intern.overrides import Overrides

ARXIV = re.compile(r"\d{4}\.\d{4,5}|[a-z-]+/\d{7}", re.ASCII)  # an arXiv id, new or old
SOURCE = "arXiv:"  # before the id, as in a recipe's `sources`
Origin = Literal["bundled", "rules", "model"]


@dataclass(frozen=True)
class Paper:
    """A paper on arXiv."""

    id: str
    """Its arXiv id, without version."""
    title: str
    """Its title."""
    year: int
    """Year of its first version; 0: unknown."""
    abstract: str = ""
    """Its abstract; empty for one that is known by a citation alone."""
    citations: int | None = None
    """Papers that cite it; None: unknown."""
    influential: int | None = None
    """Those that lean on it, by Semantic Scholar; None: unknown."""
    score: float = 0.0
    """Relevance × citations × recency, by `ranking.score`."""
    data_sets: tuple[str, ...] = ()
    """Data sets of the Hub whose cards name it."""
    models: tuple[str, ...] = ()
    """Models of the Hub whose cards name it."""


@dataclass(frozen=True)
class Edge:
    """One paper cites another."""

    citing: str
    """arXiv id of the one that cites."""
    cited: str
    """arXiv id of the one that is cited."""
    influential: bool | None = None
    """Whether it leans on it, by Semantic Scholar; None: unknown."""


@dataclass(frozen=True)
class Evidence:
    """One claim of a paper that bears on something that can be tried."""

    source: str
    """Where it comes from: arXiv:ID."""
    title: str
    """The paper's title."""
    year: int
    """The paper's year; 0: unknown."""
    claim: str
    """What it says, in a sentence."""
    technique: str = ""
    """The stage that it is about, if one is named."""
    setting: str = ""
    """On what it was measured."""
    size: float | None = None
    """Parameters of the model, in billions."""
    data_set: str = ""
    """Data set that it was trained or measured on."""
    hyperparameters: Overrides = Overrides()
    """Contract key → value, such as sft.learning_rate; the field alone if no stage is named."""
    gain: float | None = None
    """Reported gain in points; negative for a loss."""
    quote: str = ""
    """Words of the paper that say so; empty for a bundled claim, which is in our own."""
    place: str = ""
    """The heading under which they stand."""
    bears_on: tuple[str, ...] = ()
    """Recipes, or keys of contracts."""
    origin: Origin = "rules"
    """bundled: read by a person; rules: taken by patterns; model: taken by a language model, and checked."""

    @property
    def keys(self) -> frozenset[str]:
        """Contract keys and recipes that it bears on."""
        return frozenset((*self.bears_on, *self.hyperparameters))


def sources(evidence: Iterable[Evidence]) -> list[str]:
    """Return the sources that evidence comes from, each once."""
    return list(dict.fromkeys(each.source for each in evidence))


def arxiv_id(text: object) -> str | None:
    """Return the arXiv id in an address or a name; None if there is none."""
    named = str(text).strip()
    for prefix in ("http://arxiv.org/abs/", "https://arxiv.org/abs/", "https://doi.org/10.48550/", "arXiv:", "arxiv."):
        if named.lower().startswith(prefix.lower()):
            named = named[len(prefix) :]
    named = re.sub(r"v\d{1,3}$", "", named)
    return named if ARXIV.fullmatch(named) else None
