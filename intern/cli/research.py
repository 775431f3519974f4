"""What others have measured for a goal: papers with what they suggest, and data sets as draft entries of a recipe.

    python -m intern research goal=gsm8k
    python -m intern research data goal=sci_reasoning research.data_sets=3
"""

import json
from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from intern.cli.parameters import AsJson, Folders, Keys
from intern.errors import UserError
from intern.text import say

if TYPE_CHECKING:
    from intern.config.schema import Goal
    from intern.research.evidence import Evidence
    from intern.research.gather import Survey
    from intern.research.settings import Settings

USAGE = "[data] goal=GOAL [research.KEY=VALUE ...] [--json]"
DATA = "data"  # a first word: data sets alone
SHOWN = 10  # papers that are printed


def command(
    words: Keys,
    config_dir: Folders = None,
    as_json: AsJson = False,
) -> int:
    """Look for papers and data sets that bear on a goal, and print what they suggest.

    With `data` first, data sets alone: draft entries for a recipe's data.mix, for a person to judge. Answers are kept
    on disk; without a network the cache and what comes with the package are used. research.query="…" looks for
    something else; every other key is in docs/research.md.

    \b
    python -m intern research goal=gsm8k
    python -m intern research data goal=sci_reasoning
    """
    from intern.research import known
    from intern.research.asked import asker
    from intern.research.door import Door
    from intern.research.gather import Pass, gather

    only = words[:1] == [DATA]
    goal, settings = asked(words[1:] if only else words, config_dir or ())
    door = Door(settings)
    if only:
        work = Pass(goal, door)
        drafts = work.drafted([])
        text = [draft.text() for draft in drafts] + [f"# {fault}" for fault in work.faults]
        plain: Any = {"data": [asdict(draft) for draft in drafts], "faults": list(work.faults)}
    else:
        survey = gather(goal, door, asker(door.folder, settings.dollars))
        known.keep(goal, survey)
        text, plain = list(lines(survey)), public(survey)
    say(json.dumps(plain, indent=1) if as_json else "\n".join(text))
    return 0


def asked(words: list[str], folders: Any) -> "tuple[Goal, Settings]":
    """Return the goal and the settings that words name.

    Raises:
        UserError: with every fault of the words.
    """
    from intern.cli.compose import checked, compose
    from intern.cli.words import once, shown
    from intern.config import choices
    from intern.research.settings import Settings

    once(words)
    sections = {word: word.lstrip("+").partition("=")[0].partition(".")[0] for word in words}
    if other := [word for word, section in sections.items() if section not in ("goal", "research")]:
        raise UserError(f'research takes goal=… and research.KEY=…, not "{shown(other[0])}". Leave it out.')
    if not any(word.lstrip("+").startswith("goal=") for word in words):
        raise UserError(f"research needs a goal: goal=GOAL, one of {', '.join(choices.options('goal'))}.")
    choices.search(folders)
    tree = compose(words, choices.registered())
    config = checked({"goal": tree["goal"], "research": tree["research"]})
    return config.goal, Settings(**config.research)


def lines(survey: "Survey") -> Iterator[str]:
    """Yield the lines of a survey."""
    yield f"Looked for: {'; '.join(survey.queries)}"
    yield f"{len(survey.papers)} papers, {len(survey.edges)} citations between them; the best:"
    for paper in survey.papers[:SHOWN]:
        cited = "" if paper.citations is None else f", cited {paper.citations:,} times"
        yield f"  {paper.score:5.2f}  arXiv:{paper.id}  {paper.title} ({paper.year or 'year unknown'}{cited})"
    yield f"{len(survey.evidence)} claims:"
    for claim in survey.evidence:
        yield from told(claim)
    if survey.data:
        yield "Data sets, as entries for a recipe's data.mix; judge licence and contents first:"
        yield from (draft.text().rstrip() for draft in survey.data)
    yield from (f"not had: {fault}" for fault in survey.faults)
    cost = f", ${survey.dollars:.2f} for a language model" if survey.dollars else ""
    yield f"{survey.calls} calls, {survey.kept} answers from the cache, {survey.seconds:.1f} s{cost}"


def told(claim: "Evidence") -> Iterator[str]:
    """Yield the lines of one claim: what it says, its source, and its words."""
    values = f" [{', '.join(claim.hyperparameters.short())}]" if claim.hyperparameters and claim.quote else ""
    yield f"  {claim.claim}{values if claim.origin == 'model' else ''}"
    where = f", under “{claim.place}”" if claim.place else ""
    yield f"      {claim.source} ({claim.year or '?'}), {claim.origin}{where}"
    if claim.quote:
        yield f"      “{claim.quote}”"


def public(survey: "Survey") -> dict[str, Any]:
    """Return a survey as JSON has it."""
    from pydantic import TypeAdapter

    from intern.research.gather import Survey

    plain: dict[str, Any] = TypeAdapter(Survey).dump_python(survey, mode="json")
    return plain
