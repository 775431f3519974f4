"""Who cites whom: Semantic Scholar, which knows what a citation weighs, and OpenAlex where that fails."""

from dataclasses import dataclass
from typing import Any

from intern.research.door import Door, NoAnswer
from intern.research.evidence import Edge, Paper, arxiv_id
from intern.research.papers import ABSTRACT, TITLE
from intern.research.plain import one_line
from intern.shape import entries, mapping, whole

MOST = 50  # citations of each direction
FIELDS = "title,year,abstract,citationCount,influentialCitationCount,externalIds"
SELECT = "id,doi,title,publication_year,cited_by_count,referenced_works"


@dataclass(frozen=True)
class Graph:
    """The neighbours of one paper."""

    paper: Paper | None
    """The paper itself, with its citations counted; None if it is not known there."""
    papers: tuple[Paper, ...] = ()
    """Those that it cites, and that cite it."""
    edges: tuple[Edge, ...] = ()
    """Which is which."""


def graph(door: Door, number: str, follow: bool) -> Graph:
    """Return a paper with its citations counted, and both ways its neighbours if they are to be followed.

    Raises:
        NoAnswer: if neither service can be asked, with both reasons.
    """
    try:
        return by_semanticscholar(door, number, follow)
    except NoAnswer as first:
        try:
            return by_openalex(door, number, follow)
        except NoAnswer as second:
            raise NoAnswer(f"{first}; {second}") from None


def by_semanticscholar(door: Door, number: str, follow: bool) -> Graph:
    """Return what Semantic Scholar knows of a paper.

    Raises:
        NoAnswer: if it cannot be asked.
    """
    place = f"/graph/v1/paper/arXiv:{number}"
    own = scholar_paper(mapping(door.json("semanticscholar", place, fields=FIELDS)))
    papers: list[Paper] = []
    edges: list[Edge] = []
    for way, end in (("references", "citedPaper"), ("citations", "citingPaper")) if follow and own else ():
        answer = door.json("semanticscholar", f"{place}/{way}", fields=f"isInfluential,{FIELDS}", limit=MOST)
        for entry in entries(mapping(answer).get("data"))[:MOST]:
            other, heavy = scholar_paper(mapping(entry.get(end))), entry.get("isInfluential") is True
            if other and other.id != number:
                papers.append(other)
                edges.append(
                    Edge(number, other.id, heavy) if way == "references" else Edge(other.id, number, heavy)
                )
    return Graph(own, tuple(papers), tuple(edges))


def scholar_paper(entry: dict[str, Any]) -> Paper | None:
    """Return a paper of Semantic Scholar's answer; None if it is not on arXiv."""
    number = arxiv_id(mapping(entry.get("externalIds")).get("ArXiv", ""))
    title = one_line(entry.get("title") or "", TITLE)
    if not number or not title:
        return None
    return Paper(
        number,
        title,
        whole(entry.get("year")) or 0,
        one_line(entry.get("abstract") or "", ABSTRACT),
        whole(entry.get("citationCount")),
        whole(entry.get("influentialCitationCount")),
    )


def by_openalex(door: Door, number: str, follow: bool) -> Graph:
    """Return what OpenAlex knows of a paper; it does not tell what a citation weighs.

    Raises:
        NoAnswer: if it cannot be asked.
    """
    work = mapping(door.json("openalex", f"/works/doi:10.48550/arXiv.{number}", select=SELECT))
    own, name = openalex_paper(work), str(work.get("id", "")).rpartition("/")[2]
    if own is None or not follow or not name[1:].isdigit():
        return Graph(own)
    listed = work.get("referenced_works")
    names = [str(each).rpartition("/")[2] for each in listed] if isinstance(listed, list) else []
    names = [each for each in names if each[:1] == "W" and each[1:].isdigit()][:MOST]
    cited = works(door, f"openalex:{'|'.join(names)}") if names else []
    citing = works(door, f"cites:{name}")
    edges = [Edge(number, other.id) for other in cited] + [Edge(other.id, number) for other in citing]
    return Graph(own, (*cited, *citing), tuple(edges))


def works(door: Door, which: str) -> list[Paper]:
    """Return the papers on arXiv of a filter of OpenAlex, the most cited first.

    Raises:
        NoAnswer: if it cannot be asked.
    """
    query = {"filter": which, "per-page": MOST, "sort": "cited_by_count:desc", "select": SELECT}
    answer = mapping(door.json("openalex", "/works", **query))
    papers = [openalex_paper(entry) for entry in entries(answer.get("results"))[:MOST]]
    return [paper for paper in papers if paper]


def openalex_paper(entry: dict[str, Any]) -> Paper | None:
    """Return a paper of OpenAlex' answer; None if it is not on arXiv."""
    number, title = arxiv_id(entry.get("doi") or ""), one_line(entry.get("title") or "", TITLE)
    if not number or not title:
        return None
    return Paper(number, title, whole(entry.get("publication_year")) or 0, "", whole(entry.get("cited_by_count")))
