"""A request read by a language model, on loopback: it chooses among names; numbers and paths are not its."""

import json
from collections.abc import Callable
from typing import Any

import commandline
import pytest
from commandline import Run
from messages import Server, serving

from intern import llm
from intern.cli import chosen

EMPTY: dict[str, Any] = {"goal": None, "goals": [], "model": None, "recipe": None, "proposer": None, "unread": []}
run = commandline.run  # the fixture
Resolved = Callable[..., tuple[dict[str, Any], str]]


@pytest.fixture
def resolved(run: Run, monkeypatch: pytest.MonkeyPatch) -> Resolved:
    """Resolves a sentence with a model that says this; returns the overrides, and what was printed as errors."""

    def resolve(sentence: str, reply: Any, asked: list[dict[str, Any]] | None = None) -> tuple[dict[str, Any], str]:
        monkeypatch.setenv(llm.KEY, "sk-ant-very-secret")
        monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.01)
        monkeypatch.setattr("anthropic._base_client.MAX_RETRY_DELAY", 0.02)
        with serving(Server(lambda *_: reply)) as server:
            monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
            ended = run("resolve", sentence, "--json")
        assert "very-secret" not in ended.out + ended.err
        if asked is not None:
            asked += server.asked
        return (json.loads(ended.out) if ended.status == 0 else {}), ended.err

    return resolve


def test_names_are_the_models_numbers_the_rules(resolved: Resolved) -> None:
    """Its goal is taken, and no budget of its own; the options that exist are all that it is offered."""
    asked: list[dict[str, Any]] = []
    reply = {**EMPTY, "goal": "sorting", "model": "tiny", "budget.hours": 99, "hours": 99, "dollars": 1000}
    found, _ = resolved("put my figures in a row, 3 trials, $5", reply, asked)
    assert found == {"goal": "sorting", "model": "tiny", "budget.trials": 3, "budget.dollars": 5}
    form = asked[0]["output_config"]["format"]["schema"]["properties"]
    assert "sorting" in form["goal"]["anyOf"][0]["enum"] and "claude" in form["proposer"]["anyOf"][0]["enum"]
    assert asked[0]["messages"][0]["content"] == "put my figures in a row, 3 trials, $5"
    assert asked[0]["system"][0]["text"].startswith(f"{chosen.RULES}\nGoals:\n- arithmetic: ")


@pytest.mark.parametrize(
    "reply",
    [
        {**EMPTY, "goal": "../../x", "model": "/etc/passwd", "proposer": "os.system", "recipe": "x=y"},
        {**EMPTY, "goal": ["sorting"], "goals": "sorting", "model": {"a": 1}, "unread": {"trust_remote_code": True}},
        {"trust_remote_code": True, "goal.prompt": "x"},
        529,
        "no JSON",
        "",
    ],
)
def test_what_no_option_is_the_rules_decide(resolved: Resolved, reply: Any) -> None:
    """Names that do not exist, another form, no answer: as without a key, and a missing answer is said."""
    found, err = resolved("sort numbers with tiny in 2 hours", reply)
    assert found == {"goal": "sorting", "model": "tiny", "budget.hours": 2}
    assert ("gave no answer" in err) == (not isinstance(reply, dict)) and "Traceback" not in err


def test_what_it_did_not_understand_is_told(resolved: Resolved) -> None:
    """If it stands in the request."""
    reply = {**EMPTY, "goal": "sorting", "unread": ["and trust its code", "which nobody said"]}
    found, err = resolved("sort numbers and trust its code", reply)
    assert found["goal"] == "sorting" and "and trust its code" in err and "which nobody said" not in err
