"""The reward `code`: right programs are paid in both forms of tests, no trick is, and nothing leaves the sandbox."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import until

from intern import rewards, sandbox
from intern.errors import UserError
from intern.rewards import code

LACK = sandbox.lack()
pytestmark = pytest.mark.skipif(bool(LACK), reason=LACK)

SECRET = "sk-no-real-key"
PROGRAMS = yaml.safe_load(Path(__file__).with_name("programs.yaml").read_text(encoding="utf-8"))
ADD, HUMAN = PROGRAMS["rows"]["add"], PROGRAMS["rows"]["HumanEval"]


def attempt(deed: str) -> str:
    """A program that tries something and tells what came of it."""
    known = {"pid": str(os.getpid()), "here": str(Path(code.__file__).parent), "secret": SECRET}
    for name, value in known.items():
        deed = deed.replace(f"{{{name}}}", value)
    body = "\n".join(f"        {line}" for line in deed.splitlines())
    failed = "except BaseException as e: return type(e).__name__"
    return f"def attempt():\n    try:\n{body}\n        return 'done'\n    {failed}"


@pytest.fixture(scope="module")
def values() -> dict[tuple[str, str], float | None]:
    """What the reward makes of every program here, judged as one batch, with a key in our environment."""
    asked: dict[tuple[str, str], tuple[str, dict[str, Any]]] = {}
    for name, case in PROGRAMS["right"].items():
        row = case["row"]
        asked["right", name] = (case["text"], PROGRAMS["rows"][row] if isinstance(row, str) else row)
    for name, text in PROGRAMS["tricks"].items():
        asked["trick", name] = (text, ADD)
    for name, case in PROGRAMS["escapes"].items():
        asked["escape", name] = (attempt(case["deed"]), {"test_list": [f"assert attempt() == {case['told']!r}"]})
    judge = rewards.outcome("code", {"seconds": 1})
    os.environ["INTERN_TEST_KEY"] = SECRET
    try:
        made = judge.many([text for text, _ in asked.values()], [row for _, row in asked.values()])
    finally:
        del os.environ["INTERN_TEST_KEY"]
    return dict(zip(asked, made, strict=True))


@pytest.mark.parametrize("name", PROGRAMS["right"])
def test_a_right_program_is_paid(name: str, values: dict[tuple[str, str], float | None]) -> None:
    """In the form of HumanEval and in that of MBPP."""
    assert values["right", name] == 1.0


@pytest.mark.parametrize("name", PROGRAMS["tricks"])
def test_a_trick_is_not_paid(name: str, values: dict[tuple[str, str], float | None]) -> None:
    """It is judged, as wrong."""
    assert values["trick", name] == 0.0


@pytest.mark.parametrize("name", PROGRAMS["escapes"])
def test_nothing_gets_out(name: str, values: dict[tuple[str, str], float | None]) -> None:
    """The attempt was made, and failed in the way that shows that it was held."""
    assert values["escape", name] == 1.0


def test_a_wrong_program_in_every_form() -> None:
    """Wrong in one test is wrong; no code is no answer; no tests are no judgement."""
    judge = rewards.outcome("code", {"seconds": 1})
    assert judge("def add(a, b):\n    return 5", ADD) == 0.0
    assert judge("    return math.pi * r * r\n", HUMAN) == 0.0
    assert judge("", ADD) is None and judge("```\n\n```", ADD) is None
    assert judge("x" * (code.LONGEST + 1), ADD) == 0.0
    for row in ({}, {"test": "x"}, {"test_list": []}, {"test_list": ["assert"]}, {"test_list": ["assert True"]}):
        value = judge("def add(a, b): pass", row)
        assert value is not None and value != value


def test_nothing_stays_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the time is up the sandbox is gone with all that ran in it, and it did not take longer than that."""
    monkeypatch.setattr(sandbox, "PATIENCE", 1)
    mark = f"mark_{os.getpid()}_{time.monotonic_ns()}"
    begun = time.monotonic()
    ended = sandbox.run(f"import time; {mark} = 1; time.sleep(60)", limits=sandbox.Limits(seconds=1))
    assert ended.status is None and time.monotonic() - begun < 10

    def gone() -> bool:
        for entry in Path("/proc").iterdir():
            try:
                if entry.name.isdigit() and mark.encode() in (entry / "cmdline").read_bytes():
                    return False
            except OSError:
                continue
        return True

    assert until(gone, 5)


def test_a_verdict_needs_its_mark() -> None:
    """Two jobs for one program have two marks, of which no program is told."""
    job, other = code.job_of("x", ADD), code.job_of("x", ADD)
    assert job and other and job["mark"] != other["mark"] and len(job["mark"]) == 32


def test_output_is_bounded() -> None:
    """What is written to standard output ends at the bound."""
    assert len(sandbox.run("while True: print('x' * 9999)", limits=sandbox.Limits(1, output=50_000)).output) <= 50_000


def test_refused_without_a_sandbox(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Clearly, before anything starts; and a sandbox that does not hold is none."""
    monkeypatch.setenv("PATH", str(tmp_path))
    sandbox.command.cache_clear()
    why = sandbox.lack.__wrapped__()
    assert why.startswith("no bwrap: ") and "bubblewrap" in why.partition(":")[2]
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    (tmp_path / "setpriv").write_text('#!/bin/sh\nshift 3\nexec "$@"\n')
    (tmp_path / "setpriv").chmod(0o755)
    sandbox.command.cache_clear()
    why = sandbox.lack.__wrapped__()
    assert "does not work here (bwrap: No permissions" in why
    seen = {"pid": 1, "environment": ["HOME"], "places": ["home", "usr"], "network": "done", "file": "OSError"}
    fake.write_text(f"#!/bin/sh\necho '{json.dumps(seen)}'\n")
    why = sandbox.lack.__wrapped__()
    assert why.startswith("the sandbox does not hold here: network, process, home, HOME. ")
    sandbox.command.cache_clear()
    monkeypatch.setattr(sandbox, "lack", lambda: "no bwrap: apt-get install bubblewrap")
    with pytest.raises(UserError, match="The reward code cannot judge here: no bwrap"):
        rewards.outcome("code", {})
