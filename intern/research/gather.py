"""One pass of research for a goal: search, citations, ranking, texts, evidence, data sets. What fails is noted, and the
rest goes on.

    survey = gather(goal, Door(Settings()))
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from intern.config.schema import Goal
from intern.research import bundled, citations, claims, drafts, papers, ranking, texts
from intern.research.asked import Asker
from intern.research.citations import Graph
from intern.research.claims import Ask
from intern.research.door import Door, NoAnswer
from intern.research.drafts import Draft
from intern.research.evidence import Edge, Evidence, Paper
from intern.research.settings import Settings
from intern.research.texts import Passage

SEARCHED = 25  # papers of one search
LISTED = 40  # papers that a survey keeps
T = TypeVar("T")


@dataclass(frozen=True)
class Survey:
    """What one pass has brought."""

    goal: str
    """The goal's name."""
    queries: tuple[str, ...]
    """What was looked for."""
    papers: tuple[Paper, ...]
    """Papers, the best first."""
    edges: tuple[Edge, ...]
    """Who cites whom."""
    evidence: tuple[Evidence, ...]
    """What they suggest, bundled claims last."""
    data: tuple[Draft, ...]
    """Data sets that could be trained on."""
    faults: tuple[str, ...]
    """What could not be had, and why."""
    calls: int
    """Calls over the network."""
    kept: int
    """Answers that were on disk already."""
    seconds: float
    """Wall time."""
    dollars: float = 0.0
    """What a language model cost that read the papers."""


class Pass:
    """What a pass has gathered so far; each step may fail by itself."""

    def __init__(self, goal: Goal, door: Door) -> None:
        self.goal, self.door = goal, door
        self.settings: Settings = door.settings
        said = [query.strip() for query in self.settings.query.split(",") if query.strip()]
        self.queries = said or bundled.queries(goal)
        self.words = frozenset().union(*(ranking.terms(query) for query in self.queries))
        self.faults: dict[str, None] = {}

    def tried(self, otherwise: T, step: Callable[..., T], *given: Any) -> T:
        """Return what a step brings; if no service answers, note why and return `otherwise`."""
        try:
            return step(*given)
        except NoAnswer as fault:
            self.faults[str(fault)] = None
            return otherwise

    def ranked(self, several: list[Paper]) -> list[Paper]:
        """Return papers once each, scored, the best first; those without a word of the query last."""
        scored = [replace(paper, score=ranking.score(paper, self.words)) for paper in ranking.merged(several)]
        return sorted(scored, key=lambda paper: (-paper.score, paper.id))

    def searched(self) -> list[Paper]:
        """Return what the searches bring."""
        several: list[Paper] = []
        for query in self.queries:
            for search in (papers.on_hub, papers.on_arxiv):
                several += self.tried([], search, self.door, query, SEARCHED)
        return several

    def followed(self, several: list[Paper]) -> tuple[list[Paper], list[Edge]]:
        """Return the best papers with their citations counted, and with them the neighbours of the very best."""
        known, edges = list(several), list[Edge]()
        for place, paper in enumerate(several[: self.settings.papers]):
            follow = place < self.settings.seeds
            graph = self.tried(Graph(None), citations.graph, self.door, paper.id, follow)
            known += [graph.paper] if graph.paper else []
            known += graph.papers
            edges += graph.edges
        return known, edges

    def read(self, paper: Paper, ask: Ask | None) -> list[Evidence]:
        """Return the evidence of one paper: of its text, or of its abstract if that cannot be had."""
        text: list[Passage] = self.tried([], texts.text_of, self.door, paper.id)
        text = text or ([Passage("Abstract", paper.abstract)] if paper.abstract else [])
        return claims.extract(paper, text, ask) if text else []

    def linked(self, paper: Paper) -> Paper:
        """Return a paper with the data sets and models that name it."""
        sets: tuple[str, ...] = self.tried((), papers.linked, self.door, "datasets", paper.id)
        models: tuple[str, ...] = self.tried((), papers.linked, self.door, "models", paper.id)
        return replace(paper, data_sets=sets, models=models)

    def drafted(self, best: list[Paper]) -> list[Draft]:
        """Return drafts of data sets: those that the best papers link, then what a search for the goal finds."""
        names = [name for paper in best for name in paper.data_sets]
        for word in self.queries if self.settings.query else bundled.data_words(self.goal):
            if len(names) < self.settings.data_sets:
                names += self.tried([], drafts.search, self.door, word, self.settings.data_sets)
        wanted = list(dict.fromkeys(names))[: self.settings.data_sets]
        unknown = [Draft(name, None, fault="cannot be looked into now") for name in wanted]
        return [self.tried(other, drafts.draft, self.door, other.hub, self.goal) for other in unknown]


def gather(goal: Goal, door: Door, ask: Asker | None = None) -> Survey:
    """Return what papers and the Hub have for a goal. It raises nothing for want of a network: bundled evidence stays.

    Args:
        goal: what is to be improved.
        door: the way out, with its settings.
        ask: a language model that reads the papers; None: patterns.
    """
    began, work = time.monotonic(), Pass(goal, door)
    own, own_edges = bundled.papers(goal)
    several, edges = work.followed(work.ranked(work.searched()))
    ranked = work.ranked([*several, *own])[:LISTED]
    best = [work.linked(paper) for paper in ranked[: door.settings.papers] if paper.score]
    read = [claim for paper in best for claim in work.read(paper, ask)]
    data = work.drafted(best)
    work.faults |= ask.faults if ask else {}
    return Survey(
        goal.name,
        tuple(work.queries),
        (*best, *ranked[len(best) :]),
        tuple(dict.fromkeys([*edges, *own_edges])),
        tuple(dict.fromkeys([*read, *bundled.evidence(goal)])),
        tuple(data),
        tuple(work.faults),
        door.calls,
        door.kept,
        time.monotonic() - began,
        round(ask.purse.spent, 4) if ask else 0.0,
    )
