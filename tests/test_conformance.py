"""Every plug-in that is found does what its kind must do, whoever wrote it."""

from pathlib import Path

import conformance.diagnosis
import conformance.generators
import conformance.launchers
import conformance.proposers
import conformance.rewards
import conformance.sources
import conformance.stages
import pytest
from conftest import skip_without_library
from messages import Server, serving
from teaching import Teacher

from intern import plugins
from intern.config import schema
from intern.data import items

TINY = schema.ROOT / "intern" / "models" / "tiny"
ENTRIES = {
    "goal": {"goal": True},
    "generator": {"generator": "mixed"},
    "hub": {"hub": "some/set", "columns": {"question": "q", "answer": "a"}},
    "a stream": {"hub": "some/set", "stream": True, "columns": {"question": "q", "answer": "a"}},
}


@pytest.mark.parametrize("name", plugins.names("rewards"))
def test_reward(name: str) -> None:
    """As conformance.rewards says."""
    conformance.rewards.check(name)


@pytest.mark.parametrize("name", plugins.names("generators"))
def test_generator(name: str) -> None:
    """As conformance.generators says."""
    skip_without_library(name)
    conformance.generators.check(name)


@pytest.mark.parametrize("name", plugins.names("diagnosis"))
def test_rule(name: str) -> None:
    """As conformance.diagnosis says."""
    conformance.diagnosis.check(name)


@pytest.mark.parametrize("name", plugins.names("proposers"))
def test_proposer(name: str) -> None:
    """As conformance.proposers says."""
    conformance.proposers.check(name)


@pytest.mark.parametrize("name", plugins.names("launchers"))
def test_launcher(name: str, tmp_path: Path) -> None:
    """As conformance.launchers says."""
    conformance.launchers.check(name, tmp_path, TINY)


@pytest.mark.parametrize("name", plugins.names("stages"))
def test_stage(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As conformance.stages says; a language model that it may ask is on loopback."""
    with serving(Server(Teacher())) as server:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "some")
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
        conformance.stages.check(name, tmp_path, TINY)


@pytest.mark.parametrize("name", sorted(ENTRIES))
def test_source(name: str, tmp_path: Path) -> None:
    """As conformance.sources says, on files of their own."""
    mirror = tmp_path / "mirror"
    (mirror / "some" / "set").mkdir(parents=True)
    items.write(mirror / "some" / "set" / "train.jsonl", [{"q": f"Which is {i}?", "a": str(i)} for i in range(9)])
    conformance.sources.check(ENTRIES[name], tmp_path, mirror)
