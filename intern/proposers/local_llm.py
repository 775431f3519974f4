"""A language model of one's own chooses kinds, the optimiser drives: any server that speaks Anthropic's Messages API,
such as vLLM, Ollama or llama.cpp. No key is sent to it.

    python -m intern goal=mixed proposer=local_llm proposer.base_url=http://127.0.0.1:8000 proposer.model=NAME
"""

from dataclasses import dataclass
from typing import Any

from intern import llm
from intern.llm import Answer, Question
from intern.proposers import _language
from intern.proposers._language import propose

__all__ = ["Settings", "ask", "propose"]
NONE = "none"  # in place of a key


@dataclass
class Settings(_language.Settings):
    """Fields under `proposer`."""

    model: llm.Name = "default"
    """The name under which the server has it."""
    dollars_in: llm.Price = 0.0
    """Price of a million tokens of the question."""
    dollars_out: llm.Price = 0.0
    """Price of a million tokens of the answer."""


def ask(settings: Any, question: Question, _asked: int) -> Answer:
    """Return the model's answer."""
    if not settings.base_url:
        return Answer(question.digest, error="proposer=local_llm needs its server: proposer.base_url=http://HOST:PORT")
    return llm.ask(settings, question, key=NONE)
