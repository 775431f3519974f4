"""What a proposer asks a language model: each question once, its answer in the ledger before anything is made of it.

A kill after that costs no second call, and what a study was told can be told again to another one.
"""

from collections.abc import Iterator

from intern import proposers
from intern.config.gate import Scope
from intern.config.schema import Config
from intern.llm import Answer, Question
from intern.records import Left
from intern.search.view import View
from intern.study import evidence
from intern.study.events import Noted
from intern.study.ledger import Ledger
from intern.study.reader import Reader


def view(scope: Scope, reader: Reader, left: Left, asker: "Asker") -> View:
    """Return what the proposer of a study sees."""
    config = scope.config
    parameters = config.model.parameters
    return View(
        scope.recipes,
        reader.history,
        left,
        config.proposer,
        scope.pins,
        config.seed,
        config.diagnose,
        ask=asker,
        failures=reader.ledger.failures,
        goal=config.goal,
        evidence=evidence.of(reader.folder),
        size=parameters and parameters / 1e9,
    )


class Asker:
    """Asks for one study."""

    def __init__(self, ledger: Ledger, config: Config) -> None:
        self.ledger, self.dollars = ledger, config.budget.dollars
        self.settings, self.source = config.proposer, proposers.source(config.proposer.name)
        self.untold: list[str] = []

    def __call__(self, question: Question) -> Answer:
        """Return the answer to a question: the one that the ledger has, or what the proposer's model says."""
        digest = question.digest
        known = (answer for answer in reversed(self.ledger.answers) if answer.question == digest and not answer.error)
        if answer := next(known, None):
            return answer
        if self.source is None:
            return Answer(digest, error="this proposer has nobody to ask")
        if self.dollars is not None and self.spent() >= self.dollars:
            self.untold = ["the dollars of the budget are used: the study goes on without the language model"]
            return Answer(digest, error="the dollars of the budget are used")
        answer = self.source(self.settings, question, len(self.ledger.answers))
        self.ledger.answer(answer)
        if answer.error:
            self.untold.append(f"no answer of the language model ({answer.error}); the heuristic goes on")
        return answer

    def spent(self) -> float:
        """Return the dollars that the study has cost."""
        return self.ledger.dollars

    def notes(self) -> Iterator[Noted]:
        """Yield what a person should know of the last answers, once."""
        while self.untold:
            yield Noted(self.untold.pop(0))
