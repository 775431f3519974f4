"""What a person sets under `research`, and the hosts that may be asked.

    python -m intern research goal=gsm8k research.papers=12 "research.query=small models, word problems"
"""

import os
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import Field

from intern.config.ranges import ADDRESSED, Count, Natural, Positive, Section

Dollars = Annotated[float, Field(ge=0, le=1e6)]
Address = Annotated[str, Field(pattern=ADDRESSED)]


def base(name: str, address: str, other: str = "") -> Any:
    """Declare the address of a service; INTERN_RESEARCH_NAME changes it, and so may another variable."""

    def stated() -> str:
        return os.environ.get(f"INTERN_RESEARCH_{name.upper()}") or os.environ.get(other) or address

    return field(default_factory=stated, metadata={"service": True})


@dataclass
class Settings(Section):
    """Fields under `research`."""

    hub: Address = base("hub", "https://huggingface.co", "HF_ENDPOINT")
    """The Hub: papers, data sets, models."""
    viewer: Address = base("viewer", "https://datasets-server.huggingface.co")
    """The Hub's data set viewer."""
    arxiv: Address = base("arxiv", "https://export.arxiv.org")
    """arXiv's search."""
    html: Address = base("html", "https://arxiv.org")
    """arXiv's pages and PDF files."""
    ar5iv: Address = base("ar5iv", "https://ar5iv.labs.arxiv.org")
    """Older papers as pages."""
    semanticscholar: Address = base("semanticscholar", "https://api.semanticscholar.org")
    """Who cites whom."""
    openalex: Address = base("openalex", "https://api.openalex.org")
    """Who cites whom, where that fails."""
    query: str = ""
    """What to search for, several separated by commas; empty: what the goal is about."""
    papers: Count = 8
    """Papers whose text is read, the best first."""
    seeds: Natural = 3
    """Of those, papers whose citations are followed both ways."""
    data_sets: Natural = 5
    """Data sets of the Hub that are looked into."""
    days: Positive = 14.0
    """Age at which a cached answer is asked for again."""
    dollars: Dollars = 2.0
    """What a language model may cost that reads the papers, if there is a key for one; 0: patterns read them."""
    minutes: Positive = 10.0
    """Longest pass: what is missing then stays missing."""
    pace: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Factor on the pauses between calls; below 1 it counts for servers on this machine alone."""
    offline: bool = field(default_factory=lambda: os.environ.get("HF_HUB_OFFLINE", "") not in ("", "0"))
    """Use the cache alone, whatever its age."""
