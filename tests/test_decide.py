"""What a study does next, case by case: each row is a ledger and the decision that it asks for."""

from dataclasses import replace

import pytest

from intern.overrides import Overrides
from intern.records import Diagnosis, Left, Proposal, Score, Trial, Verdict
from intern.search.history import History
from intern.study.decide import Ask, Begin, Confirm, Decision, End, Judge, Run, State, Wait, decide

FULL = "score: no space left on device: 0.0 MB free"
SHORT = "sft: out of memory: MemoryError:"
PLENTY = Left(10.0, 1.0)
IDEA = Proposal("r", Overrides({"sft.x": 1}))
REFUSED = Proposal("r", faults=("no such key",))
REMEDY = Proposal("r", Overrides({"sft.x": 2}), "remedy", parent=1)


def score(value: float, split: str = "dev") -> Score:
    """A score over a hundred items."""
    return Score("t", split, "exact_match", value, 0.01, 100)


def trial(number: int, kind: str = "propose", state: str = "COMPLETE", **more: object) -> Trial:
    """A trial that ran, judged if it was to be."""
    scores = (score(0.5),) if state == "COMPLETE" else ()
    judged = kind not in ("baseline", "confirm") and state == "COMPLETE"
    verdict = Verdict("undecided", 0, 1, 1, 1.0) if judged else None
    values = {"recipe": None if kind == "baseline" else "r", "scores": scores, "verdict": verdict, **more}
    return Trial(number, kind, state, **values)  # type: ignore[arg-type]


BASE = trial(0, "baseline")
KEPT = trial(1, verdict=Verdict("keep", 0, 9, 0, 0.001))
STOPPED = trial(1, state="PRUNED", diagnosis=Diagnosis("nan", "grpo", 3, "not finite", (Overrides({"grpo.x": 1}),)))
ROLLBACK = trial(2, "rollback", parent=1)
MENDED = trial(3, "remedy", parent=1)
TESTED = trial(2, "confirm", parent=1, scores=(score(0.5, "test"),))


def short(*numbers: int) -> list[Trial]:
    """Trials that memory did not suffice for."""
    return [trial(number, state="FAIL", reason=SHORT) for number in numbers]


def state(*trials: Trial, **more: object) -> State:
    """Where a study with this ledger stands."""
    return State(trials, History(trials), **{"left": PLENTY, **more})  # type: ignore[arg-type]


