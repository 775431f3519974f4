"""A language model beside the optimiser: whose turn it is, what becomes of its answers, and a whole study with it,
killed, continued and replayed."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import scope
from hypothesis import given
from hypothesis import settings as checks
from hypothesis import strategies as st
from made import IDLE, recipe_of
from messages import Server, said, serving
from simulation import BASE, COLLAPSE, NONE, done

from intern import llm, text
from intern.config import typed
from intern.config.library import Library
from intern.config.schema import Goal, Proposer, Recipe
from intern.errors import UserError
from intern.llm import Answer, Question
from intern.overrides import Overrides
from intern.proposers import _language, _prompt, heuristic, propose
from intern.records import OPTIMISER, Left, Proposal, Score, StageRun, Trial
from intern.search import pace
from intern.search.history import History, counts
from intern.search.view import View
from intern.study import run as studies
from intern.study.asking import Asker
from intern.study.ledger import Ledger
from intern.study.reader import Reader
from intern.trial import job as jobs
from intern.trial.job import Result

RATE = {"low": 1e-5, "high": 1e-1, "log": True}
RECIPES: Mapping[str, Recipe] = {
    name: recipe_of(name, summary=f"recipe {name}", stages=["data", "sft"], tunable={
        "sft.learning_rate": RATE, "sft.max_steps": {"low": 10, "high": 100}, "sft.packing": [True, False],
    })
    for name in ("a", "b")
}  # fmt: skip
KEY = "sft.learning_rate"
NAME = "local_llm"


def settings(**given_: Any) -> Proposer:
    """Of the proposer that asks a server of one's own."""
    made: Proposer = typed.extended(Proposer, "proposers", NAME)(name=NAME, **given_)
    return made


class Model:
    """Answers in turn, and keeps the questions."""

    def __init__(self, *values: dict[str, Any] | str | None) -> None:
        self.values, self.asked = list(values), list[Question]()

    def __call__(self, question: Question) -> Answer:
        """Return the next answer; text is an error."""
        self.asked.append(question)
        value = self.values.pop(0) if self.values else "nothing more"
        return Answer(question.digest, error=value) if isinstance(value, str) else Answer(question.digest, value)


def view(model: Model | None, *trials: Trial, failures: int = 0, pins: Overrides = NONE, **given_: Any) -> View:
    """What a proposer sees after these trials."""
    goal = Goal("sums", scorer="exact_answer")
    pinned = dict.fromkeys(RECIPES, pins)
    history = History([BASE, *trials])
    return View(RECIPES, history, Left(9, 1.0), settings(**given_), pinned, 5, ask=model, failures=failures, goal=goal)


def tried(number: int, by: str, recipe: str = "a", dev: float | None = 0.3, rate: float = 1e-3) -> Trial:
    """A trial that somebody thought of."""
    return replace(done(number, Proposal(recipe, Overrides({KEY: rate + number * 1e-6})), dev), by=by)


def refused(number: int, by: str) -> Trial:
    """A trial that the gate refused."""
    return replace(tried(number, by), state="REJECTED", reason="sft.learning_rate: 7 is too large", scores=())


THREE = (tried(1, OPTIMISER), tried(2, OPTIMISER, "b"), tried(3, OPTIMISER))
GOOD = said(recipe="b", overrides=[{"key": KEY, "value": "0.02"}], expected_gain=0.1, evidence=["p1"])


def test_its_turn_comes_after_the_optimisers() -> None:
    """At 30 % its first trial is the fourth; then it has to wait until the tenth may be its third."""
    for trials in ((), THREE[:1], THREE[:2]):
        model = Model(GOOD)
        (proposal,) = propose(NAME, view(model, *trials))
        assert proposal.by == OPTIMISER and not model.asked
    (proposal,) = propose(NAME, view(Model(GOOD), *THREE))
    assert (proposal.by, proposal.recipe, proposal.overrides) == (NAME, "b", Overrides({KEY: 0.02}))
    assert (proposal.expected, proposal.spread, proposal.evidence) == (0.1, 0.1, ("p1",))
    (proposal,) = propose(NAME, view(Model(GOOD), *THREE, tried(4, NAME)))
    assert proposal.by == OPTIMISER
    (proposal,) = propose(NAME, view(Model(GOOD), *THREE, share=0.0))
    assert proposal.by == OPTIMISER
    (proposal,) = propose(NAME, view(Model(GOOD), share=1.0))
    assert proposal.by == NAME


