"""A language model is asked through the real SDK, on loopback: whatever goes wrong is an answer with an error."""

import logging
from typing import Any

import pytest
from messages import Reply, Server, said, serving

from intern import llm
from intern.llm import Question, Settings

QUESTION = Question("the rules", "the state", {"type": "object"})
KEY = "sk-ant-very-secret"


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, and no waiting between tries."""
    monkeypatch.setenv(llm.KEY, KEY)
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("anthropic._base_client.MAX_RETRY_DELAY", 0.02)


def asked(server: Server, **settings: Any) -> llm.Answer:
    """Ask once."""
    return llm.ask(Settings(base_url=server.url, **settings), QUESTION)


def test_nothing_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """Whatever log somebody set up, no line of a client's reaches it: neither its address nor its key."""
    caplog.set_level(logging.DEBUG)
    logging.getLogger("anthropic").setLevel(logging.DEBUG)
    with serving(Server(lambda *_: said())) as server:
        assert asked(server).value
    assert not caplog.records


def test_a_question_and_its_answer() -> None:
    """The rules are cached, the answer is held to the schema, tokens and dollars are counted."""
    with serving(Server(lambda *_: said(recipe="a"))) as server:
        answer = asked(server, effort="low", dollars_in=10.0, dollars_out=100.0)
    assert answer.value == said(recipe="a") and answer.error == "" and answer.question == QUESTION.digest
    assert (answer.tokens_in, answer.tokens_cached, answer.tokens_out) == (1000, 500, 100)
    assert answer.dollars == pytest.approx((10 * (1000 + 0.1 * 500) + 100 * 100) / 1e6)
    (body,) = server.asked
    assert body["system"] == [{"type": "text", "text": "the rules", "cache_control": {"type": "ephemeral"}}]
    assert body["messages"] == [{"role": "user", "content": "the state"}] and body["max_tokens"] == 8000
    form = {"type": "json_schema", "schema": {"type": "object"}}
    assert body["output_config"] == {"format": form, "effort": "low"}
    assert KEY in "".join(server.headers[0].values())


@pytest.mark.parametrize(
    ("replies", "tries", "error"),
    [
        ([429, 529, 500, said()], 4, ""),
        ([529] * 9, 3, "OverloadedError"),
        ([401] * 9, 1, "AuthenticationError"),
        ([400] * 9, 1, "BadRequestError"),
        ([3.0] * 9, 3, "APITimeoutError"),
        ([""], 1, "the answer is empty"),
        (["  \n"], 1, "the answer is empty"),
        (['{"action": '], 1, "the answer is no JSON: "),
        (["[1, 2]"], 1, "the answer is no JSON object"),
        (['{"expected_gain": NaN}'], 1, "NaN is no number"),
        (['{"a": "' + "x" * 100_000 + '"}'], 1, "at most 100000 are read"),
        (["[" * 90_000], 1, "the answer is no JSON: "),
    ],
)
def test_what_goes_wrong(replies: list[Reply], tries: int, error: str) -> None:
    """It is tried again where that may help; then it is said. The key is in nothing that is said."""
    with serving(Server(lambda number, _: replies[number])) as server:
        answer = asked(server, retries=3 if error == "" else 2, timeout_seconds=0.5)
    assert error in answer.error and bool(answer.error) == bool(error) and len(server.asked) == tries
    assert (answer.value is None) == bool(error) and KEY not in repr(answer) and answer.error.isprintable()


@pytest.mark.parametrize(
    ("stop", "error"), [("max_tokens", "was cut: max_tokens"), ("refusal", "refused to answer")]
)
def test_half_an_answer_is_none(stop: str, error: str) -> None:
    """Even if it can be read; it was paid for."""
    with serving(Server(lambda *_: said(), stop)) as server:
        answer = asked(server)
    assert answer.value is None and error in answer.error and answer.dollars > 0


def test_no_key_no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is asked without a key; a server that is not there is one line."""
    nobody = Settings(base_url="http://127.0.0.1:9", retries=0, timeout_seconds=2.0)
    assert "APIConnectionError" in llm.ask(nobody, QUESTION).error
    monkeypatch.delenv(llm.KEY)
    with serving(Server(lambda *_: said())) as server:
        assert asked(server).error == "no key: set ANTHROPIC_API_KEY" and not server.asked
        own = llm.ask(Settings(base_url=server.url), QUESTION, key="none")
        assert own.value == said() and "none" in "".join(server.headers[0].values())