CASES: list[tuple[str, State, Decision]] = [
    ("a new study scores its base first", state(), Begin("baseline")),
    ("what the ledger names gets a worker", state(trial(0, "baseline", "RUNNING")), Run(0)),
    ("and only one", state(trial(0, "baseline", "RUNNING"), running=frozenset({0})), Wait()),
    ("a baseline that failed earlier is tried again", state(trial(0, "baseline", "FAIL")), Begin("baseline")),
    (
        "one that failed now is for a person",
        state(trial(0, "baseline", "FAIL", reason="boom"), fresh=frozenset({0})),
        End("the baseline could not be scored", "boom"),
    ),
    ("then the proposer is asked", state(BASE), Ask()),
    ("what it says is tried", state(BASE, queue=(IDEA,)), Begin("propose", IDEA)),
    (
        "a trial that cannot fit into the hours is not begun",
        state(BASE, replace(KEPT, seconds=60.0), queue=(IDEA,), left=Left(10.0, 0.01)),
        Begin("confirm", parent=1, reason="36 seconds of the budget are left, and r at its shortest takes 60"),
    ),
    (
        "a refusal needs no time: it ends no search",
        state(BASE, replace(KEPT, seconds=60.0), queue=(REFUSED,), left=Left(0.5, 0.01)),
        Begin("propose", REFUSED),
    ),
    (
        "nothing more to say, and nothing better",
        state(BASE, asked=True),
        Confirm(None, "the proposer has nothing more to try"),
    ),
    (
        "a score is judged before anything new",
        state(BASE, replace(KEPT, verdict=None), queue=(IDEA,)),
        Judge(1, 0, "verdict"),
    ),
    ("against the incumbent", state(BASE, KEPT, trial(2, verdict=None)), Judge(2, 1, "verdict")),
    ("a stopped trial has no score to judge", state(BASE, STOPPED), Ask()),
    (
        "the stopped stage's input checkpoint is scored before a remedy",
        state(BASE, STOPPED, queue=(REMEDY,), before={1: ("sft",)}),
        Begin("rollback", parent=1),
    ),
    ("once", state(BASE, STOPPED, ROLLBACK, queue=(REMEDY,), before={1: ("sft",)}), Begin("remedy", REMEDY)),
    (
        "if it was the base, that is known",
        state(BASE, STOPPED, queue=(REMEDY,), before={1: ()}),
        Begin("remedy", REMEDY),
    ),
    (
        "again, if the disk was full",
        state(BASE, STOPPED, replace(ROLLBACK, state="FAIL", reason=FULL), queue=(REMEDY,), before={1: ("sft",)}),
        Begin("rollback", parent=1),
    ),
    (
        "memory that did not suffice so often ends the study, whatever is left to try",
        state(BASE, *short(1, 2, 3, 4), queue=(IDEA,), fresh=frozenset(range(5))),
        End("memory did not suffice 4 times in a row", SHORT),
    ),
    (
        "not before the others that run have ended",
        state(BASE, *short(1, 2, 3, 4), trial(5, state="RUNNING"), fresh=frozenset(range(5)), running=frozenset({5})),
        Wait(),
    ),
    (
        "nor if one between them ran",
        state(BASE, KEPT, *short(2, 3, 4), queue=(IDEA,), fresh=frozenset(range(5))),
        Begin("propose", IDEA),
    ),
    ("what failed in another coordinator's time is tried anew", state(BASE, *short(1, 2, 3, 4)), Ask()),
    (
        "a baseline without hours is for a person",
        state(trial(0, "baseline", "FAIL"), left=Left(9.0, 0.0)),
        End("the baseline could not be scored", "the hours of the budget are used. Give more (budget.hours=…)"),
    ),
    (
        "a remedy is held against it",
        state(BASE, STOPPED, ROLLBACK, MENDED, before={1: ("sft",)}),
        Judge(3, 2, "recovery"),
    ),
    ("or against the base", state(BASE, STOPPED, ROLLBACK, MENDED, before={1: ()}), Judge(3, 0, "recovery")),
    (
        "not if that could not be scored",
        state(BASE, STOPPED, replace(ROLLBACK, state="FAIL", verdict=None), MENDED, before={1: ("sft",)}),
        Ask(),
    ),
    (
        "the target ends the search",
        state(BASE, KEPT, target=0.5),
        Begin("confirm", parent=1, reason="the target of 0.5 is met on dev"),
    ),
    ("the base alone meets no target", state(BASE, target=0.1), Ask()),
    (
        "so do the trials",
        state(BASE, KEPT, left=Left(0.0, 1.0), queue=(IDEA,)),
        Begin("confirm", parent=1, reason="all trials of the budget are used"),
    ),
    (
        "and the hours",
        state(BASE, left=Left(1.0, -0.1)),
        Confirm(None, "the hours of the budget are used"),
    ),
    (
        "no trial is begun that goes over the budget",
        state(BASE, KEPT, left=Left(0.4, 1.0), queue=(IDEA,)),
        Begin("confirm", parent=1, reason="0.4 of the budget's trials is left, and the next one counts 1"),
    ),
    (
        "a search without confirmation just ends",
        state(BASE, KEPT, asked=True, confirm=False),
        End("the proposer has nothing more to try"),
    ),
    ("a tested winner is published", state(BASE, KEPT, TESTED, reason="so"), Confirm(1, "so")),
    ("and nothing is tried after it", state(BASE, KEPT, TESTED, queue=(IDEA,), reason="so"), Confirm(1, "so")),
    (
        "a confirmation that failed earlier is tried again",
        state(BASE, KEPT, replace(TESTED, state="FAIL", scores=()), asked=True),
        Begin("confirm", parent=1, reason="the proposer has nothing more to try"),
    ),
    (
        "one that failed now is for a person",
        state(BASE, KEPT, replace(TESTED, state="FAIL", scores=(), reason="boom"), asked=True, fresh=frozenset({2})),
        End("the winner could not be confirmed", "boom"),
    ),
    # several at once
    ("a free slot is filled", state(BASE, trial(1, state="RUNNING"), running=frozenset({1}), slots=2), Ask()),
    ("a full house waits", state(BASE, trial(1, state="RUNNING"), running=frozenset({1}), queue=(IDEA,)), Wait()),
    (
        "a trial that lost its coordinator is taken up before anything new",
        state(
            BASE, trial(1, state="RUNNING"), trial(2, state="RUNNING"), running=frozenset({2}), slots=2, queue=(IDEA,)
        ),
        Run(1),
    ),
    (
        "nothing to propose yet is not the end while something runs",
        state(BASE, trial(1, state="RUNNING"), running=frozenset({1}), slots=2, asked=True),
        Wait(),
    ),
    (
        "the winner waits for those under way",
        state(BASE, KEPT, trial(2, state="RUNNING"), running=frozenset({2}), slots=2, left=Left(0.0, 1.0)),
        Wait(),
    ),
    (
        "the baseline runs alone",
        state(trial(0, "baseline", "RUNNING"), running=frozenset({0}), slots=4, queue=(IDEA,)),
        Wait(),
    ),
    ("a refusal is no trial", state(BASE, trial(1, state="REJECTED", reason="no")), Ask()),
]


@pytest.mark.parametrize(("stands", "wanted"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_decide(stands: State, wanted: Decision) -> None:
    """The same state asks for the same decision, always."""
    assert decide(stands) == wanted == decide(stands)
