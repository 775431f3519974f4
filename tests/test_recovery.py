"""Recovery, on ledgers made by hand: which remedy comes next, what is searched around one that helped, where it
ends."""

from dataclasses import replace
from pathlib import Path

import pytest
from made import recipe_of

from intern.config.schema import Proposer
from intern.overrides import Overrides
from intern.records import Diagnosis, Left, Proposal, Score, StageRun, Trial, Verdict
from intern.search import recovery, sampler
from intern.search.history import History
from intern.search.view import View

NAME = "a/sft_grpo"
RATE = "grpo.learning_rate"
RECIPE = recipe_of(
    NAME,
    stages=["data", "sft", "grpo"],
    grpo={"learning_rate": 1e-3},
    tunable={RATE: {"low": 1e-6, "high": 1e-2, "log": True}, "grpo.beta": [0.0, 0.04]},
)
NONE, LOWER, LOWEST = Overrides(), Overrides({RATE: 0.0003}), Overrides({RATE: 0.0001})
BETA = Overrides({"grpo.beta": 0.04})
COLLAPSE = Diagnosis("reward_collapse", "grpo", 12, "fell", (LOWEST, LOWER, BETA))
BASE = Trial(0, "baseline", "COMPLETE", scores=(Score("t", "dev", "exact_match", 0.1, 0.01, 400),))
STOPPED = Trial(1, "propose", "PRUNED", recipe=NAME, seed=5, diagnosis=COLLAPSE, fidelity=0.3)


def view(*trials: Trial, pins: Overrides = NONE) -> View:
    """What a proposer sees after these trials."""
    history, settings = History((BASE, *trials)), Proposer(name="heuristic")
    return View({NAME: RECIPE}, history, Left(9, 1.0), settings, {NAME: pins}, seed=5)


def coming(*trials: Trial, pins: Overrides = NONE) -> list[Proposal]:
    """What is left of the plan: all that the ledger has not seen."""
    seen = view(*trials, pins=pins)
    return [proposal for proposal in recovery.remedies(seen) if proposal.sweep or not seen.tried(proposal)]


def ran(
    number: int, proposal: Proposal, dev: float | None = None, call: str = "discard", found: Overrides = NONE
) -> Trial:
    """The proposal's trial: judged against the stage's input checkpoint, or stopped again; with swept values."""
    own = proposal.overrides | found
    trial = Trial(number, proposal.kind, "PRUNED", proposal.parent, proposal.recipe, own, proposal.seed, (), COLLAPSE)
    if dev is not None:
        scores, judged = (Score("t", "dev", "exact_match", dev, 0.01, 400),), Verdict(call, 0, 20, 3, 5e-4)
        trial = replace(trial, state="COMPLETE", diagnosis=None, scores=scores, recovery=judged)
    return replace(trial, fidelity=proposal.fidelity)


def all_ran(*ends: tuple[float | None, str]) -> list[Trial]:
    """The ledger after every remedy of STOPPED has run to such an end: dev and the call."""
    proposals = coming(STOPPED)
    return [STOPPED, *(ran(n, p, *end) for n, (p, end) in enumerate(zip(proposals, ends, strict=True), 2))]


def test_the_diagnosis_sets_the_order() -> None:
    """Each remedy varies the stopped trial, with its seed and fidelity, and says what it answers to."""
    found = coming(STOPPED)
    assert [p.overrides for p in found] == [LOWEST, LOWER, BETA]
    assert {(p.kind, p.parent, p.recipe, p.seed, p.fidelity) for p in found} == {("remedy", 1, NAME, 5, 0.3)}
    assert found[0].hypothesis == "reward_collapse at step 12: grpo.learning_rate=0.0001"


def test_own_overrides_are_kept() -> None:
    """A remedy replaces the trial's value of its key, and nothing else; one that changes nothing is no remedy."""
    own = replace(STOPPED, overrides=BETA | {RATE: 0.005})
    assert [p.overrides for p in coming(own)] == [BETA | LOWEST, BETA | LOWER]


def test_the_next_one_whatever_came_of_the_first() -> None:
    """Remedies compete: all of them run, also where the first helped, failed or was refused."""
    first = coming(STOPPED)[0]
    for end in (
        ran(2, first, 0.5, "keep"),
        ran(2, first, 0.1, "undecided"),
        replace(ran(2, first), state="FAIL", diagnosis=None),
        replace(ran(2, first), state="REJECTED", diagnosis=None),
    ):
        assert [p.overrides for p in coming(STOPPED, end)][:2] == [LOWER, BETA]


@pytest.mark.parametrize("kind", ["sweep", "ablate"])
def test_no_remedy_for(kind: str) -> None:
    """A search learns from a stopped trial by itself."""
    assert coming(replace(STOPPED, kind=kind)) == []


def test_no_remedy_for_a_recipe_that_is_gone() -> None:
    """Recipes may change between two runs of a study."""
    assert coming(replace(STOPPED, recipe="gone")) == []


def test_a_pinned_key_is_no_remedy() -> None:
    """The gate would refuse it, and the budget count it."""
    pin = Overrides({RATE: 0.001})
    assert [p.overrides for p in coming(replace(STOPPED, overrides=pin), pins=pin)] == [BETA]


