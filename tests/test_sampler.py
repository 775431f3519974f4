"""The sampler: a real Optuna journal, fed from the ledger, and rebuilt from it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intern.config import library
from intern.config.schema import Recipe
from intern.overrides import Overrides
from intern.records import Proposal, Score, Trial
from intern.search import sampler
from intern.search.sampler import Space

NAME = "generated/grpo"
KEYS = ("grpo.beta", "grpo.learning_rate", "grpo.temperature")


def opened(*keys: str) -> Recipe:
    """A real recipe with a part of its contract."""
    recipe = library.read(library.FOLDER / f"{NAME}.yaml")[0]
    return replace(recipe, tunable={key: recipe.tunable[key] for key in keys})


GRPO = opened(*KEYS)
NOTHING = Overrides()


def ask(
    folder: Path,
    trials: Sequence[Trial],
    seed: int = 0,
    keys: tuple[str, ...] = KEYS,
    within: tuple[tuple[str, float, float], ...] = (),
    recipe: Recipe = GRPO,
    fidelity: float = 1.0,
) -> Overrides:
    """What the sampler fills in for the next trial."""
    proposal = Proposal(NAME, kind="sweep", sweep=keys, within=within, fidelity=fidelity)
    return sampler.ask(folder, recipe, proposal, trials, seed)


def score(value: float, split: str = "dev") -> Score:
    """One task's score."""
    return Score("t", split, "exact_match", value, 0.01, 400)


BASE = Trial(0, "baseline", "COMPLETE", scores=(score(0.1), score(0.2, "test")))


def ended(number: int, found: Overrides, value: float | None) -> Trial:
    """A sweep's trial that ran with these values to this dev score, or failed."""
    scores = () if value is None else (score(value), score(0.987, "test"))
    return Trial(number, "sweep", "FAIL" if value is None else "COMPLETE", 0, NAME, found, scores=scores)


def told(folder: Path) -> list[Any]:
    """Optuna's own view of the journal: its trials."""
    return sampler.load(folder, NAME).get_trials(deepcopy=False)


def swept(folder: Path, trials: list[Trial], values: list[float | None]) -> None:
    """Ask and end one trial for each value."""
    for value in values:
        found = ask(folder, trials)
        trials.append(ended(len(trials), found, value))


def test_asked_values_are_in_the_contract(tmp_path: Path) -> None:
    """Every value passes the contract's own reader and is of its type."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, trials, [0.2, 0.4, 0.3, 0.5, 0.6, 0.5])
    for trial in trials[1:]:
        assert set(trial.overrides) == set(KEYS)
        for key, value in trial.overrides.items():
            read = GRPO.contract[key].check(value)
            assert read == value and type(read) is type(value) is GRPO.contract[key].kind


def test_finished_trials_are_told(tmp_path: Path) -> None:
    """Each asked trial that ended has its dev score; a failed one none; the last waits."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, trials, [0.2, None, 0.4])
    ask(tmp_path, trials)
    seen = told(tmp_path)
    assert [t.state.name for t in seen] == ["COMPLETE", "FAIL", "COMPLETE", "RUNNING"]
    assert [t.value for t in seen] == [0.2, None, 0.4, None]
    assert [t.user_attrs["trial"] for t in seen] == [1, 2, 3, 4]


def test_what_never_ran_is_given_back(tmp_path: Path) -> None:
    """Asked by a coordinator that died: the same trial is asked anew, with the same values."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, trials, [0.2, 0.4, 0.3, 0.5])
    asked = [ask(tmp_path, trials) for _ in range(3)]
    assert asked[0] == asked[1] == asked[2]
    assert [t.state.name for t in told(tmp_path)][4:] == ["FAIL", "FAIL", "RUNNING"]


def test_another_trial_in_its_place_is_not_taken_for_it(tmp_path: Path) -> None:
    """A number that went to another proposal does not lend its score to the values that were asked."""
    found = ask(tmp_path, [BASE])
    other = ended(1, found | {"grpo.learning_rate": 1e-3}, 0.9)
    ask(tmp_path, [BASE, other])
    seen = told(tmp_path)
    assert [(t.state.name, t.value) for t in seen[:2]] == [("FAIL", None), ("COMPLETE", 0.9)]
    assert seen[1].params["grpo.learning_rate"] == 1e-3


def test_rebuilt_from_the_ledger(tmp_path: Path) -> None:
    """Without its journal the search knows the same and asks the same."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, trials, [0.2, None, 0.4, 0.3, 0.5])
    first = ask(tmp_path, trials)
    known = {t.user_attrs["trial"]: (t.params, t.value) for t in told(tmp_path) if t.state.name == "COMPLETE"}
    (tmp_path / sampler.JOURNAL).unlink()
    assert ask(tmp_path, trials) == first
    again = {t.user_attrs["trial"]: (t.params, t.value) for t in told(tmp_path) if t.state.name == "COMPLETE"}
    assert again == known and set(known) == {1, 3, 4, 5}