BAD = said(recipe="b", overrides=[{"key": KEY, "value": "7"}])
CHEAP = said(recipe="b", cheap=True)
REPEAT = said(action="repeat", parent=1)
LEFT = Left(30, 0.5)
ANSWERS = st.sampled_from(["new", "new", BAD, CHEAP, REPEAT, GOOD, {**GOOD, "action": "leave"}, "overloaded", None])
STEPS = st.tuples(st.lists(ANSWERS, max_size=2), st.sampled_from([0.3, 1.0]), st.integers(1, 2000))


@given(st.lists(STEPS, min_size=5, max_size=40), st.sampled_from([0.0, 0.1, 0.3, 0.5, 1.0]), st.data())
@checks(max_examples=60, deadline=None)
def test_its_share_holds(steps: Any, share: float, data: st.DataObject) -> None:
    """Of the trials as the budget counts them, at any moment, whatever it says: refused, cheap, the same again, with
    another model, and asked once more after a kill."""
    trials: list[Trial] = []
    for number, (answers, fidelity, seconds) in enumerate(steps, 1):
        fresh = said(recipe="b", overrides=[{"key": KEY, "value": f"{1e-5 * (number + 1):.6f}"}])
        said_ = [fresh if answer == "new" else answer for answer in answers]
        seen = replace(view(Model(*said_), *trials, share=share), left=LEFT)
        (proposal,) = propose(NAME, seen)
        assert propose(NAME, replace(view(Model(*said_), *trials, share=share), left=LEFT)) == (proposal,)
        one = replace(done(number, proposal, 0.3), by=proposal.by, seconds=float(seconds))
        if proposal.faults:
            one = replace(one, state="REJECTED", reason="no", scores=(), seconds=None)
        if proposal.by == OPTIMISER:
            one = replace(one, fidelity=fidelity)
        elif data.draw(st.booleans()):
            one = replace(one, by="another")
        trials.append(one)
        own = [trial for trial in trials if trial.by != OPTIMISER]
        assert sum(map(counts, own)) <= share * sum(map(counts, trials)) + 1e-9
        before = trials[:-1]
        if proposal.by != OPTIMISER:  # it began with hours of its own: no trial can know how long it takes
            spent = sum(trial.seconds or 0 for trial in own[:-1])
            assert spent < share * (sum(trial.seconds or 0 for trial in before) + 3600 * LEFT.hours)


def test_its_share_is_had_too() -> None:
    """Of forty trials, if it always says something new."""
    trials: list[Trial] = []
    for number in range(1, 41):
        model = Model(said(recipe="b", overrides=[{"key": KEY, "value": str(1e-4 * number)}]))
        (proposal,) = propose(NAME, view(model, *trials))
        trials.append(tried(number, proposal.by, proposal.recipe, rate=1e-3 * number))
    assert sum(trial.by == NAME for trial in trials) == 12


def test_its_hours_are_a_share_too() -> None:
    """Its trial is cut to what is left of them; it is told if too little would be; with none left nobody is asked."""
    slow = [replace(trial, seconds=60.0, stages=(StageRun("sft", "sft", "o", False, 60.0),)) for trial in THREE]
    longest = said(recipe="b", overrides=[{"key": "sft.max_steps", "value": "100"}])  # at a second or so for each
    steps = {"sft.max_steps": 60}

    def of(model: Model, hours: float, *more: Trial, share: float = 0.3) -> Proposal:
        run = [replace(trial, overrides=trial.overrides | steps) for trial in (*slow, *more)]
        (proposal,) = propose(NAME, replace(view(model, *run, share=share), left=Left(9, hours)))
        return proposal

    roomy, narrow = of(Model(longest), 1.0), of(Model(longest), 0.05)
    assert (roomy.by, roomy.fidelity) == (narrow.by, 1.0) == (NAME, 1.0)
    assert narrow.fidelity * 100 <= pace.ROOM * 0.3 * (180 + 180) < 100
    model = Model(longest, longest)
    assert of(model, 0.005).by == OPTIMISER and "what is left of the budget for yours" in model.asked[1].state
    model = Model(longest)
    assert of(model, 0.05, replace(tried(4, NAME), seconds=400.0), share=0.5).by == OPTIMISER and not model.asked
    assert of(model, 0.05, replace(tried(4, NAME), seconds=40.0), share=0.5).by == NAME and model.asked


