"""The stand-ins for a language model that scripts/bench_policies.py puts into the hybrid: they answer in the form that
a model is held to, and the worst of them gets no more than its share."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from made import IDENTITY, recipe_of
from simulation import BASE, COLLAPSE, done

from intern import files, plugins
from intern.config import typed
from intern.config.schema import Goal, Proposer, Recipe
from intern.llm import Answer, Question
from intern.overrides import Overrides
from intern.proposers import propose
from intern.records import OPTIMISER, Left, Trial, Verdict
from intern.search import sampler
from intern.search.history import History, counts
from intern.search.view import View
from intern.study.ledger import Ledger
from intern.trial.job import Result

HERE = Path(__file__).resolve().parent.parent / "scripts" / "standins"
RATE = {"low": 1e-5, "high": 1e-1, "log": True}
RECIPES: Mapping[str, Recipe] = {
    name: recipe_of(name, summary=name, stages=["data", stage], tunable={
        f"{stage}.learning_rate": RATE, f"{stage}.max_steps": {"low": 10, "high": 100},
        f"{stage}.lr_scheduler_type": ["cosine", "linear"],
    })
    for name, stage in (("a", "sft"), ("b", "sft"), ("c", "grpo"))
}  # fmt: skip
KEY = "sft.learning_rate"
Told = list[tuple[Question, Answer]]


def settings(quality: str, **more: Any) -> Proposer:
    """The stand-in's."""
    made: Proposer = typed.extended(Proposer, "proposers", "standin")(name="standin", quality=quality, **more)
    return made


def view(ledger: list[Trial], told: Told, own: Proposer) -> View:
    """What it sees; its answers are kept."""
    module = plugins.load("proposers", "standin")

    def ask(question: Question) -> Answer:
        told.append((question, module.ask(own, question, len(told))))
        return told[-1][1]

    left = Left(100.0 - len(ledger), 9.0)
    return View(RECIPES, History(ledger), left, own, {"a": Overrides({KEY: 1e-3})}, 5, ask=ask, goal=Goal("sums"))


def study(folder: Path, own: Proposer, trials: int) -> tuple[list[Trial], Told]:
    """A study on a made-up score; too high a rate collapses."""
    ledger, told = [BASE], Told()
    while len(ledger) <= trials:
        seen = view(ledger, told, own)
        (proposal,) = propose("standin", seen)
        number, overrides = len(ledger), Overrides()
        if proposal.sweep and not proposal.faults:
            overrides = sampler.ask(folder, RECIPES[proposal.recipe], proposal, ledger, 5)
        trial = replace(done(number, proposal, 0.2 + number / 1000, overrides), by=proposal.by)
        trial = replace(trial, expected=proposal.expected, verdict=Verdict("undecided", 0, 9, 1, 0.02))
        if proposal.faults:
            trial = replace(trial, state="REJECTED", scores=(), verdict=None, reason=proposal.faults[0])
        elif number % 5 == 0:
            trial = replace(trial, state="PRUNED", scores=(), verdict=None, diagnosis=replace(COLLAPSE, remedies=()))
        ledger.append(trial)
    return ledger, told


@pytest.fixture(autouse=True)
def found(monkeypatch: pytest.MonkeyPatch) -> None:
    """The plug-ins are found."""
    monkeypatch.setenv("INTERN_PLUGINS", str(HERE))


@pytest.mark.parametrize("quality", ["random", "adversarial"])
def test_they_answer_in_the_form_and_get_their_share(quality: str, tmp_path: Path) -> None:
    """Chance is never refused; the worst is, wastes what it gets, and is the same again if it is asked again."""
    own = settings(quality)
    ledger, told = study(tmp_path, own, 60)
    for question, answer in told:
        faults = [fault.message for fault in Draft202012Validator(question.schema).iter_errors(answer.value)]
        assert not faults, faults
    theirs = [trial for trial in ledger if trial.by == "standin"]
    for end in range(1, len(ledger)):
        mine = sum(counts(trial) for trial in theirs if trial.number <= end)
        assert mine <= own.share * sum(map(counts, ledger[1 : end + 1])) + 1e-9  # type: ignore[attr-defined]
    assert len(theirs) >= 8 and {trial.by for trial in ledger[1:]} == {"standin", OPTIMISER}
    kinds = Counter(answer.value["action"] for _, answer in told if answer.value)
    refused = [trial for trial in theirs if trial.state == "REJECTED"]
    if quality == "random":
        assert not refused and len(kinds) >= 4
    else:
        assert refused and len(refused) < len(theirs) and len(told) > len(theirs)
        assert {trial.expected for trial in theirs if trial.state != "REJECTED"} == {1.0}
    (tmp_path / "again").mkdir()
    assert study(tmp_path / "again", own, 20)[0] == ledger[:21]


def test_the_perfect_one_says_what_was_best_elsewhere(tmp_path: Path) -> None:
    """The best config in full of the known studies that fits, then the next; then nothing."""
    files.write_whole(tmp_path / "study.json", IDENTITY)
    known = Ledger(tmp_path)
    known.propose(replace(BASE, state="RUNNING", scores=()))
    known.finish(0, Result("COMPLETE", BASE.scores))
    best = {1: ("b", 2e-3, 0.7, 1.0), 2: ("b", 3e-3, 0.9, 0.3), 3: ("a", 1e-3, 0.8, 1.0), 4: ("gone", 1e-3, 0.99, 1.0)}
    for number, (recipe, rate, dev, fidelity) in best.items():
        trial = Trial(number, "propose", "RUNNING", recipe=recipe, overrides=Overrides({KEY: rate}), fidelity=fidelity)
        known.propose(trial)
        known.finish(number, Result("COMPLETE", (replace(BASE.scores[0], value=dev),)))
    own = settings("perfect", known=[str(tmp_path)], share=1.0)
    ledger, told = [BASE], Told()
    for expected in (("a", Overrides()), ("b", Overrides({KEY: 2e-3}))):  # a's rate is pinned here
        (proposal,) = propose("standin", view(ledger, told, own))
        assert (proposal.recipe, proposal.overrides, proposal.by) == (*expected, "standin")
        pinned = Overrides({KEY: 1e-3}) if proposal.recipe == "a" else Overrides()
        ledger.append(replace(done(len(ledger), proposal, 0.5, pinned), by="standin"))
    (proposal,) = propose("standin", view(ledger, told, own))
    assert proposal.by == OPTIMISER and told[-1][1].value and told[-1][1].value["action"] == "leave"
