"""What became of the rows that a teacher was asked for, in numbers and as a data card."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from intern.data.cleaning import CARD as CARD
from intern.text import one_line

FILE = "synthesis.json"
NO_ANSWER, FEWER, MALFORMED, MARKERS, SAME, NEAR = "no answer", "fewer", "malformed", "markers", "same", "near"
CONTAMINATED, UNREAD, WRONG, RUBRIC, UNCHECKED = "contaminated", "unread", "wrong", "rubric", "unchecked"
WHY = {  # in the order in which rows are sifted
    NO_ANSWER: "the teacher gave no answer that can be read",
    FEWER: "the teacher wrote fewer than it was asked for",
    MALFORMED: "not of the form that was asked for",
    MARKERS: "a chat template's markers stand in it",
    SAME: "the question is one that there was",
    NEAR: "the question is nearly one that there was",
    CONTAMINATED: "the question is an item of dev or test, or shares words with one",
    UNREAD: "the goal's scorer does not find its answer in its target",
    WRONG: "too few of the teacher's other answers agree; of a given question, are right",
    RUBRIC: "the teacher finds a criterion of the rubric unmet",
    UNCHECKED: "not checked: the dollars were used",
}


@dataclass(frozen=True)
class Synthesis:
    """What was planned, made, lost and paid."""

    teacher: str
    """The model that was asked."""
    answered_as: tuple[str, ...]
    """The names by which whoever answered called itself."""
    local: bool
    """Whether it ran on this machine."""
    batch: bool
    """Whether it was asked in batches."""
    wanted: int
    """Rows wanted."""
    asked: int
    """Rows asked for, in all rounds."""
    made: int
    """Rows that it wrote."""
    kept: int
    """Rows that are left."""
    lost: dict[str, int]
    """Reason, a key of WHY → rows; with the kept ones as many as were asked for."""
    failures: dict[str, int]
    """Why requests for rows had no answer → requests."""
    cells: int
    """Combinations of topic, skill, difficulty and style that were to have rows."""
    covered: int
    """Those of them that have some."""
    axes: dict[str, tuple[str, ...]]
    """The topics, skills, difficulties and styles."""
    near_duplicates: float
    """Share of the well-formed rows whose question repeated another one, nearly or wholly."""
    requests: int
    """Requests that were answered, those for answers and judgements included."""
    tokens_in: int
    """Tokens of the requests."""
    tokens_out: int
    """Tokens of the answers."""
    dollars: float
    """What the answers cost, by the prices of the settings."""
    per_kept: float | None
    """The same for each row that is kept; None without one."""
    cut: bool
    """Whether something was not asked for want of dollars."""
    agreement: float
    """Share of answers that had to agree, of `answers`."""
    answers: int
    """Answers to each question."""
    rubric: tuple[str, ...]
    """Criteria that each row had to meet."""

    def lines(self) -> list[str]:
        """Return what a log says."""
        where = "on this machine" if self.local else "behind a service"
        first = [
            f"{self.teacher} ({where}) wrote {self.made} of {self.asked} rows asked for; {self.kept} are kept",
            f"{self.covered} of {self.cells} cells covered, {self.near_duplicates:.1%} near-duplicates",
        ]
        lost = [f"{rows} lost: {WHY[why]}" for why, rows in self.lost.items()]
        failed = [f"{count} requests without an answer: {why}" for why, count in self.failures.items()]
        each = "" if self.per_kept is None else f", {self.per_kept:.4f} for each kept row"
        paid = [f"{self.dollars:.2f} dollars for {self.requests} requests{each}"]
        return [*first, *lost, *failed, *paid, *(["it ended early: the dollars were used"] if self.cut else [])]


def card(told: Synthesis) -> str:
    """Return the data card, in Markdown; texts of a teacher's are quoted as code."""
    checked = f"{told.answers} further answers to each question, of which {told.agreement:.0%} had to agree"
    lines = [
        "# Synthetic rows",
        "",
        f"{told.kept} rows written by {code(told.teacher)}, "
        + ("a model that ran on this machine." if told.local else "a model behind a service.")
        + (f" It called itself {', '.join(map(code, told.answered_as))}." if told.answered_as else ""),
        "",
        f"- checked by: {checked if told.answers else 'no further answers'}",
        f"- rubric: {'; '.join(map(code, told.rubric)) or 'none'}",
        f"- cells (topic × skill × difficulty × style): {told.cells} planned, {told.covered} with rows",
        f"- near-duplicates among what it wrote: {told.near_duplicates:.1%}, left out",
        f"- cost: {told.dollars:.2f} dollars"
        + ("" if told.per_kept is None else f", {told.per_kept:.4f} for each kept row"),
        *(["- it ended early: the dollars were used"] if told.cut else []),
        "",
        "Held against every dev and test item of the goal: see cleaning in the project's documentation.",
        "",
        "| what became of the rows asked for | rows |",
        "|---|---|",
        *(f"| lost: {WHY[why]} | {rows} |" for why, rows in told.lost.items()),
        f"| kept | {told.kept} |",
        f"| asked for | {told.asked} |",
        "",
        *(f"- {name}: {', '.join(map(code, values))}" for name, values in told.axes.items()),
        "",
    ]
    return "\n".join(lines)


def code(text: str) -> str:
    """Return foreign text as a code span that it cannot close."""
    return f"`{one_line(text, 200).replace('`', chr(39))}`"


def counted(lost: Mapping[str, int]) -> dict[str, int]:
    """Return the reasons for which rows were lost, in their order."""
    return {why: lost[why] for why in WHY if lost.get(why)}


def tokens(answers: Sequence[Any]) -> tuple[int, int]:
    """Return the tokens of the questions and of the answers."""
    return sum(a.tokens_in + a.tokens_cached for a in answers), sum(a.tokens_out for a in answers)
