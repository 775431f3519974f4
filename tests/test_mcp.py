"""An agent's door, through the SDK's own client over stdio: what it may do, and all that it may not."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import commandline
import pytest
from attacks import ATTACKS
from commandline import Run, refused, written
from conftest import HERE, scope, until

from intern import records
from intern.config.gate import Scope
from intern.config.library import Library
from intern.files import write_whole
from intern.llm import Answer
from intern.mcp.limits import Limits, Wanted
from intern.mcp.running import Runs
from intern.mcp.server import harmless
from intern.mcp.tools import Tools
from intern.overrides import Overrides
from intern.records import Left, Proposal, Trial
from intern.search.history import History
from intern.search.view import View
from intern.study import inbox
from intern.study.ledger import Ledger, locked
from intern.study.reader import Reader
from intern.trial.job import Result

pytest.importorskip("mcp")
ESCAPE = "\x1b[2J\x1b]0;owned\x07"
SMALL = ["goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0", "compute.threads=1", "proposer.confirm=false"]
WORDS = [*SMALL, "goal=arithmetic", "model=tiny", "recipe.sft.max_steps=2", "budget.trials=2", "budget.hours=0.2"]
run = commandline.run  # the fixture
SFT = {"recipe": "generated/sft"}
RATE = "recipe.sft.learning_rate"


class Agent:
    """A client of a server of its own, in an empty folder."""

    def __init__(self, folder: Path, call: Callable[..., Any]) -> None:
        self.folder, self.sent = folder, call

    def __call__(self, name: str, **arguments: Any) -> Any:
        """A tool's structured answer."""
        found = self.sent(name, arguments)
        assert not found.is_error, found.content[0].text
        value = found.structured_content
        return value["result"] if set(value) == {"result"} else value

    def refused(self, name: str, **arguments: Any) -> str:
        """The message of a tool error."""
        found = self.sent(name, arguments)
        assert found.is_error and len(found.content) == 1
        text: str = found.content[0].text
        assert "Traceback" not in text and len(text) < 9000 and "\x1b" not in text
        return text

    def files(self) -> dict[str, bytes]:
        """Every file of its folder."""
        return {str(path): path.read_bytes() for path in self.folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def agent(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agent]:
    """The one server of this file's tests; what it has started ends with it."""
    from anyio.from_thread import start_blocking_portal
    from mcp.client.client import Client
    from mcp.client.stdio import StdioServerParameters

    folder = tmp_path_factory.mktemp("agent")
    env = {**os.environ, "PYTHONPATH": str(HERE), "HF_TOKEN": "ThisIsNoRealKey", "HYDRA_FULL_ERROR": "1"}
    command = StdioServerParameters(command=sys.executable, args=["-m", "intern", "mcp", *WORDS], env=env, cwd=folder)
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(Client(command)) as client:
        yield Agent(folder, lambda name, arguments: portal.call(partial(client.call_tool, name, arguments)))
    runs = Runs(folder / "outputs")
    with suppress(Exception):
        runs.stop(runs.running().study)  # type: ignore[union-attr]


def test_what_there_is(agent: Agent) -> None:
    """Names with what they are, and a recipe's contract; what needs a person's words is not offered."""
    goals = {row["name"]: row["summary"] for row in agent("choices", kind="goal")}
    assert goals["arithmetic"].startswith("Sums") and "local" not in goals
    assert "local" not in {row["name"] for row in agent("choices", kind="model")}
    assert {"heuristic", "tpe"} <= {row["name"] for row in agent("choices", kind="proposer")}
    assert "generated/sft" in {row["name"] for row in agent("choices", kind="recipe")}
    keys = {row["key"]: row["legal"] for row in agent("contract", recipe="generated/sft")["contract"]}
    assert keys["sft.learning_rate"] == "5e-05 to 0.02 (log)"


def test_check(agent: Agent) -> None:
    """The command that a person would type, the server's words in it; and no more than they allow."""
    found = agent("check", **SFT, overrides=[f"{RATE}=1e-3"], trials=1)
    command = found["command"].split()
    assert {*SMALL, "recipe=generated/sft", f"{RATE}=0.001", "study=arithmetic-tiny-1"} <= set(command)
    assert [word for word in command if word.startswith("budget.trials")] == ["budget.trials=1"]
    assert found["changes"] == ["sft.learning_rate=0.001"] and found["recipes"] == ["generated/sft"]
    assert len(agent("check")["recipes"]) > 1
    assert agent("studies") == []


HOSTILE: list[tuple[dict[str, Any], str]] = [
    ({"outputs": "/tmp"}, "outputs"),
    ({"trust_remote_code": True}, "trust_remote_code"),
    ({"goal": "/etc/passwd"}, 'Unknown goal "/etc/passwd"'),
    ({"goal": "mixed"}, "this server was started with goal=arithmetic"),
    ({"goal": "a.yaml"}, "Unknown goal"),
    ({"goal": "arithmetic,mixed"}, "Unknown goal"),
    ({"goal": "local"}, 'Unknown goal "local"'),
    ({"model": "/tmp"}, "Unknown model"),
    ({"model": "someone/model"}, "Unknown model"),
    ({"model": f"tiny{ESCAPE}"}, "Unknown model"),
    ({"recipe": "../../etc/passwd"}, "Unknown recipe"),
    ({"recipe": "none"}, "Unknown recipe"),
    ({"proposer": "${oc.env:HF_TOKEN}"}, "Unknown proposer"),
    ({"proposer": "claude"}, "budget.dollars"),
    ({"dollars": 1}, "budget.dollars: this server has none to give"),
    ({"trials": 3}, "budget.trials: 3 is more than this server may give to a study, 2"),
    ({"hours": 1e300}, "less than or equal to 1000000000"),
    ({"hours": 24, "trials": 9, "model": "x"}, "budget.hours: 24"),
    ({"trials": -1}, "greater than 0"),
    ({"trials": "NaN"}, "trials"),
    ({"seed": -1}, "seed"),
    ({**SFT, "overrides": [f"{RATE}=${{oc.env:HF_TOKEN}}"]}, "interpolation is not allowed"),
    ({**SFT, "overrides": ["outputs=/tmp", "goal.data_dir=/etc"]}, "'goal.data_dir' is not a key under `recipe`"),
    ({**SFT, "overrides": ["--config-dir=/tmp"]}, "is not a key"),
    ({**SFT, "overrides": ["recipe=generated/grpo"]}, "recipe is given twice"),
    ({**SFT, "overrides": ["recipe.data.mix=[{path: /etc/passwd}]"]}, "not in the recipe's contract"),
    ({**SFT, "overrides": ["recipe.sft.model_init_kwargs={trust_remote_code: true}"]}, "not in the recipe's contract"),
    ({**SFT, "overrides": ["recipe.sft.max_steps=50"]}, "recipe.sft.max_steps: pinned"),
    ({**SFT, "overrides": [f"{RATE}=1e-3\nstudy=x"]}, "only printable ASCII"),
    ({**SFT, "overrides": [f"{RATE}=" + "9" * 1_000_000]}, "at most 200 characters"),
    ({**SFT, "overrides": [f"{RATE}=1e-3"] * 101}, "at most 100 items"),
    ({"overrides": [f"{RATE}=1e-3"]}, "name the recipe"),
    ({"goal": "x" * 1_000_000}, "at most 100 characters"),
]


@pytest.mark.parametrize(("arguments", "said"), HOSTILE, ids=lambda value: ascii(value)[:50])
def test_what_may_not_be_set(agent: Agent, arguments: dict[str, Any], said: str) -> None:
    """A study is started of nothing but names, numbers within the server's, and keys of a contract."""
    before = agent.files()
    assert said in (told := agent.refused("start", **arguments)) and "ThisIsNoRealKey" not in told
    assert agent.files() == before


@pytest.mark.parametrize("name", ["../x", "/tmp/x", ".agent", "a/b", "", "x\ny", "-x", "ä", "x" * 1_000_000, ESCAPE])
def test_a_study_is_a_name(agent: Agent, name: str) -> None:
    """Neither a new one nor one that is asked for can lie elsewhere."""
    before = agent.files()
    agent.refused("start", study=name)
    for tool in ("status", "ledger", "diagnoses", "report", "stop", "resume"):
        assert "nknown study" in (told := agent.refused(tool, study=name)) or "at most" in told
    agent.refused("propose", study=name, **SFT, overrides=[], hypothesis="x")
    assert agent.files() == before


def test_all_attacks_on_the_gate(agent: Agent) -> None:
    """The corpus of the gate's tests passes neither as overrides."""
    for lines in ATTACKS[::29]:
        given = [line for line in lines[1:] if isinstance(line, str)]
        if given:
            agent.refused("check", recipe="generated/grpo", overrides=given)


def test_a_persons_study_is_read_alone(agent: Agent) -> None:
    """Its ledger is shown, page by page and harmless; it is not stopped, continued or steered."""
    folder = agent.folder / "outputs" / "person"
    trial = Trial(1, "propose", "REJECTED", recipe="r", reason=f"{ESCAPE}\n" + "z" * 5000, hypothesis="\u202eevil\n2")
    ledger = written(folder, replace(trial, number=0, kind="baseline"))
    ledger.propose(trial)
    try:
        before = agent.files()
        assert [row["number"] for row in agent("ledger", study="person", first=1, count=1)] == [1]
        row = agent("ledger", study="person")[1]
        assert row["reason"].isprintable() and len(row["reason"]) <= 1000 and row["hypothesis"] == "?evil?2"
        assert agent("status", study="person")["state"] == "stopped" and "person" in agent("report", study="person")
        assert "page: 9; the last is 0" in agent.refused("report", study="person", page=9)
        assert agent("diagnoses", study="person") == []
        for tool in ("stop", "resume"):
            assert "a person goes on with" in agent.refused(tool, study="person")
        assert "a person" in agent.refused("propose", study="person", **SFT, overrides=[], hypothesis="x")
        assert agent.files() == before
    finally:
        shutil.rmtree(folder)


def test_a_study_from_start_to_report(agent: Agent) -> None:
    """Started, steered by a proposal while it runs, stopped, continued; the proposal is its one trial."""
    assert agent("start", **SFT, trials=1, study="mine")["state"] in ("starting", "running")
    study, ledger = agent.folder / "outputs" / "mine", agent.folder / "outputs" / "mine" / "ledger.jsonl"
    assert until(ledger.exists, 200), agent("status", study="mine")
    assert agent("status", study="mine")["state"] == "running"
    found = Runs(agent.folder / "outputs").running()  # as another server finds it, once this one is gone
    assert found and found.study == "mine" and os.getsid(found.pid or 0) == found.pid
    assert "Study mine is running" in agent.refused("start", **SFT, study="other")
    assert "Study mine is running" in agent.refused("resume", study="mine")
    assert "Study mine exists" in agent.refused("start", study="mine")
    told = {"study": "mine", **SFT, "hypothesis": f"Less\n{ESCAPE}is more"}
    faulty = agent.refused("propose", **told, overrides=[f"{RATE}=9", "recipe.x=${oc.env:HF_TOKEN}"])
    assert "recipe.sft.learning_rate: 9" in faulty and "interpolation" in faulty and not (study / "inbox").exists()
    assert "pinned" in agent.refused("propose", **told, overrides=["recipe.sft.max_steps=9"])
    assert "Unknown recipe" in agent.refused("propose", **{**told, "recipe": "../x"}, overrides=[])
    laid = agent("propose", **told, overrides=[f"{RATE}=2e-3", "recipe.synthetic.rows=100"], expected_gain=0.1)
    assert (laid["waiting"], laid["running"]) == (1, True)
    assert agent("stop", study="mine")["state"] == "stopped"
    assert "is not running" in agent.refused("stop", study="mine")
    assert agent("status", study="mine")["waiting"] == [laid["proposal"]]
    assert "budget.trials: 9" in agent.refused("resume", study="mine", trials=9)
    agent("resume", study="mine")
    assert until(lambda: Runs(agent.folder / "outputs").running() is None, 400)
    status = agent("status", study="mine")
    assert status["taken"] == {laid["proposal"]: 1} and status["waiting"] == [] and status["counted"] == 1.0, status
    base, trial = agent("ledger", study="mine")
    assert (trial["state"], trial["by"], trial["expected"]) == ("COMPLETE", "agent", 0.1)
    assert trial["hypothesis"].isprintable() and f"{RATE}=0.002" in trial["overrides"]
    assert {score["split"] for row in (base, trial) for score in row["scores"]} == {"dev"}
    assert "1 propose  COMPLETE" in agent("report", study="mine")
    assert sorted(path.name for path in agent.folder.iterdir()) == ["outputs"]
    assert sorted(path.name for path in (agent.folder / "outputs").iterdir()) == [".agent", "mine"]


@pytest.fixture(scope="module")
def asked(library: Library) -> Scope:
    """What a study of one recipe is asked for."""
    return scope(library, "goal=arithmetic", "model=tiny", "recipe=generated/sft")


def view(asked: Scope, *trials: Trial, left: float = 5.0) -> View:
    """What a proposer sees of a study with these trials."""
    return View(asked.recipes, History(trials), Left(left, 1.0), asked.config.proposer, asked.pins, 0)


BASE = Trial(0, "baseline", "COMPLETE")
IDEA = Proposal("generated/sft", Overrides({"sft.learning_rate": 1e-3}), hypothesis="x", by="someone")


def test_an_inbox_holds_what_anybody_wrote(tmp_path: Path, asked: Scope) -> None:
    """A file that is no proposal is one with faults; one that is, an agent's, in the order in which they came."""
    names = [inbox.put(tmp_path, IDEA), inbox.put(tmp_path, replace(IDEA, fidelity=0.3, faults=("no",)))]
    assert inbox.waiting(tmp_path, {}) == names
    assert inbox.read(tmp_path, names[0], view(asked, BASE)) == replace(IDEA, by="agent")
    assert inbox.read(tmp_path, names[1], view(asked, BASE)).faults == ()
    texts = (b"", b"[1]", b"\xff", b'{"recipe": 3}', b'{"recipe": "r", "overrides": ["x"]}', b"[" * 200_000)
    for text in texts:
        (tmp_path / "inbox" / "9.json").write_bytes(text)
        found = inbox.read(tmp_path, "9", view(asked, BASE))
        assert found.faults and found.by == "agent" and "inbox/9.json" in found.faults[0]


def test_a_proposal_is_taken_once(tmp_path: Path) -> None:
    """One line of the ledger has the trial and where it came from: killed after it, the file is not taken again."""
    ledger = written(tmp_path, BASE)
    name = inbox.put(tmp_path, IDEA)
    ledger.propose(Trial(1, "propose", "RUNNING", recipe="generated/sft"), name)
    again = Ledger(tmp_path)
    assert again.taken == {name: 1} and inbox.waiting(tmp_path, again.taken) == []
    assert Reader(tmp_path).trials[1].public().get("inbox") is None


def test_what_was_tried_or_cannot_be_paid_is_refused(asked: Scope) -> None:
    """By the budget that is left, and the ledger."""
    done = Trial(1, "propose", "COMPLETE", recipe="generated/sft", overrides=IDEA.overrides)
    assert "tried already" in inbox.vetted(IDEA, view(asked, BASE, done)).faults[0]
    assert "budget: 0.5 of" in inbox.vetted(IDEA, view(asked, BASE, left=0.5)).faults[0]
    assert not inbox.vetted(replace(IDEA, fidelity=0.5), view(asked, BASE, left=0.5)).faults


def test_one_runs_at_a_time(tmp_path: Path) -> None:
    """The lock is the study's, whoever started it; with its end it is free, without anybody's doing."""
    runs, other = Runs(tmp_path), Runs(tmp_path)
    runs.start("first", ["--version"], Wanted())
    assert until(lambda: other.running() is None, 20)
    assert runs.printed("first")[-1].startswith("intern ") and other.wanted("first") == Wanted()


def test_words_of_the_server(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A person's mistakes, and a missing SDK, before anything is served."""
    refused(run("mcp", "study=x"), "study=…: every study gets a name of its own")
    refused(run("mcp", "budget.hours=-1", "goal=arithmetic"), "budget.hours")
    refused(run("mcp", "goal=nope"), 'Unknown goal "nope"')
    monkeypatch.setitem(sys.modules, "mcp", None)
    for name in [name for name in sys.modules if name.startswith("mcp.")]:
        monkeypatch.delitem(sys.modules, name)
    refused(run("mcp"), 'pip install "intern[mcp]"')


def test_answers_are_harmless() -> None:
    """Keys too."""
    assert harmless({f"a{ESCAPE}": ["x\ny", 1, None]}) == {"a?[2J?]0;owned?": ["x?y", 1, None]}


def test_what_agents_have_spent(run: Run) -> None:
    """Answers of a language model and what stages have paid, over the studies of agents alone, all but one."""
    tools = Tools(Limits(["budget.dollars=5"]))
    (tools.runs.place).mkdir(parents=True)
    for name, cost in (("own", 1.5), ("other", 0.5), ("persons", 9.0)):
        with locked(Path("outputs") / name) as ledger:
            ledger.start("command", {})
            ledger.propose(Trial(0, "baseline", "RUNNING"))
            ledger.answer(Answer("digest", {}, dollars=0.25))
            ledger.finish(0, Result("COMPLETE", dollars=cost))
        if name != "persons":
            write_whole(tools.runs.place / f"{name}.json", records.dump(Wanted()))
    assert tools.spent("none") == 2.5 and tools.spent("other") == 1.75
