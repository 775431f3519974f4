"""Loopback servers that speak the protocols of the services that research asks, each on a port of its own: the Hub and
its viewer, arXiv's Atom and pages, ar5iv, Semantic Scholar, OpenAlex; and one that must never be asked."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

SERVICES = ("hub", "viewer", "arxiv", "html", "ar5iv", "semanticscholar", "openalex", "outside")
COMMIT = "0123456789abcdef0123456789abcdef01234567"
GRPO = "2402.03300"
SFT = "2308.01825"
OLD = "2110.14168"


@dataclass
class Paper:
    """A paper, as the servers know it."""

    id: str
    title: str
    year: int
    abstract: str
    page: str | None = None
    citations: int = 0
    influential: int = 0
    references: tuple[str, ...] = ()


@dataclass
class World:
    """What the servers have, what they were asked, and how they misbehave."""

    papers: dict[str, Paper]
    data_sets: dict[str, dict[str, Any]]
    asked: list[tuple[str, str, dict[str, str]]] = field(default_factory=list)
    """(service, path with query, headers) of each call."""
    ar5iv_pages: dict[str, str] = field(default_factory=dict)
    mutate: Callable[[Any], Any] | None = None
    """Changes each answer that is JSON before it is sent."""
    urls: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[Any]] = field(default_factory=dict)
    """Service → answers before the real ones: a status, (status, headers), "slow", "broken", "deep", "huge", "cut"."""

    def calls(self, *services: str) -> list[str]:
        """The paths that some services, or all, were asked for."""
        return [path for service, path, _ in self.asked if not services or service in services]


def page(body: str, title: str = "A paper") -> str:
    """A page as arXiv's LaTeXML makes them."""
    return f"<!DOCTYPE html><html><head><title>{title}</title></head><body><article>{body}</article></body></html>"


GRPO_PAGE = page(
    "<h1>DeepSeekMath</h1><h2>1 Introduction</h2><p>Language models are large.</p>"
    "<h2>4.2 Training details of reinforcement learning</h2><p>We train GRPO on DeepSeekMath-Instruct 7B. The policy"
    " model has a learning rate of <math alttext='1\\times 10^{-6}'><mn>1</mn></math> and the KL coefficient is 0.04."
    " We sample 64 outputs for each question on GSM8K.</p>"
    "<h2>5 Results</h2><p>GRPO improves accuracy on GSM8K from 82.9% to 88.2%.</p>"
)
SFT_PAGE = page(
    "<h1>Scaling</h1><h2>A Hyperparameters</h2><p>Supervised fine-tuning of 1.7B models:</p><table><tr><th>Setting</th>"
    "<th>Value</th></tr><tr><td>Learning rate</td><td>2e-5</td></tr><tr><td>Epochs</td><td>3</td></tr><tr>"
    "<td>Warmup ratio</td><td>0.03</td></tr></table>"
)


def world() -> World:
    """Three papers that cite each other, and three data sets."""
    return World(
        papers={
            GRPO: Paper(
                GRPO, "GRPO for math word problems in small language models", 2024, "Reinforcement learning for math"
                " reasoning with verifiable rewards.", GRPO_PAGE, 900, 120, (OLD,)
            ),
            SFT: Paper(
                SFT, "Scaling math reasoning with language models", 2023, "Supervised fine-tuning on math word"
                " problems.", SFT_PAGE, 300, 40, (OLD,)
            ),
            OLD: Paper(OLD, "Verifiers for math word problems", 2021, "A data set of word problems.", None, 4000, 500),
        },
        data_sets={
            "openai/gsm8k": {"features": ["question", "answer"], "rows": [{"question": "q", "answer": "a"}]},
            "owner/math-qa": {
                "features": ["problem", "solution", "answer"],
                "rows": [{"problem": "1 + 1?", "solution": "It is 2.", "answer": "2"}],
            },
            "owner/choices": {
                "features": ["question", "choices", "answerKey"],
                "rows": [{"question": "Who?", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "B"}],
                "gated": "manual",
            },
        },
    )


