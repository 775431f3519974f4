"""The search: a real Optuna journal, fed from the ledger, and rebuilt from it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from intern.config import contract, library, schema
from intern.config.contract import Value
from intern.records import Score, Trial
from intern.search import sampler
from intern.search.sampler import Space

NAME = "generated/grpo"
KEYS = ("grpo.beta", "grpo.learning_rate", "grpo.temperature")


@pytest.fixture(scope="module")
def space() -> Space:
    """The search space of a real recipe, as far as these tests go."""
    recipe = library.load(NAME)
    opened, own = contract.read(recipe.tunable)[0], dict(schema.flat(recipe))
    bounds = {key: opened[key] for key in KEYS}
    return Space(bounds, {key: own[key] for key in bounds})


def score(value: float, split: str = "dev") -> Score:
    """One task's score."""
    return Score("t", split, "exact_match", value, 0.01, 400)


BASE = Trial(0, "baseline", "COMPLETE", scores=(score(0.1), score(0.2, "test")))


def ended(number: int, found: dict[str, Value], value: float | None) -> Trial:
    """A sweep's trial that ran with these values to this dev score, or failed."""
    words = tuple(f"recipe.{key}={contract.show(v)}" for key, v in found.items())
    scores = () if value is None else (score(value), score(0.987, "test"))
    return Trial(number, "sweep", "FAIL" if value is None else "COMPLETE", 0, NAME, words, scores=scores)


def told(folder: Path) -> list[Any]:
    """Optuna's own view of the journal: its trials."""
    return sampler.load(folder, NAME).get_trials(deepcopy=False)


def swept(folder: Path, space: Space, trials: list[Trial], values: list[float | None]) -> None:
    """Ask and end one trial for each value."""
    for value in values:
        found = sampler.ask(folder, NAME, space, KEYS, trials, 0)
        trials.append(ended(len(trials), found, value))


def test_asked_values_are_in_the_contract(tmp_path: Path, space: Space) -> None:
    """Every value passes the contract's own reader and is of its type."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, space, trials, [0.2, 0.4, 0.3, 0.5, 0.6, 0.5])
    for trial in trials[1:]:
        read = sampler.values(trial, space)
        assert set(read) == set(KEYS) and None not in read.values()


def test_finished_trials_are_told(tmp_path: Path, space: Space) -> None:
    """Each asked trial that ended has its dev score; a failed one none; the last waits."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, space, trials, [0.2, None, 0.4])
    sampler.ask(tmp_path, NAME, space, KEYS, trials, 0)
    seen = told(tmp_path)
    assert [t.state.name for t in seen] == ["COMPLETE", "FAIL", "COMPLETE", "RUNNING"]
    assert [t.value for t in seen] == [0.2, None, 0.4, None]
    assert [t.user_attrs["trial"] for t in seen] == [1, 2, 3, 4]


def test_what_never_ran_is_given_back(tmp_path: Path, space: Space) -> None:
    """Asked by a coordinator that died: the same trial is asked anew, with the same values."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, space, trials, [0.2, 0.4, 0.3, 0.5])
    asked = [sampler.ask(tmp_path, NAME, space, KEYS, trials, 0) for _ in range(3)]
    assert asked[0] == asked[1] == asked[2]
    assert [t.state.name for t in told(tmp_path)][4:] == ["FAIL", "FAIL", "RUNNING"]


def test_another_trial_in_its_place_is_not_taken_for_it(tmp_path: Path, space: Space) -> None:
    """A number that went to another proposal does not lend its score to the values that were asked."""
    found = sampler.ask(tmp_path, NAME, space, KEYS, [BASE], 0)
    other = ended(1, {**found, "grpo.learning_rate": 1e-3}, 0.9)
    sampler.ask(tmp_path, NAME, space, KEYS, [BASE, other], 0)
    seen = told(tmp_path)
    assert [(t.state.name, t.value) for t in seen[:2]] == [("FAIL", None), ("COMPLETE", 0.9)]
    assert seen[1].params["grpo.learning_rate"] == 1e-3


def test_rebuilt_from_the_ledger(tmp_path: Path, space: Space) -> None:
    """Without its journal the search knows the same and asks the same."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, space, trials, [0.2, None, 0.4, 0.3, 0.5])
    first = sampler.ask(tmp_path, NAME, space, KEYS, trials, 0)
    known = {t.user_attrs["trial"]: (t.params, t.value) for t in told(tmp_path) if t.state.name == "COMPLETE"}
    (tmp_path / sampler.JOURNAL).unlink()
    assert sampler.ask(tmp_path, NAME, space, KEYS, trials, 0) == first
    again = {t.user_attrs["trial"]: (t.params, t.value) for t in told(tmp_path) if t.state.name == "COMPLETE"}
    assert again == known and set(known) == {1, 3, 4, 5}


