"""Whatever a proposer returns, soon a language model's answer, the loop goes on: it is vetted as a whole, refused in a
form that the ledger can keep, and counted, so that a study of nothing but rubbish ends."""

import dataclasses
import math
import sys
import tempfile
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import test_report
from conformance import proposers as conformance
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intern import files, proposers, records
from intern.config import gate
from intern.config.schema import Budget, Proposer
from intern.overrides import Overrides
from intern.proposers import vetted
from intern.records import Diagnosis, Left, Proposal, Score, Trial
from intern.report import fmt, page
from intern.report.text import whole
from intern.search.history import History
from intern.search.view import View
from intern.study import layout, reader
from intern.study.identity import Inputs
from intern.study.ledger import Ledger
from intern.study.scheduler import Scheduler
from intern.trial import job
from intern.trial.job import Input, Result

KEY, STYLE = "sft.learning_rate", "synthetic.style"
SCORE = (Score("sums", "dev", "exact_match", 0.2, 0.02, 400),)
STOPPED = Diagnosis("nan", "sft", 3, "not finite", ())
TRIALS = [
    Trial(0, "baseline", "COMPLETE", scores=SCORE),
    Trial(1, "propose", "PRUNED", recipe="r0", diagnosis=STOPPED),
    Trial(2, "propose", "COMPLETE", recipe="r0", scores=SCORE),
]
SCOPE = conformance.scope_of("random", 2)
VIEW = View(SCOPE.recipes, History(TRIALS), Left(5.0, 1.0), SCOPE.config.proposer, {"r1": Overrides({KEY: 2e-3})}, 0)
GOOD: dict[str, Any] = {"recipe": "r0", "overrides": Overrides({KEY: 1e-3}), "hypothesis": "it helps"}


