"""Papers read by a language model, on loopback: each once, within the dollars; rules where it has no answer."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from messages import Reply, Server
from messages import serving as model_serving
from research_servers import GRPO, SERVICES, World, serving, world

from intern import llm
from intern.config.schema import Goal
from intern.research import asked
from intern.research.door import Door
from intern.research.gather import Survey, gather
from intern.research.settings import Settings

GOAL = Goal(name="gsm8k", kinds=["words"], hub="openai/gsm8k")
KEY = "sk-ant-very-secret"
QUOTE = "GRPO improves accuracy on GSM8K from 82.9% to 88.2%."
CLAIM: dict[str, Any] = {
    "claim": "RL after SFT helps", "technique": "grpo", "setting": "", "model_size_billions": None, "data_set": "GSM8K",
    "hyperparameters": [], "gain_points": 5.3, "quotation": QUOTE,
}  # fmt: skip


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key, and no waiting between tries."""
    monkeypatch.setenv(llm.KEY, KEY)
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.01)
    monkeypatch.setattr("anthropic._base_client.MAX_RETRY_DELAY", 0.02)


@pytest.fixture(scope="module")
def served() -> Iterator[World]:
    """The services of research, running."""
    with serving(world()) as running:
        yield running


def passed(served: World, folder: Path, reply: Reply, dollars: float = 2.0) -> tuple[Survey, Server]:
    """A pass of research with a model that always says this."""
    found = {name: served.urls[name] for name in SERVICES if name != "outside"}
    door = Door(Settings(**found, pace=0.0, offline=False, dollars=dollars), folder)
    with model_serving(Server(lambda *_: reply)) as server, pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANTHROPIC_BASE_URL", server.url)
        return gather(GOAL, door, asked.asker(door.folder, door.settings.dollars)), server


def test_it_reads_each_paper_once(served: World, tmp_path: Path) -> None:
    """A claim that stands in the paper is taken, from that paper alone; a second pass asks and costs nothing."""
    survey, server = passed(served, tmp_path, {"claims": [CLAIM]})
    (claim,) = [each for each in survey.evidence if each.origin == "model"]
    assert (claim.source, claim.gain, claim.quote) == (f"arXiv:{GRPO}", 5.3, QUOTE)
    assert len(server.asked) > 1 and survey.dollars > 0 and not survey.faults
    assert all(ask["messages"][0]["content"].startswith("<paper>") for ask in server.asked)
    again, silent = passed(served, tmp_path, {"claims": []})
    assert again.evidence == survey.evidence and not silent.asked and again.dollars == 0
    kept = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file())
    assert KEY.encode() not in kept and KEY not in json.dumps(server.asked)


@pytest.mark.parametrize(
    ("reply", "dollars", "calls", "fault"),
    [
        (529, 2.0, 3, "OverloadedError"),
        (401, 2.0, 1, "AuthenticationError"),
        ({"claims": [CLAIM]}, 0.001, 0, "the dollars for it are used (research.dollars)"),
        ("no JSON", 2.0, None, "the answer is no JSON"),
    ],
)
def test_without_an_answer_rules_read(
    served: World, tmp_path: Path, reply: Reply, dollars: float, calls: int | None, fault: str
) -> None:
    """A service that is down is not asked for every paper; what could not be read by the model is told."""
    survey, server = passed(served, tmp_path, reply, dollars)
    assert any(fault in each for each in survey.faults)
    assert {each.origin for each in survey.evidence} == {"rules", "bundled"}
    assert len(server.asked) == (calls if calls is not None else len(server.asked)) and survey.dollars <= dollars


def test_none_is_asked_without_a_key(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nor with no dollars for it."""
    assert asked.asker(tmp_path, 0.0) is None
    monkeypatch.delenv(llm.KEY)
    assert asked.asker(tmp_path, 2.0) is None