def test_a_refusal_goes_back_once_with_its_reasons() -> None:
    """In the same turn, and it costs no trial; the second one is refused, and counts."""
    model = Model(BAD, GOOD)
    (proposal,) = propose(NAME, view(model, *THREE))
    assert proposal.recipe == "b" and not proposal.faults
    assert "Your proposal was refused: recipe.sft.learning_rate: 7.0 is outside 1e-05 to 0.1" in model.asked[1].state
    model = Model(BAD, BAD, GOOD)
    (proposal,) = propose(NAME, view(model, *THREE))
    assert proposal.by == NAME and proposal.faults and len(model.asked) == 2
    model = Model(GOOD)
    (proposal,) = propose(NAME, view(model, *THREE, refused(4, NAME)))
    assert proposal.by == OPTIMISER and not model.asked
    late = view(Model(GOOD), *THREE, refused(4, NAME), *(tried(number, OPTIMISER) for number in range(5, 10)))
    assert propose(NAME, late)[0].by == NAME
    assert "REJECTED, sft.learning_rate: 7 is too large, by local_llm" in _prompt.question(late).state


def test_what_does_not_fit_is_refused_with_all_reasons() -> None:
    """Keys and values outside the contract, a recipe that is a path: the proposal carries why."""
    bad = said(recipe="../../x", overrides=[{"key": "goal.prompt", "value": "x"}, {"key": KEY, "value": "9"}])
    (proposal,) = propose(NAME, view(Model(bad, bad), *THREE))
    assert proposal.by == NAME and any("recipe" in fault for fault in proposal.faults)
    worse = said(recipe="a", overrides=[{"key": "trust_remote_code", "value": "true"}, {"key": KEY, "value": "9"}])
    (proposal,) = propose(NAME, view(Model(worse, worse), *THREE))
    assert len(proposal.faults) == 2 and any("9" in fault and "legal" in fault for fault in proposal.faults)


def test_the_same_again_is_seen() -> None:
    """It is told, once; then the optimiser goes on."""
    same = said(recipe="a", overrides=[{"key": KEY, "value": str(1e-3 + 1e-6)}])
    model = Model(same, GOOD)
    (proposal,) = propose(NAME, view(model, *(replace(trial, seed=5) for trial in THREE)))
    assert proposal.recipe == "b" and "was tried already" in model.asked[1].state
    model = Model(same, same, GOOD)
    (proposal,) = propose(NAME, view(model, *(replace(trial, seed=5) for trial in THREE)))
    assert proposal.by == OPTIMISER and len(model.asked) == 2


@pytest.mark.parametrize("silent", ["overloaded", {**GOOD, "action": "leave"}])
def test_silence_leaves_the_turn_to_the_optimiser(silent: Any) -> None:
    """An error, or the model's own wish; after three errors in a row nobody is asked."""
    (proposal,) = propose(NAME, view(Model(silent), *THREE))
    assert proposal.by == OPTIMISER
    model = Model(GOOD)
    assert propose(NAME, view(model, *THREE, failures=3))[0].by == OPTIMISER and not model.asked
    assert propose(NAME, view(None, *THREE))[0].by == OPTIMISER


