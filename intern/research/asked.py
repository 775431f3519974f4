"""A language model that reads papers, if there is a key: each question once, within the dollars of a pass.

What it says counts only as far as the paper bears it out (`claims.checked`).
"""

import os
from pathlib import Path
from typing import Any

from intern import llm
from intern.llm import Question
from intern.llm.many import Kept, Purse

MODEL = llm.Settings(effort="low", max_tokens=6000, timeout_seconds=120.0, retries=2)
FILE = "answers.jsonl"


class Asker:
    """Asks for one pass."""

    def __init__(self, folder: Path, dollars: float) -> None:
        """Keep answers in a folder, and spend so many dollars at most."""
        self.kept, self.purse = Kept(folder / FILE, ""), Purse(dollars)
        self.down, self.faults = False, dict[str, None]()

    def __call__(self, question: Question) -> Any:
        """Return the value of an answer, a kept one if there is one; None if there is none."""
        answer = self.kept.answers.get(question.digest)
        if answer is not None:
            return answer.value
        if self.down:
            return None
        most = llm.most(MODEL, question)
        if not self.purse.take(most):
            return self.fails("the dollars for it are used (research.dollars)", True)
        answer = llm.ask(MODEL, question)
        self.purse.pay(most, answer.dollars)
        if answer.value is None:
            return self.fails(answer.error, not answer.tokens_out)
        self.kept.add(question.digest, answer)
        return answer.value

    def fails(self, why: str, down: bool) -> None:
        """Note why rules read a paper, or with a service that is down all further ones of this pass."""
        self.down = down
        self.faults[f"language model: {why}; rules read the {'papers' if down else 'paper'}"] = None


def asker(folder: Path, dollars: float) -> Asker | None:
    """Return what asks the language model; None without a key, or without dollars for it."""
    return Asker(folder, dollars) if dollars and os.environ.get(llm.KEY) else None