@pytest.mark.parametrize("torn", [b'{"op_code": 4, "wor', b"{", b"\xff"])
def test_a_torn_journal(tmp_path: Path, space: Space, torn: bytes) -> None:
    """A line cut by a crash, and the lock of the process that crashed, stop nothing."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, space, trials, [0.2, 0.4])
    first = sampler.ask(tmp_path, NAME, space, KEYS, trials, 0)
    with (tmp_path / sampler.JOURNAL).open("ab") as file:
        file.write(torn)
    (tmp_path / f"{sampler.JOURNAL}.lock").symlink_to(tmp_path / sampler.JOURNAL)
    assert sampler.ask(tmp_path, NAME, space, KEYS, trials, 0) == first


def test_a_journal_cut_anywhere(tmp_path: Path, space: Space) -> None:
    """Wherever a crash leaves the journal, what was finished is known again."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, space, trials, [0.2, 0.4])
    text = (tmp_path / sampler.JOURNAL).read_bytes()
    for cut in range(0, len(text), len(text) // 7):
        (tmp_path / sampler.JOURNAL).write_bytes(text[:cut])
        sampler.ask(tmp_path, NAME, space, KEYS, trials, 0)
        complete = [t.user_attrs["trial"] for t in told(tmp_path) if t.state.name == "COMPLETE"]
        assert sorted(complete) == [1, 2]


def test_baseline_confirmation_and_test_scores_never_enter(tmp_path: Path, space: Space) -> None:
    """Only trials of this recipe enter, with what they scored on dev."""
    trials: list[Trial] = [BASE]
    swept(tmp_path, space, trials, [0.2])
    trials.append(replace(trials[1], number=2, kind="confirm", scores=(score(0.99, "test"),)))
    trials.append(replace(trials[1], number=3, recipe="generated/sft", overrides=()))
    trials.append(Trial(4, "propose", "COMPLETE", recipe=NAME, scores=(score(0.3), score(0.95, "test"))))
    trials.append(Trial(5, "propose", "COMPLETE", recipe=NAME, scores=(score(0.95, "test"),)))
    trials.append(Trial(6, "propose", "REJECTED", recipe=NAME, overrides=("recipe.grpo.learning_rate=9",)))
    sampler.ask(tmp_path, NAME, space, KEYS, trials, 0)
    complete = {t.user_attrs["trial"]: t.value for t in told(tmp_path) if t.state.name == "COMPLETE"}
    assert complete == {1: 0.2, 4: 0.3}
    text = (tmp_path / sampler.JOURNAL).read_text()
    assert not any(number in text for number in ("0.987", "0.95", "0.99"))


def test_another_proposers_trial_counts_with_the_recipes_own_values(tmp_path: Path, space: Space) -> None:
    """Its overrides, else the recipe's values; a key that the recipe leaves unset is left out."""
    tried = Trial(1, "propose", "COMPLETE", recipe=NAME, overrides=("recipe.grpo.beta=0.01",), scores=(score(0.3),))
    sampler.ask(tmp_path, NAME, space, KEYS, [BASE, tried], 0)
    assert told(tmp_path)[0].params == {"grpo.beta": 0.01, "grpo.learning_rate": 5e-5}


def test_a_pin_outside_the_contract(tmp_path: Path, space: Space) -> None:
    """The person's right, and no part of the sampler's space."""
    tried = Trial(1, "sweep", "COMPLETE", 0, NAME, ("recipe.grpo.learning_rate=0.5", "recipe.grpo.beta=0.01"))
    tried = replace(tried, scores=(score(0.3),))
    sampler.ask(tmp_path, NAME, space, ("grpo.beta",), [BASE, tried], 0)
    assert told(tmp_path)[0].params == {"grpo.beta": 0.01}


def test_seeds_differ(tmp_path: Path, space: Space) -> None:
    """Another seed of the study, or a longer ledger, asks for other values."""
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    one = sampler.ask(tmp_path / "a", NAME, space, KEYS, [BASE], 0)
    other = sampler.ask(tmp_path / "b", NAME, space, KEYS, [BASE], 7)
    assert one["grpo.learning_rate"] != other["grpo.learning_rate"]


def test_within_is_kept(tmp_path: Path, space: Space) -> None:
    """A narrowed range holds for each value that is asked, at its ends too, and for that ask alone."""
    key, low, high = "grpo.learning_rate", 3.21e-5, 3.34e-5
    trials: list[Trial] = [BASE, Trial(1, "propose", "COMPLETE", recipe=NAME, scores=(score(0.3),))]
    for value in (0.2, 0.3, 0.4, 0.5, 0.6):
        found = sampler.ask(tmp_path, NAME, space, KEYS, trials, 0, ((key, low, high),))
        assert set(found) == set(KEYS) and low <= found[key] <= high
        trials.append(ended(len(trials), found, value))
    free = [sampler.ask(tmp_path, NAME, space, KEYS, trials, seed)[key] for seed in range(6)]
    assert any(not low <= value <= high for value in free)


def test_within_is_cut_to_the_contract(tmp_path: Path, space: Space) -> None:
    """What lies beyond the contract stays closed."""
    key = "grpo.learning_rate"
    for seed in range(6):
        found = sampler.ask(tmp_path, NAME, space, (key,), [BASE], seed, ((key, 1e-9, 3e-6),))
        assert space.bounds[key].low <= found[key] <= 3e-6


def test_a_finite_space_is_asked_once(tmp_path: Path) -> None:
    """No combination comes twice while one is left, what other proposers tried included; then one comes again."""
    keys = ("grpo.beta", "grpo.num_generations")
    bounds = {key: domain for key, domain in contract.read(library.load(NAME).tunable)[0].items() if key in keys}
    finite = Space(bounds, {"grpo.beta": None, "grpo.num_generations": 8})
    every = {(beta, n) for beta in bounds[keys[0]].options for n in bounds[keys[1]].options}
    own = Trial(1, "propose", "COMPLETE", recipe=NAME, overrides=("recipe.grpo.beta=0.01",), scores=(score(0.9),))
    trials: list[Trial] = [BASE, own]
    for _ in range(len(every) - 1):
        found = sampler.ask(tmp_path, NAME, finite, keys, trials, 0)
        trials.append(ended(len(trials), found, found["grpo.beta"] + 0.3))
    assert {tuple(sampler.values(trial, finite)[key] for key in keys) for trial in trials[1:]} == every
    assert set(sampler.ask(tmp_path, NAME, finite, keys, trials, 0)) == set(keys)


def test_a_part_of_the_contract_rebuilt_from_the_ledger(tmp_path: Path, space: Space) -> None:
    """Keys that are not asked change nothing."""
    whole = replace(space, defaults={**space.defaults, "grpo.beta": 0.01})
    trials: list[Trial] = [BASE]
    for value in (0.2, None, 0.4, 0.3, 0.5):
        trials.append(ended(len(trials), sampler.ask(tmp_path, NAME, whole, KEYS[1:], trials, 0), value))
    first = sampler.ask(tmp_path, NAME, whole, KEYS[1:], trials, 0)
    (tmp_path / sampler.JOURNAL).unlink()
    assert sampler.ask(tmp_path, NAME, whole, KEYS[1:], trials, 0) == first


def test_what_was_stopped_is_told(tmp_path: Path, space: Space) -> None:
    """TPE ranks it below all that has a score, and so leaves its region; a failure says nothing."""
    trials: list[Trial] = [BASE]
    for _ in range(12):
        found = sampler.ask(tmp_path, NAME, space, ("grpo.learning_rate",), trials, 0)
        trial = ended(len(trials), found, 0.3 if found["grpo.learning_rate"] < 1e-4 else None)
        trials.append(trial if trial.scores else replace(trial, state="PRUNED"))
    sampler.ask(tmp_path, NAME, space, ("grpo.learning_rate",), trials, 0)
    assert {t.state.name for t in told(tmp_path)} == {"COMPLETE", "PRUNED", "RUNNING"}
    assert sum(t.state == "PRUNED" for t in trials[7:]) <= 3  # of six; all six where nothing is told


def test_a_rollback_is_no_result_of_its_values(tmp_path: Path, space: Space) -> None:
    """Its score is that of the stage before."""
    words = ("recipe.grpo.learning_rate=0.001",)
    rolled = Trial(1, "rollback", "COMPLETE", 0, NAME, words, scores=(score(0.9),))
    sampler.ask(tmp_path, NAME, space, KEYS, [BASE, rolled], 0)
    assert [t.state.name for t in told(tmp_path)] == ["RUNNING"]