def test_kinds_that_vary_a_trial() -> None:
    """Without a key, with another seed, with a change: each on the overrides that the trial had."""
    both = Overrides({KEY: 1e-3, "sft.packing": True})
    first = replace(done(1, Proposal("a", both), 0.5), by=OPTIMISER)
    stopped = replace(tried(2, OPTIMISER, dev=None), state="PRUNED", diagnosis=replace(COLLAPSE, remedies=()))
    trials = (first, stopped, THREE[2])

    def of(**answer: Any) -> Proposal:
        (proposal,) = propose(NAME, view(Model(said(**answer)), *trials))
        assert proposal.by == NAME and not proposal.faults, proposal.faults
        return proposal

    ablated = of(action="ablate", parent=1, without=[KEY])
    assert (ablated.kind, ablated.recipe, ablated.overrides) == ("ablate", "a", Overrides({"sft.packing": True}))
    repeat = of(action="repeat", parent=1)
    assert repeat.overrides == both and repeat.seed != 5
    remedy = of(action="remedy", parent=2, overrides=[{"key": KEY, "value": "0.0001"}])
    assert (remedy.kind, remedy.overrides) == ("remedy", Overrides({KEY: 1e-4}))
    ranged = {"key": KEY, "low": 1e-4, "high": 1e-3}
    sweep = of(action="sweep", recipe="b", sweep=[ranged, {"key": "sft.packing", "low": None, "high": None}])
    assert (sweep.sweep, sweep.within) == ((KEY, "sft.packing"), ((KEY, 1e-4, 1e-3),))
    assert of(recipe="b", cheap=True).fidelity == heuristic.CHEAP


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


ACTIONS = st.sampled_from(["propose", "sweep", "ablate", "remedy", ""])


@given(st.dictionaries(st.sampled_from(sorted(GOOD)), JSON), ACTIONS)
@checks(max_examples=200, deadline=None)
def test_any_answer_is_a_proposal_or_none(changes: dict[str, Any], action: str) -> None:
    """Never an exception, and nothing that was not vetted."""
    (proposal,) = propose(NAME, view(Model({**GOOD, "action": action, **changes}), *THREE))
    assert proposal.by in (NAME, OPTIMISER)
    if not proposal.faults:
        assert proposal.recipe in RECIPES and set(proposal.overrides) <= set(RECIPES["a"].contract)


def test_a_bad_models_trials_take_nothing_from_the_plan() -> None:
    """The heuristic proposes what it would without them, as long as they are no better."""
    bad = (replace(tried(4, NAME, "a", 0.01, 1e-1), fidelity=1.0), replace(tried(5, NAME, "b", 0.01), kind="sweep"))
    alone, beside = (_language.optimised(view(None, *THREE, *more)) for more in ((), bad))
    assert alone == beside


def test_the_question() -> None:
    """Rules that stay the same, no score on test, what was stopped and refused, and no more than the stated size."""
    trials: list[Trial] = []
    for number in range(1, 201):
        trial = tried(number, "heuristic", "ab"[number % 2], 0.3 + number / 1000, 1e-4 * number)
        test = Score("t", "test", "exact_match", 0.987, 0.01, 400)
        trial = replace(trial, scores=(*trial.scores, test), hypothesis="why " * 50)
        if number % 9 == 0:
            trial = replace(trial, state="PRUNED", diagnosis=COLLAPSE, scores=(), verdict=None)
        if number % 9 == 1:
            trial = replace(trial, state="REJECTED", reason="bad\x1b[31m\nforged " * 200, scores=())
        trials.append(trial)
    ten, many = (_prompt.question(view(None, *trials[:n])) for n in (10, 200))
    assert ten.rules == many.rules and ten.schema == many.schema and ten.digest != many.digest
    assert len(ten.state) < 4000 and len(many.state) <= _prompt.LONGEST
    assert "98.7" not in ten.state + many.state and "reward_collapse" in many.state and "\x1b" not in many.state
    assert "200 propose a" in many.state and "more of b; dev" in many.state
    assert _prompt.question(view(None, *trials, pins=Overrides({KEY: 1e-3}))).rules.count("(pinned)") == 2
    keys = many.schema["properties"]["overrides"]["items"]["properties"]["key"]["enum"]
    assert keys == sorted(RECIPES["a"].contract) and many.schema["additionalProperties"] is False
    assert len(text.block(many.rules)) == len(many.rules)


def scripted(recipe: str) -> Callable[[int, Any], Any]:
    """A model that proposes another rate each time; its second turn is outside the contract, told or not."""
    rates = ["2e-9", "7", "8", "3e-9", "4e-9", "5e-9"]
    return lambda number, _: said(recipe=recipe, overrides=[{"key": "sft.learning_rate", "value": rates[number]}])