class Odd:
    """What cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


BAD: list[tuple[dict[str, Any], str]] = [
    *(({"recipe": value}, "recipe") for value in ("", "r9", "r0\n", None, 3, ["r0"], "\ud800", b"r0", "x" * 10**6)),
    *(({"overrides": value}, "overrides") for value in (None, 3, "sft.learning_rate", Odd(), {KEY})),
    *(({"overrides": {KEY: value}}, KEY) for value in (math.nan, "1e-3", None, [1], 10**5000, b"x", Odd(), True)),
    ({"overrides": {None: 1, 3: 4, "a": Odd(), "b\n=\x1b[2J": "\ud800"}}, "not in the recipe's contract"),
    ({"overrides": {"stages": ["sft"]}}, "stages"),
    ({"overrides": [f"recipe.{KEY}=9"]}, KEY),
    ({"overrides": ["recipe=r1"]}, "recipe.recipe"),
    ({"overrides": [None, 3, "x\n  7 propose COMPLETE"]}, "override"),
    ({"overrides": ["\x1b" * 300] * 200_000}, "longer than 200"),
    ({"overrides": {f"k{n}": n for n in range(200_000)}}, "the rest was not read"),
    ({"recipe": "r1", "overrides": {KEY: 1e-3}}, "pinned"),
    *(({"kind": value}, "kind") for value in ("baseline", "rollback", "confirm", "", None, 3, ["sweep"], "PROPOSE")),
    *(({"kind": "ablate", "parent": value}, "parent") for value in (None, -1, 3, 10**400, 1.0, True, "1", Odd())),
    ({"kind": "remedy"}, "parent"),
    ({"kind": "remedy", "parent": 2}, "no rule has stopped trial 2"),
    ({"kind": "repeat"}, "parent"),
    *(({"seed": value}, "seed") for value in (-1, 2**32, 10**400, 1.5, math.nan, None, "1", True)),
    *(({"sweep": value}, "sweep") for value in ("ab", None, 3, [3], ["nope"], [KEY, KEY], ["x"] * 200_000, {"a": 1})),
    ({"recipe": "r1", "overrides": {}, "sweep": [KEY]}, "pinned"),
    *(({"within": value}, "within") for value in (None, 3, [3], [[KEY, 1]], [[KEY, 1, 2, 3]], ["abc"])),
    *(({"sweep": (KEY,), "within": ((KEY, *value),)}, "within") for value in ((1e-3, 1e-3), (2e-3, 1e-3), (1, 2))),
    *(({"sweep": (KEY,), "within": ((KEY, *value),)}, "within") for value in ((math.nan, 1), (0, math.inf), ("0", 1))),
    ({"within": ((KEY, 1e-4, 1e-3),)}, "within"),
    ({"sweep": (STYLE,), "within": ((STYLE, 0, 1),)}, "within"),
    *(({"fidelity": value}, "fidelity") for value in (0, -5.0, 1.01, math.nan, math.inf, "0.3", None, True, 10**400)),
    *(({"hypothesis": value}, "hypothesis") for value in (None, 3, b"x", ["because"], Odd())),
]


def keepable(proposal: Proposal) -> None:
    """Assert that a refusal can be recorded: short, printable, and the same when it is read back."""
    trial = layout.proposed(7, proposal, proposal.overrides)
    reason = gate.told(proposal.faults)
    row = records.dump_set(dataclasses.replace(trial, state="REJECTED", reason=reason))
    assert 0 < len(reason) <= gate.TOLD + 100 and reason.isprintable() and len(str(row)) < 30_000
    assert records.dump_set(records.load(Trial, row)) == row
    assert fmt.line(records.load(Trial, row)).isprintable()
    assert proposal.kind not in records.UNCOUNTED and 0 < proposal.fidelity <= 1


@pytest.mark.parametrize(("changes", "named"), BAD, ids=range(len(BAD)))
def test_each_field_has_a_type_and_a_range(changes: dict[str, Any], named: str) -> None:
    """One that is wrong is a fault that names it, never an exception."""
    proposal = vetted(Proposal(**{**GOOD, **changes}), VIEW)
    assert any(named in fault for fault in proposal.faults), proposal.faults
    keepable(proposal)


def test_a_report_shows_refusals(tmp_path: Path) -> None:
    """Whatever was proposed, the ledger and the page of the study can be read."""
    study = test_report.full(tmp_path / "study")
    ledger = Ledger(study)
    for changes, _ in BAD:
        proposal = vetted(Proposal(**{**GOOD, **changes}), VIEW)
        trial = layout.proposed(len(ledger.trials), proposal, proposal.overrides)
        ledger.propose(dataclasses.replace(trial, state="REJECTED", reason=gate.told(proposal.faults)))
    assert (tmp_path / "study" / "ledger.jsonl").stat().st_size < 2000 * len(BAD)
    assert "Refused by the gate" in page.write(study).read_text(encoding="utf-8")
    assert whole(reader.Reader(study)).count("REJECTED") > len(BAD)


def test_all_faults_at_once() -> None:
    """A model that is told one fault at a time would need an answer for each."""
    bad = Proposal("r0", {KEY: 9, "lora": 8}, "confirm", -1, -1, ("nope",), (), math.nan, None)  # type: ignore[arg-type]
    faults = vetted(bad, VIEW).faults
    for name in ("kind", "parent", "seed", "fidelity", "hypothesis", KEY, "lora", "sweep"):
        assert any(name in fault for fault in faults), name


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"overrides": {KEY: 1e-3, STYLE: "answer"}},
        {"overrides": [f"recipe.{KEY}=1e-3", f"recipe.{STYLE}=answer"]},
        {"kind": "sweep", "overrides": {}, "sweep": [KEY], "within": [[KEY, 1e-5, 1e-3]]},
        {"kind": "remedy", "parent": 1, "fidelity": 0.3},
        {"kind": "repeat", "parent": 2, "seed": 2**32 - 1, "fidelity": 1},
        {"recipe": "r1", "overrides": {}},
    ],
)
def test_what_is_sound_passes_as_it_is(changes: dict[str, Any]) -> None:
    """Lists stand for tuples, and lines for values: JSON has no more."""
    asked = {**GOOD, **changes}
    proposal = vetted(Proposal(**asked), VIEW)
    assert not proposal.faults
    assert gate.vet(dataclasses.replace(SCOPE, pins=VIEW.pins), proposal.recipe, proposal.overrides)
    for name in ("kind", "parent", "seed", "fidelity"):
        assert getattr(proposal, name) == asked.get(name, getattr(Proposal("r"), name))


def test_a_hypothesis_is_one_short_line() -> None:
    """However long a model's answer is, and whatever it has copied."""
    proposal = vetted(Proposal(**{**GOOD, "hypothesis": "a\nb\x1b[2J\u202e\ud800" + "c" * 10**6}), VIEW)
    assert not proposal.faults and proposal.hypothesis.startswith("a?b?[2J??c")
    assert len(proposal.hypothesis) <= proposers.WORDS


ANSWERS = [None, 3, "rubbish", b"", {}, Proposal("r0"), {"recipe": "r0"}, [None, 3, GOOD], Odd()]
ANSWERS += [ValueError("a\nb\x1b"), RecursionError()]
CODE = """
ANSWER = None
def propose(view):
    if isinstance(ANSWER, Exception):
        raise ANSWER
    return ANSWER
"""


class Loop(Scheduler):
    """The loop itself; every trial ends the moment that it is recorded, after ten minutes, with this result."""

    def record(self, plan: layout.Plan) -> None:
        """Record a trial and its result."""
        super().record(plan)
        first = plan.trial.kind == "baseline"
        ended = Result("COMPLETE" if first else "FAIL", SCORE if first else (), seconds=0.0 if first else 600.0)
        files.write_whole(self.reader.place(plan.trial.number) / job.RESULT, records.dump(ended))


@pytest.fixture
def answering(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A proposer of somebody's own, whose answer a test sets."""
    (tmp_path / "proposers").mkdir()
    (tmp_path / "proposers" / "answering.py").write_text(CODE)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path))
    return proposers.plugins.load("proposers", "answering")


