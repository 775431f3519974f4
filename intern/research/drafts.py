"""Data sets of the Hub as draft entries of `data.mix`: what the viewer says of them, and how their columns might map.

A draft is a proposal to a person: its names are legal, its revision is pinned, and the data stage vets it like any
other. Nothing of a card's text gets into it.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import yaml

from intern.config.schema import Goal
from intern.data import hub_sets, sources
from intern.data.decontamination import deny
from intern.errors import UserError
from intern.research.door import Door, NoAnswer
from intern.research.plain import one_line
from intern.shape import entries, mapping, real, whole

NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,99}", re.ASCII)  # of a configuration, a split or a column
COMMIT = re.compile(r"[0-9a-f]{40}", re.ASCII)
QUESTIONS = ("question", "problem", "prompt", "instruction", "query", "input")  # the likeliest first
ANSWERS = ("answer", "final_answer", "correct_answer", "expected_answer", "answerKey", "label", "output", "response")
TARGETS = ("solution", "generated_solution", "rationale", "reasoning")
CHOICES = ("choices", "options")
ROWS = 3  # first rows that are shown


@dataclass(frozen=True)
class Draft:
    """A data set of the Hub, as far as it is known."""

    hub: str
    """Its name, owner/name."""
    revision: str | None
    """Its newest commit; None: the Hub did not say."""
    config: str | None = None
    """The configuration that was looked at; None: unknown."""
    split: str = "train"
    """The split that was looked at."""
    rows: int | None = None
    """Rows of that split."""
    megabytes: float | None = None
    """Size of all its original files."""
    licence: str = ""
    """Its licence, as its card says."""
    gated: bool = False
    """Whether its terms have to be accepted first."""
    columns: tuple[str, ...] = ()
    """Its columns."""
    lengths: tuple[tuple[str, float], ...] = ()
    """(column, mean length in characters) of columns of text."""
    first: tuple[tuple[tuple[str, str], ...], ...] = ()
    """Its first rows as (column, value), shortened."""
    entry: tuple[tuple[str, Any], ...] = ()
    """The proposed entry of `data.mix`; empty if none can be proposed."""
    fault: str = ""
    """Why it cannot be used, or what is unknown."""

    def text(self) -> str:
        """Return the draft as YAML for a person: the entry, and what is known of it as comments."""
        size = "" if self.rows is None else f", {self.rows:,} rows"
        size += "" if self.megabytes is None else f", {self.megabytes:,.1f} MB"
        lines = [f"{self.hub}: licence {self.licence or 'unknown'}{', gated' if self.gated else ''}{size}"]
        lines += [f"columns: {', '.join(self.columns)}"] if self.columns else []
        lines += [f"mean characters: {', '.join(f'{k} {v:.0f}' for k, v in self.lengths)}"] if self.lengths else []
        lines += [one_line(", ".join(f"{k}: {v}" for k, v in row), 160) for row in self.first[:1]]
        lines += [self.fault] if self.fault else []
        shown = yaml.safe_dump([thawed(self.entry)], sort_keys=False, width=120) if self.entry else ""
        return "".join(f"# {line}\n" for line in lines) + shown


def thawed(entry: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return an entry as YAML has it."""
    return {key: dict(value) if isinstance(value, tuple | list) else value for key, value in entry}


def search(door: Door, query: str, most: int) -> list[str]:
    """Return the names of data sets that the Hub finds, the most used first.

    Raises:
        NoAnswer: if the Hub cannot be asked.
    """
    answer = door.json("hub", "/api/datasets", search=query, sort="downloads", limit=most)
    names = [str(entry.get("id", "")) for entry in entries(answer)[:most]]
    return [name for name in names if hub_sets.fault(name) is None and len(name) <= 100]


def draft(door: Door, name: str, goal: Goal) -> Draft:
    """Return what is known of a data set; one that the goal denies or is measured on is not looked into.

    Raises:
        NoAnswer: if the Hub cannot be asked.
    """
    if name.casefold() == (goal.hub or "").casefold() or deny.fault(goal, name, "train"):
        return Draft(name, None, fault=f"never trained on for goal {goal.name}: its items are measured on")
    info = mapping(door.json("hub", f"/api/datasets/{name}"))
    commit = str(info.get("sha", ""))
    licence = mapping(info.get("cardData")).get("license")
    known = Draft(
        name,
        commit if COMMIT.fullmatch(commit) else None,
        licence=one_line(licence if isinstance(licence, str) else "", 60),
        gated=info.get("gated") not in (False, None),
    )
    try:
        return viewed(door, known)
    except NoAnswer as fault:
        return replace(known, fault=str(fault))