@pytest.mark.slow
def test_a_study_with_a_model_of_ones_own(
    tmp_path: Path, random_model: Path, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its answers are in the ledger before they are vetted: continued it asks nothing twice, and replayed nobody."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(llm.KEY, "sk-ant-very-secret")
    Path("idle.yaml").write_text(IDLE)
    words = ("goal=arithmetic", f"model={random_model}", "recipe=idle.yaml", "goal.dev_items=8", "goal.test_items=8")
    words += ("goal.few_shot=0", "compute.threads=1", "proposer.share=0.5", "budget.trials=6", "proposer.confirm=false")
    words += ("budget.dollars=100",)

    def run(*more: str) -> Reader:
        list(studies.run(scope(library, *words, *more), library, lambda *_: None))
        return Reader(tmp_path / "outputs" / more[0].partition("=")[2])

    with serving(Server(scripted("file/idle"))) as server:
        study = run("study=one", "proposer=local_llm", f"proposer.base_url={server.url}", "proposer.model=m")
        told = [(trial.by, trial.state) for trial in study.trials[1:]]
        assert jobs.read(study.place(0)).dollars == 100 and all(trial.dollars == 0 for trial in study.trials)
        assert ("local_llm", "COMPLETE") in told and ("local_llm", "REJECTED") in told
        assert told[1] == ("local_llm", "COMPLETE") and len(study.ledger.answers) == len(server.asked) >= 3
        rows = [json.loads(line) for line in (study.folder / "ledger.jsonl").read_text().splitlines()]
        order = [(row["event"], row.get("by")) for row in rows if row["event"] in ("answer", "trial")]
        for place, (event, by) in enumerate(order):
            assert (event, by) != ("trial", "local_llm") or order[place - 1][0] == "answer"
        assert "very-secret" not in (study.folder / "ledger.jsonl").read_text()
        assert not any("very-secret" in value for headers in server.headers for value in headers.values())
        asked = len(server.asked)
    last = max(place for place, row in enumerate(rows) if row["event"] == "answer")
    kept = "".join(f"{json.dumps(row)}\n" for row in rows[: last + 1])
    (tmp_path / "outputs" / "one" / "ledger.jsonl").write_text(kept)
    again = run("study=one", "proposer=local_llm", "proposer.base_url=http://127.0.0.1:9", "proposer.retries=0")
    assert [(trial.by, trial.state) for trial in again.trials[1:]][: len(told)] == told and len(server.asked) == asked
    replayed = run("study=two", "proposer=replay", "proposer.study=outputs/one")
    came = [(trial.by.replace("replay", "local_llm"), trial.overrides, trial.state) for trial in replayed.trials]
    assert came == [(trial.by, trial.overrides, trial.state) for trial in again.trials]


def test_dollars_end_the_questions(tmp_path: Path, library: Library) -> None:
    """Once they are used nobody is asked, the study goes on, and it is said once."""
    config = scope(library, "goal=arithmetic", "model=tiny", "proposer=local_llm", "budget.dollars=0.5").config
    asker = Asker(Ledger(tmp_path), config)
    asker.source = lambda _settings, question, _asked: Answer(question.digest, dict(GOOD), dollars=0.3)
    first, second = (Question("rules", state) for state in ("one", "two"))
    assert asker(first).value == GOOD and asker(first).value == GOOD and asker.spent() == 0.3
    assert asker(second).value == GOOD and asker.spent() == 0.6
    assert asker(Question("rules", "three")).error == "the dollars of the budget are used"
    assert asker(second).value == GOOD and len(Ledger(tmp_path).answers) == 2
    asker.ledger.propose(Trial(0, "baseline", "RUNNING"))
    asker.ledger.finish(0, Result("COMPLETE", dollars=0.25))
    assert asker.spent() == Ledger(tmp_path).dollars == 0.85
    assert [note.text for note in asker.notes()] == [
        "the dollars of the budget are used: the study goes on without the language model"
    ]


@pytest.mark.parametrize("word", ["proposer.dollars_in=-5", "proposer.dollars_out=1e9", f"proposer.model={'m' * 300}"])
@pytest.mark.parametrize("name", ["claude", "local_llm", "replay"])
def test_the_ranges_hold_for_each(library: Library, name: str, word: str) -> None:
    """A proposer that has other defaults has the same bounds."""
    with pytest.raises(UserError, match=word.partition("=")[0]):
        scope(library, "goal=arithmetic", f"proposer={name}", word)