@pytest.mark.parametrize("failed", [None, 0.005])
def test_refinement(tmp_path: Path, failed: float | None) -> None:
    """Around the best that helped Optuna looks once, on both sides, half-way at most to the value that failed."""
    stopped = replace(STOPPED, overrides=Overrides({RATE: failed}) if failed else NONE)
    bad = failed or 1e-3
    proposals = coming(stopped)
    ends = [(0.4, "keep"), (0.5, "keep"), (0.45, "undecided")]
    trials = [stopped, *(ran(n, p, *end) for n, (p, end) in enumerate(zip(proposals, ends, strict=True), 2))]
    assert recovery.effective(stopped, History((BASE, *trials))) is trials[2]
    (refined,) = coming(*trials)
    ((key, low, high),) = refined.within
    assert (refined.kind, refined.parent, refined.sweep, refined.fidelity) == ("remedy", 1, (key,), 0.3)
    assert refined.overrides == NONE and key == "grpo.learning_rate"
    assert (
        low == pytest.approx(3e-4**2 / bad) and high == pytest.approx((3e-4 * bad) ** 0.5) and low < 3e-4 < high < bad
    )

    found = sampler.ask(tmp_path, RECIPE, refined, (BASE, *trials), 5)
    assert low <= found[key] <= high
    for end in ((0.6, "keep"), (None, "")):
        again = ran(len(trials) + 1, refined, *end, found)
        assert coming(*trials, again) == []


def test_no_refinement() -> None:
    """Where nothing helped, or a choice did: there is no number to search around."""
    assert coming(*all_ran((0.1, "undecided"), (0.1, "discard"), (0.1, "undecided"))) == []
    assert coming(*all_ran((0.1, "undecided"), (0.1, "discard"), (0.9, "keep"))) == []


def test_remedies_of_a_remedy() -> None:
    """A stopped remedy is mended once all of its rivals have failed, and no third round follows."""
    trials = all_ran((None, ""), (0.1, "undecided"), (0.1, "discard"))
    (nested,) = coming(*trials)
    assert (nested.parent, nested.overrides) == (2, BETA | LOWEST)
    deeper = ran(5, nested)
    assert recovery.ancestry(deeper, History((BASE, *trials, deeper))) == [trials[1], STOPPED]
    assert coming(*trials, deeper) == []


def test_no_remedies_of_a_remedy_whose_rival_helped() -> None:
    """The fault is mended."""
    found = coming(*all_ran((None, ""), (0.9, "keep"), (0.1, "discard")))
    assert [p.sweep for p in found] == [("grpo.learning_rate",)]


def test_remedies_before_remedies_of_remedies() -> None:
    """The first round is ended first."""
    first = ran(2, coming(STOPPED)[0])
    assert [p.parent for p in coming(STOPPED, first)][:2] == [1, 1]


def test_the_best_on_dev_is_effective() -> None:
    """Of those that were kept; what was merely better, or kept by another comparison, did not help."""
    trials = all_ran((0.4, "keep"), (0.5, "keep"), (0.9, "undecided"))
    assert recovery.effective(STOPPED, History((BASE, *trials))) is trials[2]
    kept = replace(trials[3], number=2, verdict=Verdict("keep", 0, 9, 1, 0.02))
    assert recovery.effective(STOPPED, History((BASE, STOPPED, kept))) is None
    assert recovery.effective(STOPPED, History((BASE, STOPPED, replace(trials[1], kind="repeat")))) is None


@pytest.mark.parametrize(
    ("stages", "stage", "before"),
    [
        (("synthetic", "sft", "grpo"), "grpo", ("synthetic", "sft")),
        (("data", "grpo"), "grpo", ()),  # rows are no checkpoint: the input is the base
        (("data", "sft", "grpo"), "sft", ()),
        (("data", "sft", "grpo", "polish"), "polish", ("data", "sft", "grpo")),
    ],
)
def test_the_input_checkpoint(stages: tuple[str, ...], stage: str, before: tuple[str, ...]) -> None:
    """The stages whose checkpoint is scored for the comparison, or the base itself."""
    ran = stages[: stages.index(stage) + 1]
    runs = tuple(StageRun(name, "sft" if name == "polish" else name, name, False, 1.0) for name in ran)
    stopped = replace(STOPPED, diagnosis=replace(COLLAPSE, stage=stage), stages=runs)
    assert recovery.stages_before(stopped) == before


def test_a_remedy_is_judged_at_a_share_of_the_level() -> None:
    """One of three remedies on the same items: p = 0.02 would be found by chance too often."""
    (first, *_) = coming(STOPPED)
    weak = replace(ran(2, first, 0.5, "keep"), recovery=Verdict("keep", 0, 9, 1, 0.02))
    assert recovery.effective(STOPPED, History((BASE, STOPPED, weak))) is None
    strong = replace(weak, recovery=Verdict("keep", 0, 20, 3, 5e-4))
    assert recovery.effective(STOPPED, History((BASE, STOPPED, strong))) is strong
