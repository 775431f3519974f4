"""A language model, asked one question at a time for a value of a given form. Whatever goes wrong is an answer too: no
key, no network, a refusal, half an answer. Nothing that a model says is acted on here.

Anthropic's Messages API, through its SDK (`pip install "intern[llm]"`); vLLM, Ollama and llama.cpp speak it too, under
`proposer.base_url`. Not run against the live service so far.
"""

import hashlib
import json
import logging
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import Annotated, Any, Literal

from pydantic import Field

from intern import text

KEY = "ANTHROPIC_API_KEY"
NO_KEY = "none"  # what a server of one's own is sent in place of a key
LONGEST = 100_000  # characters of an answer's value; an honest one has 2,000
READ, WRITTEN = 0.1, 1.25  # price of cached input beside plain input, for the cache of five minutes (Anthropic's list)
MILLION = 1e6
LOGGERS = ("anthropic", "httpx2", "httpcore2")  # below a warning they write addresses and headers, and so keys
Name = Annotated[str, Field(pattern=r"\S", max_length=200)]
Price = Annotated[float, Field(ge=0, le=1e6)]  # dollars for a million tokens


@dataclass
class Settings:
    """Fields under `proposer` of a proposer that asks a language model."""

    model: Name = "claude-opus-5-5"
    """The model's name at the service."""
    effort: Literal["low", "medium", "high"] | None = None
    """How much it may think; None: the service's default. Local servers mostly know none."""
    base_url: Annotated[str, Field(pattern=r"^https?://", max_length=500)] | None = None
    """Another service that speaks the same protocol; None: Anthropic's, or what ANTHROPIC_BASE_URL says."""
    max_tokens: Annotated[int, Field(ge=1, le=20_000)] = 8000
    """Longest answer, its thinking included."""
    timeout_seconds: Annotated[float, Field(gt=0, le=3600)] = 300.0
    """Longest wait for one answer."""
    retries: Annotated[int, Field(ge=0, le=10)] = 4
    """Further tries, each after a longer pause, if the service is overloaded or cannot be reached."""
    dollars_in: Price = 5.0
    """Price of a million tokens of the question; look it up: it is not asked for."""
    dollars_out: Price = 25.0
    """Price of a million tokens of the answer."""