def looped(folder: Path, trials: float = 2.0) -> Ledger:
    """The ledger of a study whose proposer always says the same."""
    folder.mkdir(parents=True)
    config = dataclasses.replace(SCOPE.config, proposer=Proposer("answering"), budget=Budget(trials, 1.0))
    ledger, nothing = Ledger(folder), Input("0" * 64, "hub", "none")
    scope = dataclasses.replace(SCOPE, config=config)
    study = reader.Reader(folder, ledger)
    loop = Loop(scope, study, Inputs(nothing, nothing), folder, None, lambda *_: None)  # type: ignore[arg-type]
    for _ in loop.run():
        assert len(ledger.trials) < 100, "it does not end"
    return ledger


@pytest.mark.parametrize("answer", ANSWERS, ids=range(len(ANSWERS)))
def test_a_study_of_rubbish_ends(answer: Any, answering: Any, tmp_path: Path) -> None:
    """No Proposal, no list, an exception: each is a refusal with its reason, and counts."""
    answering.ANSWER = answer
    ledger = looped(tmp_path / "study")
    assert ledger.end and ledger.end["reason"] == "all trials of the budget are used", ledger.end
    refused = ledger.trials[1:]
    assert len(refused) == 2 and {trial.state for trial in refused} == {"REJECTED"}
    assert all(trial.reason and trial.reason.isprintable() for trial in refused)
    if isinstance(answer, Exception):
        assert f"failed at answering.py:5: {type(answer).__name__}" in (refused[0].reason or "")


def test_rubbish_of_next_to_no_steps_ends_too(answering: Any, tmp_path: Path) -> None:
    """It would otherwise never use up the budget."""
    answering.ANSWER = [Proposal("r0", Overrides({KEY: 9.0}), fidelity=1e-12)]
    assert len(looped(tmp_path / "study").trials) == 21


def test_an_endless_answer_is_not_read_to_its_end(answering: Any, tmp_path: Path) -> None:
    """A generator that goes on for ever is asked for as many proposals as can be tried."""

    def endless() -> Iterator[Proposal]:
        while True:
            yield Proposal("nope")

    answering.ANSWER = endless()
    assert len(looped(tmp_path / "study").trials) == 3
    assert len(sys.modules["intern.proposers"].propose("answering", VIEW)) == proposers.MOST


JUNK = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.sampled_from([10**400, Decimal("nan"), object(), len, b"\x00", 1j]),
        st.floats(),
        st.text(st.characters(), max_size=20),
        st.sampled_from([KEY, STYLE, "r0", "remedy", "rollback", "answer", f"recipe.{KEY}=0.001", "\ud800", "\x1b]0;"]),
    ),
    lambda below: st.one_of(st.lists(below, max_size=3), st.dictionaries(st.text(max_size=5), below, max_size=3)),
    max_leaves=6,
)
LIKELY: dict[str, st.SearchStrategy[Any]] = {
    "recipe": st.sampled_from(["r0", "r1"]),
    "overrides": st.dictionaries(st.sampled_from([KEY, STYLE, "nope"]) | st.text(max_size=3), JUNK, max_size=3),
    "kind": st.sampled_from(["propose", "sweep", "remedy", "ablate", "repeat", "rollback", "confirm", "baseline"]),
    "parent": st.none() | st.integers(-1, 4),
    "seed": st.integers(-1, 3),
    "sweep": st.lists(st.sampled_from([KEY, STYLE, "nope"]), max_size=2),
    "within": st.lists(st.tuples(st.just(KEY), st.floats(), st.floats()), max_size=1),
    "fidelity": st.floats(-0.1, 1.1),
    "hypothesis": st.text(),
}
HOSTILE = st.fixed_dictionaries({name: likely | JUNK for name, likely in LIKELY.items()})
HELD = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@HELD
@given(st.lists(st.builds(lambda values: Proposal(**values), HOSTILE) | JUNK, max_size=3))
def test_the_loop_takes_whatever_is_proposed(answering: Any, answer: list[Any]) -> None:
    """The whole loop: `decide`, the sampler, the gate, the ledger, which a second reader reads as the first left it."""
    answering.ANSWER = answer
    with tempfile.TemporaryDirectory() as place:
        ledger = looped(Path(place) / "study")
        again = Ledger(ledger.study)
        assert again.trials == ledger.trials and ledger.end
        for trial in again.trials[1:]:
            assert trial.kind not in records.UNCOUNTED and fmt.line(trial).isprintable()
            if trial.state != "REJECTED":
                assert isinstance(gate.vet(SCOPE, trial.recipe or "", trial.overrides), gate.Vetted)
                assert 0 < trial.fidelity <= 1 and 0 <= trial.seed < 2**32 and (trial.parent or 0) < trial.number


@settings(max_examples=600, deadline=None)
@given(HOSTILE)
def test_vetting_never_raises(values: dict[str, Any]) -> None:
    """Sound ones can be tried; all others can be kept."""
    proposal = vetted(Proposal(**values), VIEW)
    if proposal.faults:
        keepable(proposal)
    else:
        conformance.sound(dataclasses.replace(SCOPE, pins=VIEW.pins), proposal, VIEW.history)
