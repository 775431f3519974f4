"""Evidence that comes with the package: real papers, a claim each in our own words, for the goals that come with it.

    suits: [gsm8k]            # goals, or kinds of goal, as in a recipe
    queries: [word problems]  # what `intern research` looks for; every word must be in the paper
    data: [math]              # words in the names of data sets that it looks for
    papers: [{id: "2110.14168", title: …, year: 2021, cites: […], claims: [{claim: …, technique: …}]}]
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from intern.config import strict_yaml
from intern.config.schema import Goal
from intern.overrides import Overrides
from intern.research.evidence import SOURCE, Edge, Evidence, Paper

FOLDER = Path(__file__).with_name("bundled")


@cache
def shelves() -> tuple[dict[str, Any], ...]:
    """Return what the files hold."""
    trees: list[Any] = [strict_yaml.read(file) for file in sorted(FOLDER.glob("*.yaml"))]
    return tuple(trees)


def suiting(goal: Goal) -> list[dict[str, Any]]:
    """Return the files that suit a goal, by its name or its kinds."""
    return [shelf for shelf in shelves() if {goal.name, *goal.kinds} & set(shelf["suits"])]


def evidence(goal: Goal) -> tuple[Evidence, ...]:
    """Return what bundled papers say that bears on a goal, each claim once."""
    entries = [entry for shelf in suiting(goal) for entry in shelf["papers"]]
    return tuple(dict.fromkeys(claim for entry in entries for claim in claims(entry)))


def claims(entry: dict[str, Any]) -> Iterator[Evidence]:
    """Yield the claims of one paper."""
    for told in entry["claims"]:
        yield Evidence(
            SOURCE + entry["id"],
            entry["title"],
            entry["year"],
            told["claim"],
            technique=told.get("technique", ""),
            setting=told.get("setting", ""),
            size=told.get("size"),
            data_set=told.get("data_set", ""),
            hyperparameters=Overrides(told.get("hyperparameters", {})),
            gain=told.get("gain"),
            bears_on=tuple(told.get("bears_on", ())),
            origin="bundled",
        )


def papers(goal: Goal) -> tuple[list[Paper], list[Edge]]:
    """Return the bundled papers that suit a goal, and who of them cites whom."""
    listed = {entry["id"]: entry for shelf in suiting(goal) for entry in shelf["papers"]}
    edges = [Edge(number, cited) for number, entry in listed.items() for cited in entry.get("cites", ())]
    return [Paper(number, entry["title"], entry["year"]) for number, entry in listed.items()], edges


def data_words(goal: Goal) -> list[str]:
    """Return what to look for in the names of data sets."""
    said = [word for shelf in suiting(goal) for word in shelf["data"]]
    return list(dict.fromkeys(said)) or [goal.name, *(kind for kind in goal.kinds if kind != goal.name)]


def queries(goal: Goal) -> list[str]:
    """Return what to look for: what the files say, or the goal's own words if none suits it."""
    said = [query for shelf in suiting(goal) for query in shelf["queries"]]
    own = " ".join([goal.name.replace("_", " "), *(kind for kind in goal.kinds if kind != "local")])
    return list(dict.fromkeys(said)) or [f"{own} small language models"]
