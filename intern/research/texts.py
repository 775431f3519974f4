"""A paper's text by its headings: its page on arXiv, else on ar5iv, else its PDF if pypdf is installed."""

import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import util
from pathlib import Path
from typing import Any

from intern.research.door import Door, NoAnswer
from intern.research.plain import one_line

LONGEST = 400_000  # characters of a paper that are read
PARAGRAPH = 5000
MATTERS = re.compile(
    r"method|approach|train|experiment|setup|set-up|implementation|detail|hyper|param|result|evaluat|ablation|abstract"
    r"|recipe|data|optimi|fine-?tun|reinforce|appendix",
    re.IGNORECASE,
)
PDF_SECONDS = 60.0  # 15 pages take 2
LINES = """
import io, resource, sys
sys.path.append(sys.argv[1])
resource.setrlimit(resource.RLIMIT_AS, (2 * 2**30, 2 * 2**30))
import pypdf
pages = pypdf.PdfReader(io.BytesIO(sys.stdin.buffer.read())).pages[:60]
sys.stdout.buffer.write("\\n".join(page.extract_text() for page in pages).encode("utf-8", "replace"))
"""
HEADINGS = ("h1", "h2", "h3", "h4", "h5", "h6")
SKIPPED = ("script", "style", "nav", "header", "footer", "noscript", "template", "button", "svg", "iframe", "object")


@dataclass(frozen=True)
class Passage:
    """A paragraph, or a row of a table."""

    heading: str
    """The heading above it."""
    text: str
    """What it says, on one line; cells of a row are parted by |."""


def text_of(door: Door, number: str) -> list[Passage]:
    """Return the passages of a paper that speak of method and results; all if no heading says so; [] if its text
    cannot be had.

    Raises:
        NoAnswer: if none has it, and one of those that may have it did not answer.
    """
    forms = [("html", "html", page), ("ar5iv", "html", page)]
    forms += [("html", "pdf", pdf)] if util.find_spec("pypdf") else []
    faults = []
    for service, form, read in forms:
        try:
            if passages := door.get(service, f"/{form}/{number}", {}, read):
                return chosen(passages)
        except NoAnswer as fault:
            faults.append(fault)
    if faults:
        raise faults[0]
    return []


def chosen(passages: list[Passage]) -> list[Passage]:
    """Return the passages under headings that matter; all if there are none."""
    return [passage for passage in passages if MATTERS.search(passage.heading)] or passages


def page(body: bytes) -> list[Passage]:
    """Return the passages of a page; formulas as their TeX.

    Raises:
        ValueError: if it is no page.
    """
    from lxml import etree, html

    try:
        tree = html.document_fromstring(body, parser=html.HTMLParser(encoding="utf-8", no_network=True))
    except etree.LxmlError as fault:
        raise ValueError(str(fault)) from None
    for element in list(tree.iter()):
        if not isinstance(element.tag, str) or element.tag in SKIPPED:
            element.drop_tree() if element.getparent() is not None else None
        elif element.tag == "math":
            formula = html.Element("span")
            formula.text, formula.tail = element.get("alttext") or element.text_content(), element.tail
            if element.getparent() is not None:
                element.getparent().replace(element, formula)
    passages = list(limited(passages_of(tree)))
    if not passages:
        raise ValueError("a page without text")
    return passages


def passages_of(tree: Any) -> Iterator[Passage]:
    """Yield the passages of a parsed page, in order."""
    heading = ""
    for element in tree.iter(*HEADINGS, "p", "li", "tr", "title"):
        if element.tag in HEADINGS:
            heading = one_line(element.text_content(), 120)
        elif element.tag == "tr":
            cells = [one_line(cell.text_content(), 200) for cell in element if cell.tag in ("td", "th")]
            yield Passage(heading, " | ".join(cell for cell in cells if cell))
        elif element.tag == "p" or (element.tag == "li" and element.find(".//p") is None):
            yield Passage(heading, one_line(element.text_content(), PARAGRAPH))


def limited(passages: Iterator[Passage]) -> Iterator[Passage]:
    """Yield passages that say something, until a paper has gone on long enough."""
    left = LONGEST
    for passage in passages:
        left -= len(passage.text)
        if left < 0:
            return
        if passage.text:
            yield passage


def pdf(body: bytes) -> list[Passage]:
    """Return the lines of a PDF in paragraphs, under what looks like headings. A process of its own reads it, without
    our environment and with little memory: a stranger's file may hold anything.

    Raises:
        ValueError: if it cannot be read.
    """
    spec = util.find_spec("pypdf")
    command = [sys.executable, "-I", "-c", LINES, str(Path(spec.origin).parents[1]) if spec and spec.origin else ""]
    try:
        ended = subprocess.run(command, input=body, capture_output=True, timeout=PDF_SECONDS, env={})
    except subprocess.TimeoutExpired:
        raise ValueError("a PDF that takes too long") from None
    if ended.returncode:
        raise ValueError("no PDF that can be read")
    return list(limited(paragraphs(ended.stdout.decode("utf-8", "replace"))))


def paragraphs(text: str) -> Iterator[Passage]:
    """Yield the paragraphs of plain text; a short line such as `4.1 Training details` is a heading."""
    heading, lines = "", list[str]()
    for line in [*text.splitlines(), ""]:
        named = re.fullmatch(r"\s*(?:[A-Z0-9](?:\.\d+)*\.?\s+)?([A-Z][A-Za-z -]{3,60})\s*", line)
        numbered = re.match(r"\s*[A-Z0-9](?:\.\d+)*\.?\s+[A-Z]", line)
        if line.strip() and not (named and (numbered or named[1] in ("Abstract", "Introduction", "Conclusion"))):
            lines.append(line)
            if len(lines) < 30 and not line.rstrip().endswith("."):
                continue
        if lines:
            yield Passage(heading, one_line(" ".join(lines), PARAGRAPH))
            lines = []
        if named and numbered:
            heading = one_line(named[1], 120)
