"""A language model of Anthropic's chooses kinds, the optimiser drives. It needs a key, ANTHROPIC_API_KEY; without one
the study goes on with the heuristic, and says so.

    ANTHROPIC_API_KEY=… python -m intern goal=sci_reasoning model=qwen3-1.7b proposer=claude budget.dollars=10
"""

from typing import Any

from intern import llm
from intern.llm import Answer, Question
from intern.proposers._language import Settings, propose

__all__ = ["Settings", "ask", "propose"]


def ask(settings: Any, question: Question, _asked: int) -> Answer:
    """Return the model's answer."""
    return llm.ask(settings, question)