def viewed(door: Door, known: Draft) -> Draft:
    """Return a draft with what the viewer says: size, columns, first rows, lengths, and an entry.

    Raises:
        NoAnswer: if it cannot be asked.
    """
    size = mapping(mapping(door.json("viewer", "/size", dataset=known.hub)).get("size"))
    splits = [each for each in entries(size.get("splits")) if legal(each.get("config")) and legal(each.get("split"))]
    part = next((each for each in splits if each["split"] == "train"), splits[0] if splits else None)
    if part is None:
        return replace(known, fault="no rows are shown")
    which = {"dataset": known.hub, "config": part["config"], "split": part["split"]}
    shown = mapping(door.json("viewer", "/first-rows", **which))
    features = {
        str(each["name"]): each.get("type") for each in entries(shown.get("features")) if legal(each.get("name"))
    }
    rows = [mapping(each.get("row")) for each in entries(shown.get("rows"))[:ROWS]]
    entry, fault = proposed(known, which, features, rows)
    size_bytes = whole(mapping(size.get("dataset")).get("num_bytes_original_files"))
    return replace(
        known,
        config=which["config"],
        split=which["split"],
        rows=whole(part.get("num_rows")),
        megabytes=None if size_bytes is None else size_bytes / 1e6,
        columns=tuple(features),
        lengths=lengths(mapping(door.json("viewer", "/statistics", **which)), features),
        first=tuple(tuple((name, one_line(row.get(name), 80)) for name in features) for row in rows),
        entry=entry,
        fault=fault,
    )


def legal(name: object) -> bool:
    """Return whether a foreign name may stand in a recipe."""
    return isinstance(name, str) and bool(NAME.fullmatch(name))


def lengths(statistics: Mapping[str, Any], features: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    """Return (column, mean characters) of the columns of text that the viewer has measured."""
    measured = []
    for each in entries(statistics.get("statistics")):
        mean, name = real(mapping(each.get("column_statistics")).get("mean")), str(each.get("column_name"))
        if name in features and each.get("column_type") == "string_text" and mean is not None:
            measured.append((name, mean))
    return tuple(measured)


def proposed(
    known: Draft, which: Mapping[str, str], features: Mapping[str, Any], rows: list[dict[str, Any]]
) -> tuple[tuple[tuple[str, Any], ...], str]:
    """Return (an entry of `data.mix`, why there is none)."""
    columns, form = mapped(features, rows)
    if not columns:
        return (), "no column looks like a question with an answer: map its columns by hand"
    if known.revision is None:
        return (), "the Hub names no commit to pin"
    entry = [("hub", known.hub), ("name", which["config"]), ("split", which["split"]), ("revision", known.revision)]
    full = (*entry, *((("format", form),) if form != "qa" else ()), ("columns", tuple(columns.items())))
    try:
        sources.read(thawed(full))
    except UserError as fault:
        return (), one_line(fault)
    return full, "gated: accept its terms on the Hub and log in" if known.gated else ""


def mapped(features: Mapping[str, Any], rows: list[dict[str, Any]]) -> tuple[dict[str, str], str]:
    """Return (our column → theirs, format), by their names and first rows; ({}, "qa") if nothing fits."""
    question, answer = likely(features, QUESTIONS), likely(features, ANSWERS)
    choices, target = likely(features, CHOICES), likely(features, TARGETS)
    if question and answer and choices and rows:
        if isinstance(rows[0].get(choices), list):
            return {"question": question, "choices": choices, "answer": answer}, "mcq"
        if {"text", "label"} <= mapping(rows[0].get(choices)).keys():
            theirs = {"choices": f"{choices}.text", "labels": f"{choices}.label"}
            return {"question": question, **theirs, "answer": answer}, "mcq"
    if question and (answer or target):
        own = {"answer": answer or target or ""} | ({"target": target} if target and answer else {})
        return {"question": question, **own}, "qa"
    return {}, "qa"


def likely(features: Mapping[str, Any], names: Iterable[str]) -> str | None:
    """Return the first of some names that a data set has as a column, whatever its case."""
    by_case = {name.casefold(): name for name in features}
    return next((by_case[name.casefold()] for name in names if name.casefold() in by_case), None)
