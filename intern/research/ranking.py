"""Which papers matter: relevance × citations × recency, one formula."""

import math
import re
from collections.abc import Iterable
from datetime import date

from intern.research.evidence import Paper

HALF_LIFE = 4.0  # years in which a paper's weight halves: methods of post-training change that fast
INFLUENCE = 10  # a citation that leans on a paper counts as so many
LITTLE = {"a", "an", "and", "are", "as", "at", "by", "for", "from", "in", "is", "of", "on", "or", "the", "to", "with"}


def terms(text: str) -> frozenset[str]:
    """Return the words of a text that mean something, plurals as singulars."""
    words = re.findall(r"[a-z0-9][a-z0-9-]*[a-z0-9]", text.lower())
    return frozenset(word.removesuffix("s") for word in words if word not in LITTLE)


def score(paper: Paper, query: frozenset[str], year: int | None = None) -> float:
    """Return relevance × citations × recency.

    relevance  share of the query's words in the title, counted twice, and in the abstract: 0 to 1
    citations  1 + log10(1 + citations + 10 × influential ones); 1 if they are unknown
    recency    0.5 ** (age in years / 4); an unknown year counts as two half-lives

    Args:
        paper: the paper.
        query: the words that are looked for, as `terms` returns them.
        year: the present one; None: today's.
    """
    in_title, in_abstract = (len(query & terms(text)) for text in (paper.title, paper.abstract))
    relevance = (2 * in_title + in_abstract) / (3 * len(query)) if query else 0.0
    citations = 1 + math.log10(1 + (paper.citations or 0) + INFLUENCE * (paper.influential or 0))
    age = max((year or date.today().year) - paper.year, 0) if paper.year else 2 * HALF_LIFE
    return float(relevance * citations * 0.5 ** (age / HALF_LIFE))


def merged(papers: Iterable[Paper]) -> list[Paper]:
    """Return each paper once, with what any of its records knows."""
    known: dict[str, Paper] = {}
    for paper in papers:
        other = known.get(paper.id, paper)
        known[paper.id] = Paper(
            paper.id,
            other.title,
            other.year or paper.year,
            max(other.abstract, paper.abstract, key=len),
            most(other.citations, paper.citations),
            most(other.influential, paper.influential),
        )
    return list(known.values())


def most(one: int | None, other: int | None) -> int | None:
    """Return the greater of two counts that may be unknown."""
    return max((count for count in (one, other) if count is not None), default=None)