@pytest.mark.parametrize("torn", [b'{"op_code": 4, "wor', b"{", b"\xff"])
def test_a_torn_journal(tmp_path: Path, torn: bytes) -> None:
    """A line cut by a crash, and the lock of the process that crashed, stop nothing."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, trials, [0.2, 0.4])
    first = ask(tmp_path, trials)
    with (tmp_path / sampler.JOURNAL).open("ab") as file:
        file.write(torn)
    (tmp_path / f"{sampler.JOURNAL}.lock").symlink_to(tmp_path / sampler.JOURNAL)
    assert ask(tmp_path, trials) == first


def test_a_journal_cut_anywhere(tmp_path: Path) -> None:
    """Wherever a crash leaves the journal, what was finished is known again."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, trials, [0.2, 0.4])
    text = (tmp_path / sampler.JOURNAL).read_bytes()
    for cut in range(0, len(text), len(text) // 7):
        (tmp_path / sampler.JOURNAL).write_bytes(text[:cut])
        ask(tmp_path, trials)
        complete = [t.user_attrs["trial"] for t in told(tmp_path) if t.state.name == "COMPLETE"]
        assert sorted(complete) == [1, 2]


def test_baseline_confirmation_and_test_scores_never_enter(tmp_path: Path) -> None:
    """Only trials of this recipe enter, with what they scored on dev."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, trials, [0.2])
    trials.append(replace(trials[1], number=2, kind="confirm", scores=(score(0.99, "test"),)))
    trials.append(replace(trials[1], number=3, recipe="generated/sft", overrides=NOTHING))
    trials.append(Trial(4, "propose", "COMPLETE", recipe=NAME, scores=(score(0.3), score(0.95, "test"))))
    trials.append(Trial(5, "propose", "COMPLETE", recipe=NAME, scores=(score(0.95, "test"),)))
    trials.append(Trial(6, "propose", "REJECTED", recipe=NAME, overrides=Overrides({"grpo.learning_rate": 9.0})))
    ask(tmp_path, trials)
    complete = {t.user_attrs["trial"]: t.value for t in told(tmp_path) if t.state.name == "COMPLETE"}
    assert complete == {1: 0.2, 4: 0.3}
    text = (tmp_path / sampler.JOURNAL).read_text()
    assert not any(number in text for number in ("0.987", "0.95", "0.99"))


def test_another_proposers_trial_counts_with_the_recipes_own_values(tmp_path: Path) -> None:
    """Its overrides, else the recipe's values; a key that the recipe leaves unset is left out."""
    own = Overrides({"grpo.beta": 0.01})
    tried = Trial(1, "propose", "COMPLETE", recipe=NAME, overrides=own, scores=(score(0.3),))
    ask(tmp_path, [BASE, tried])
    assert told(tmp_path)[0].params == {"grpo.beta": 0.01, "grpo.learning_rate": 5e-5}


def test_a_pin_outside_the_contract(tmp_path: Path) -> None:
    """The person's right, and no part of the sampler's space."""
    own = Overrides({"grpo.learning_rate": 0.5, "grpo.beta": 0.01})
    tried = Trial(1, "sweep", "COMPLETE", 0, NAME, own, scores=(score(0.3),))
    ask(tmp_path, [BASE, tried], keys=("grpo.beta",))
    assert told(tmp_path)[0].params == {"grpo.beta": 0.01}


def test_seeds_differ(tmp_path: Path) -> None:
    """Another seed of the study, or a longer ledger, asks for other values."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "c").mkdir()
    failed = Trial(1, "propose", "FAIL", recipe=NAME)
    found = [ask(tmp_path / "a", [BASE]), ask(tmp_path / "b", [BASE], 7), ask(tmp_path / "c", [BASE, failed])]
    assert len({values["grpo.learning_rate"] for values in found}) == 3


def test_within_is_kept(tmp_path: Path) -> None:
    """A narrowed range holds for each value that is asked, at its ends too, and for that ask alone."""
    key, low, high = "grpo.learning_rate", 3.21e-5, 3.34e-5
    trials: list[Trial] = [BASE, Trial(1, "propose", "COMPLETE", recipe=NAME, scores=(score(0.3),))]
    for value in (0.2, 0.3, 0.4, 0.5, 0.6):
        found = ask(tmp_path, trials, within=((key, low, high),))
        assert set(found) == set(KEYS) and low <= found[key] <= high
        trials.append(ended(len(trials), found, value))
    free = [ask(tmp_path, trials, seed)[key] for seed in range(6)]
    assert any(not low <= value <= high for value in free)


def test_within_is_cut_to_the_contract(tmp_path: Path) -> None:
    """What lies beyond the contract stays closed."""
    key = "grpo.learning_rate"
    for seed in range(6):
        found = ask(tmp_path, [BASE], seed, (key,), ((key, 1e-9, 3e-6),))
        assert GRPO.contract[key].low <= found[key] <= 3e-6


def test_a_finite_space_is_asked_once(tmp_path: Path) -> None:
    """No combination comes twice while one is left, what other proposers tried included; then one comes again."""
    keys = ("grpo.beta", "grpo.num_generations")
    finite = opened(*keys)
    every = {(beta, n) for beta in finite.contract[keys[0]].options for n in finite.contract[keys[1]].options}
    own = Overrides({"grpo.beta": 0.01})
    trials = [BASE, Trial(1, "propose", "COMPLETE", recipe=NAME, overrides=own, scores=(score(0.9),))]
    for _ in range(len(every) - 1):
        found = ask(tmp_path, trials, keys=keys, recipe=finite)
        trials.append(ended(len(trials), found, found["grpo.beta"] + 0.3))
    space = Space.of(finite)
    assert {tuple(space.values(trial.overrides)[key] for key in keys) for trial in trials[1:]} == every
    assert set(ask(tmp_path, trials, keys=keys, recipe=finite)) == set(keys)


def test_a_part_of_the_contract_rebuilt_from_the_ledger(tmp_path: Path) -> None:
    """Keys that are not asked change nothing."""
    whole = GRPO.with_({"grpo.beta": 0.01})
    trials: list[Trial] = [BASE]
    for value in (0.2, None, 0.4, 0.3, 0.5):
        trials.append(ended(len(trials), ask(tmp_path, trials, keys=KEYS[1:], recipe=whole), value))
    first = ask(tmp_path, trials, keys=KEYS[1:], recipe=whole)
    (tmp_path / sampler.JOURNAL).unlink()
    assert ask(tmp_path, trials, keys=KEYS[1:], recipe=whole) == first


def test_what_was_stopped_is_told(tmp_path: Path) -> None:
    """TPE ranks it below all that has a score, and so leaves its region; a failure says nothing."""
    trials: list[Trial] = [BASE]
    for _ in range(12):
        found = ask(tmp_path, trials, keys=("grpo.learning_rate",))
        trial = ended(len(trials), found, 0.3 if found["grpo.learning_rate"] < 1e-4 else None)
        trials.append(trial if trial.scores else replace(trial, state="PRUNED"))
    ask(tmp_path, trials, keys=("grpo.learning_rate",))
    assert {t.state.name for t in told(tmp_path)} == {"COMPLETE", "PRUNED", "RUNNING"}
    assert sum(t.state == "PRUNED" for t in trials[7:]) <= 3  # of six; all six where nothing is told


def test_a_rollback_is_no_result_of_its_values(tmp_path: Path) -> None:
    """Its score is that of the stage before."""
    own = Overrides({"grpo.learning_rate": 0.001})
    rolled = Trial(1, "rollback", "COMPLETE", 0, NAME, own, scores=(score(0.9),))
    ask(tmp_path, [BASE, rolled])
    assert [t.state.name for t in told(tmp_path)] == ["RUNNING"]


def test_what_runs_beside_is_not_given_back(tmp_path: Path) -> None:
    """With several slots a trial is asked while others run: their values stay asked, are not drawn again, and are told
    in whatever order they end."""
    trials: list[Trial] = [BASE]
    for _ in range(3):
        found = ask(tmp_path, trials)
        trials.append(replace(ended(len(trials), found, None), state="RUNNING"))
    assert [t.state.name for t in told(tmp_path)] == ["RUNNING"] * 3
    assert len({trial.overrides for trial in trials[1:]}) == 3
    trials[3] = ended(3, trials[3].overrides, 0.3)
    ask(tmp_path, trials)
    assert [(t.state.name, t.value) for t in told(tmp_path)] == [
        ("RUNNING", None), ("RUNNING", None), ("COMPLETE", 0.3), ("RUNNING", None)
    ]  # fmt: skip
    trials += [ended(4, told_values(tmp_path, 4), 0.4)]
    trials[1:3] = [replace(trials[1], state="FAIL"), ended(2, trials[2].overrides, 0.2)]
    ask(tmp_path, trials)
    assert [t.value for t in told(tmp_path)] == [None, 0.2, 0.3, 0.4, None]
    assert [t.user_attrs["trial"] for t in told(tmp_path)] == [1, 2, 3, 4, 5]


def told_values(folder: Path, number: int) -> Overrides:
    """The values that were asked for a trial."""
    return Overrides(next(t.params for t in told(folder) if t.user_attrs["trial"] == number))


def test_another_fidelity_says_nothing(tmp_path: Path) -> None:
    """A score after a third of the steps is no score of the whole; what was tried cheaply may be tried in full."""
    finite = opened("grpo.beta")
    options = finite.contract["grpo.beta"].options
    trials: list[Trial] = [BASE]
    for _ in options:
        found = ask(tmp_path, trials, keys=("grpo.beta",), recipe=finite, fidelity=0.3)
        trials.append(replace(ended(len(trials), found, 0.2), fidelity=0.3))
    assert {trial.overrides["grpo.beta"] for trial in trials[1:]} == set(options)
    (tmp_path / sampler.JOURNAL).unlink()
    for _ in options:
        found = ask(tmp_path, trials, keys=("grpo.beta",), recipe=finite)
        trials.append(ended(len(trials), found, 0.3))
    assert {trial.overrides["grpo.beta"] for trial in trials if trial.number > len(options)} == set(options)
    assert {t.value for t in told(tmp_path) if t.value is not None} == {0.3}
