"""Papers by search: the Hub's paper API and arXiv's Atom."""

from typing import Any

from intern.data import hub_sets
from intern.research.door import Door
from intern.research.evidence import Paper, arxiv_id
from intern.research.plain import one_line
from intern.shape import entries, mapping

ATOM = {"a": "http://www.w3.org/2005/Atom"}
ABSTRACT = 3000  # characters
TITLE = 300


def on_hub(door: Door, query: str, most: int) -> list[Paper]:
    """Return papers that the Hub finds for a query.

    Raises:
        NoAnswer: if it cannot be asked.
    """
    answer = door.json("hub", "/api/papers/search", q=query)
    papers = [hub_paper(mapping(entry.get("paper")) or entry) for entry in entries(answer)[:most]]
    return [paper for paper in papers if paper]


def hub_paper(entry: dict[str, Any]) -> Paper | None:
    """Return a paper of the Hub's answer; None if it has no arXiv id or no title."""
    number, title = arxiv_id(entry.get("id", "")), one_line(entry.get("title") or "", TITLE)
    if not number or not title:
        return None
    return Paper(number, title, year(entry.get("publishedAt")), one_line(entry.get("summary") or "", ABSTRACT))


def on_arxiv(door: Door, query: str, most: int) -> list[Paper]:
    """Return papers that arXiv finds for a query, all of whose words it asks for.

    Raises:
        NoAnswer: if it cannot be asked.
    """
    asked = " AND ".join(f"all:{word}" for word in query.split())
    papers = door.get("arxiv", "/api/query", {"search_query": asked, "start": 0, "max_results": most}, atom)
    return (papers or [])[:most]


def atom(body: bytes) -> list[Paper]:
    """Return the papers of an Atom feed.

    Raises:
        ValueError: if it is none.
    """
    from lxml import etree

    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        feed = etree.fromstring(body, parser)
    except etree.XMLSyntaxError as fault:
        raise ValueError(str(fault)) from None
    if feed.tag != f"{{{ATOM['a']}}}feed":
        raise ValueError("no Atom feed")
    papers = []
    for entry in feed.findall("a:entry", ATOM):
        number = arxiv_id(entry.findtext("a:id", "", ATOM))
        title, abstract = (one_line(entry.findtext(f"a:{tag}", "", ATOM), ABSTRACT) for tag in ("title", "summary"))
        if number and title:
            papers.append(Paper(number, title[:TITLE], year(entry.findtext("a:published", "", ATOM)), abstract))
    return papers


def linked(door: Door, kind: str, number: str, most: int = 5) -> tuple[str, ...]:
    """Return repositories of the Hub whose cards name a paper, the most used first.

    Args:
        kind: "datasets" or "models".
        number: the paper's arXiv id.
        most: how many.

    Raises:
        NoAnswer: if the Hub cannot be asked.
    """
    answer = door.json("hub", f"/api/{kind}", filter=f"arxiv:{number}", sort="downloads", limit=most)
    names = [str(entry.get("id", "")) for entry in entries(answer)[:most]]
    return tuple(name for name in names if hub_sets.fault(name) is None and len(name) <= 100)


def year(date: object) -> int:
    """Return the year of a date such as 2024-02-05T00:00:00Z; 0 if it is none."""
    begins = str(date or "")[:4]
    return int(begins) if begins.isascii() and begins.isdigit() and 1990 <= int(begins) <= 2100 else 0