class Handler(BaseHTTPRequestHandler):
    """One service; the class is made anew for each."""

    service: str
    world: World

    def do_GET(self) -> None:
        """Note the call, misbehave if that is due, else answer."""
        self.world.asked.append((self.service, self.path, {k.lower(): v for k, v in self.headers.items()}))
        due = self.world.faults.get(self.service, [])
        if due and self.misbehaves(due.pop(0)):
            return
        parts = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(parts.query).items()}
        answer = getattr(self, self.service)(unquote(parts.path), query)
        if self.world.mutate and not isinstance(answer, str):
            answer = self.world.mutate(answer)
        if answer is None:
            self.send(404, b"{}")
        else:
            self.send(200, (answer if isinstance(answer, str) else json.dumps(answer)).encode("utf-8", "replace"))

    def misbehaves(self, how: Any) -> bool:
        """Give a wrong answer; whether that was all."""
        if isinstance(how, int):
            self.send(how, b"no")
        elif isinstance(how, tuple):
            self.send(how[0], b"", how[1])
        elif how == "slow":
            time.sleep(1.5)
        elif how == "broken":
            self.send(200, b'{"data": [')
        elif how == "deep":
            self.send(200, b"[" * 200_000)
        elif how == "huge":
            self.send(200, b"x" * 3_000_000)
        elif how == "cut":
            self.send_response(200)
            self.send_header("content-length", "1000")
            self.end_headers()
            self.wfile.write(b"{")
            self.close_connection = True
        return how != "slow"

    def send(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        """Send a body."""
        self.send_response(status)
        for key, value in (headers or {}).items():
            self.send_header(key, value)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""

    def outside(self, path: str, query: dict[str, str]) -> Any:
        """Answer anything: nobody may ask."""
        return {"secret": "wanted"}

    def hub(self, path: str, query: dict[str, str]) -> Any:
        """Answer as the Hub's paper API and its search do."""
        papers = self.world.papers.values()
        if path == "/api/papers/search":
            return [
                {"paper": {"id": p.id, "title": p.title, "summary": p.abstract, "upvotes": 7,
                           "publishedAt": f"{p.year}-02-05T00:00:00.000Z"}, "title": p.title}
                for p in papers if p.id != OLD
            ]  # fmt: skip
        if path in ("/api/datasets", "/api/models"):
            linked = "filter" in query and path == "/api/datasets" and query["filter"] == f"arxiv:{GRPO}"
            names = ["owner/math-qa"] if linked else [] if "filter" in query else list(self.world.data_sets)
            return [{"id": name} for name in names]
        name = path.removeprefix("/api/datasets/")
        if name in self.world.data_sets:
            known = self.world.data_sets[name]
            card = known.get("card", {"license": "mit"})
            return {"id": name, "sha": COMMIT, "gated": known.get("gated", False), "cardData": card}
        return None

    def viewer(self, path: str, query: dict[str, str]) -> Any:
        """Answer as the viewer does."""
        name = query.get("dataset", "")
        known = self.world.data_sets.get(name)
        if known is None:
            return None
        if path == "/size":
            split = {"dataset": name, "config": "default", "split": "train", "num_rows": 1000}
            return {"size": {"dataset": {"num_bytes_original_files": 2_500_000}, "splits": [split]}}
        if path == "/statistics":
            return {"num_examples": 1000, "statistics": [
                {"column_name": each, "column_type": "string_text", "column_statistics": {"mean": 42.5}}
                for each in known["features"]]}  # fmt: skip
        names = [{"feature_idx": i, "name": n, "type": {"dtype": "string"}} for i, n in enumerate(known["features"])]
        return {"features": names, "rows": [{"row_idx": i, "row": row} for i, row in enumerate(known["rows"])]}

    def arxiv(self, path: str, query: dict[str, str]) -> Any:
        """Answer as arXiv's API does: Atom."""
        entries = "".join(
            f"<entry><id>http://arxiv.org/abs/{p.id}v2</id><published>{p.year}-01-02T00:00:00Z</published>"
            f"<title>{escape(legal(p.title))}</title><summary>{escape(legal(p.abstract))}</summary></entry>"
            for p in self.world.papers.values()
        )
        return f'<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'

    def html(self, path: str, query: dict[str, str]) -> Any:
        """Answer with a paper's page."""
        known = self.world.papers.get(path.removeprefix("/html/"))
        return known.page if known else None

    def ar5iv(self, path: str, query: dict[str, str]) -> Any:
        """Answer with a page that is here alone."""
        return self.world.ar5iv_pages.get(path.removeprefix("/html/"))

    def semanticscholar(self, path: str, query: dict[str, str]) -> Any:
        """Answer as the graph API does."""
        number, _, way = path.removeprefix("/graph/v1/paper/arXiv:").partition("/")
        if number not in self.world.papers:
            return None
        if not way:
            return scholar(self.world.papers[number])
        others = self.world.papers[number].references
        if way == "citations":
            others = tuple(p.id for p in self.world.papers.values() if number in p.references)
        end = "citedPaper" if way == "references" else "citingPaper"
        data = [{"isInfluential": True, end: scholar(self.world.papers[o])} for o in others]
        return {"offset": 0, "data": [*data, {"isInfluential": False, end: {"title": "A book", "externalIds": None}}]}

    def openalex(self, path: str, query: dict[str, str]) -> Any:
        """Answer as OpenAlex does."""
        known = list(self.world.papers.values())

        def work(p: Paper) -> dict[str, Any]:
            numbers = [f"https://openalex.org/W{known.index(self.world.papers[r]) + 1}" for r in p.references]
            return {"id": f"https://openalex.org/W{known.index(p) + 1}", "doi": f"https://doi.org/10.48550/arxiv.{p.id}",
                    "title": p.title, "publication_year": p.year, "cited_by_count": p.citations,
                    "referenced_works": numbers}  # fmt: skip

        if path == "/works":
            kind, _, value = query["filter"].partition(":")
            if kind == "openalex":
                return {"results": [work(known[int(name[1:]) - 1]) for name in value.split("|")]}
            cited = known[int(value[1:]) - 1].id
            return {"results": [work(p) for p in known if cited in p.references]}
        number = path.removeprefix("/works/doi:10.48550/arXiv.")
        return work(self.world.papers[number]) if number in self.world.papers else None


def legal(text: str) -> str:
    """A text without what XML cannot hold."""
    return "".join(char for char in text if char in "\t\n\r" or " " <= char < "\ud800" or "\ue000" <= char <= "\ufffd")


def scholar(paper: Paper) -> dict[str, Any]:
    """A paper as Semantic Scholar has it."""
    return {"paperId": "0" * 40, "title": paper.title, "year": paper.year, "abstract": paper.abstract,
            "citationCount": paper.citations, "influentialCitationCount": paper.influential,
            "externalIds": {"ArXiv": paper.id, "CorpusId": 1}}  # fmt: skip


@contextmanager
def serving(served: World) -> Iterator[World]:
    """Run a server for each service, and note their addresses."""
    servers = []
    for service in SERVICES:
        kind = type(service, (Handler,), {"service": service, "world": served})
        server = ThreadingHTTPServer(("127.0.0.1", 0), kind)
        server.daemon_threads = True
        Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        served.urls[service] = f"http://127.0.0.1:{server.server_port}"
        servers.append(server)
    yield served
    for server in servers:
        server.shutdown()
        server.server_close()