@dataclass(frozen=True)
class Question:
    """What is asked."""

    rules: str
    """The part that stays the same over a study: it is cached at the service."""
    state: str
    """The part that changes."""
    schema: Mapping[str, Any] = field(default_factory=dict)
    """JSON schema of the value that is wanted."""

    @property
    def digest(self) -> str:
        """A hash of the question: the same one need not be asked twice."""
        whole = json.dumps([self.rules, self.state, self.schema], sort_keys=True)
        return hashlib.sha256(whole.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Answer:
    """What came of a question."""

    question: str
    """The question's digest."""
    value: dict[str, Any] | None = None
    """What the model says; None if there is no answer."""
    error: str = ""
    """Why there is none."""
    model: str = ""
    """The model, as the service names it."""
    tokens_in: int = 0
    """Tokens of the question that were not in the service's cache."""
    tokens_cached: int = 0
    """Tokens of the question that were."""
    tokens_out: int = 0
    """Tokens of the answer."""
    dollars: float = 0.0
    """What it cost, by the prices of the settings."""
    seconds: float = 0.0
    """How long it took, with all tries."""


def ask(settings: Settings, question: Question, key: str | None = None) -> Answer:
    """Ask a question and return the answer, or why there is none.

    Args:
        settings: which model, where, and what it costs.
        question: the question.
        key: of the service; None: the one in ANTHROPIC_API_KEY. A server of one's own needs none.
    """
    key = key or os.environ.get(KEY)
    if missing := lack(key):
        return Answer(question.digest, error=missing)
    with client_of(settings, key) as client:
        return ask_of(client, settings, question)


def ask_of(client: Any, settings: Settings, question: Question) -> Answer:
    """Ask through a client that there is, as `ask` does."""
    begun = time.monotonic()
    try:
        message = client.messages.create(**request(settings, question))
    except Exception as error:  # the network's border: the SDK's own errors, and what a server's nonsense leads to
        return Answer(question.digest, error=fault(client, error), seconds=round(time.monotonic() - begun, 2))
    return read(settings, question, message, time.monotonic() - begun)


def fault(client: Any, error: Exception) -> str:
    """Return an error of a client's on one line, without its key."""
    return text.one_line(f"{type(error).__name__}: {error}", 300).replace(str(client.api_key), "…")


def lack(key: str | None) -> str:
    """Say what is missing so that nobody can be asked: a key, or the SDK; "" if nothing is."""
    if not key:
        return f"no key: set {KEY}"
    return "" if find_spec("anthropic") else 'the SDK is not installed: pip install "intern[llm]"'


def secret(base_url: str | None) -> str | None:
    """Return what is sent as a key where a recipe may name the server: the environment's to its own service alone."""
    return NO_KEY if base_url else os.environ.get(KEY)


def client_of(settings: Settings, key: str | None) -> Any:
    """Return the SDK's client for a service; nothing of its network reaches a log."""
    import anthropic

    quiet()
    tries, wait = settings.retries, settings.timeout_seconds
    return anthropic.Anthropic(api_key=key, base_url=settings.base_url, max_retries=tries, timeout=wait)


def most(settings: Settings, question: Question) -> float:
    """Return the dollars that an answer costs at most: no token is shorter than a byte, no answer than max_tokens."""
    given = len(question.rules.encode()) + len(question.state.encode()) + len(json.dumps(dict(question.schema)))
    return (settings.dollars_in * WRITTEN * given + settings.dollars_out * settings.max_tokens) / MILLION


def quiet() -> None:
    """Keep what clients of the network log below a warning out of every log, whoever set one up."""
    for name in LOGGERS:
        logging.getLogger(name).setLevel(logging.WARNING)


def request(settings: Settings, question: Question) -> dict[str, Any]:
    """Return the body of a request: the rules cached, the answer held to the schema."""
    form = {"type": "json_schema", "schema": dict(question.schema)}
    effort = {"effort": settings.effort} if settings.effort else {}
    return {
        "model": settings.model,
        "max_tokens": settings.max_tokens,
        "system": [{"type": "text", "text": question.rules, "cache_control": {"type": "ephemeral"}}],
        "messages": [{"role": "user", "content": question.state}],
        "output_config": {"format": form, **effort},
    }


def read(settings: Settings, question: Question, message: Any, seconds: float) -> Answer:
    """Return the answer that a message is: what it says, what it cost, or why it says nothing."""
    value, error = valued(message)
    used = getattr(message, "usage", None)
    plain, cached, written, out = (
        count(used, name)
        for name in ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")
    )
    dollars = settings.dollars_in * (plain + READ * cached + WRITTEN * written) + settings.dollars_out * out
    return Answer(
        question.digest,
        value,
        error,
        text.one_line(getattr(message, "model", ""), 200),
        plain + written,
        cached,
        out,
        round(dollars / MILLION, 6),
        round(seconds, 2),
    )


def closed(properties: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of an object that has all of these properties and no others."""
    names = list(properties)
    return {"type": "object", "properties": dict(properties), "required": names, "additionalProperties": False}


def count(used: Any, name: str) -> int:
    """Return a number of tokens that a service reports; 0 if it reports none, or nonsense."""
    number = getattr(used, name, None)
    return number if isinstance(number, int) and 0 <= number < 10**9 else 0


def valued(message: Any) -> tuple[dict[str, Any] | None, str]:
    """Return what a message says as a value, or why it says nothing."""
    stop = getattr(message, "stop_reason", None)
    blocks = getattr(message, "content", None) or []
    said = "".join(getattr(block, "text", None) or "" for block in blocks)
    if stop in ("max_tokens", "model_context_window_exceeded"):
        return None, f"the answer was cut: {stop}"
    if stop == "refusal":
        return None, "the model refused to answer"
    if not said.strip():
        return None, "the answer is empty"
    if len(said) > LONGEST:
        return None, f"the answer has {len(said)} characters, and at most {LONGEST} are read"
    try:
        value = json.loads(said, parse_constant=unreadable)
    except (ValueError, RecursionError) as error:
        return None, f"the answer is no JSON: {text.one_line(error, 100)}"
    return (value, "") if isinstance(value, dict) else (None, "the answer is no JSON object")


def unreadable(constant: str) -> None:
    """Raise ValueError for a number that is none."""
    raise ValueError(f"{constant} is no number")
