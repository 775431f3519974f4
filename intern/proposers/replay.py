"""The answers that a language model gave to an earlier study, given again in their order: the same study without a key.

    python -m intern goal=mixed model=tiny proposer=replay proposer.study=outputs/NAME
"""

from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from intern import files, records
from intern.config.ranges import Text
from intern.llm import Answer, Question
from intern.proposers import _language
from intern.proposers._language import propose

__all__ = ["Settings", "ask", "propose"]


@dataclass
class Settings(_language.Settings):
    """Fields under `proposer`."""

    study: Text | None = None
    """Folder of the study whose answers are given."""


def ask(settings: Any, question: Question, asked: int) -> Answer:
    """Return the answer that stands at this place of the other study's ledger; it costs nothing now."""
    if not settings.study:
        return Answer(question.digest, error="proposer=replay needs a study: proposer.study=outputs/NAME")
    rows = [row for row in files.rows(Path(settings.study) / "ledger.jsonl") if row.get("event") == "answer"]
    if asked >= len(rows):
        return Answer(question.digest, error=f"{settings.study} has {len(rows)} answers, and this is another question")
    given = records.load(Answer, {f.name: rows[asked][f.name] for f in fields(Answer) if f.name in rows[asked]})
    return replace(given, question=question.digest, dollars=0.0)
