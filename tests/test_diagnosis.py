"""The diagnosis rules on metrics as they are logged: what fires, what must not, and remedies inside the contract."""

import pytest

from intern import contract, diagnosis
from intern.config import Grpo, Recipe
from intern.diagnosis import reward_collapse

LOW, HIGH = 1e-5, 1e-1


def rows(*metrics: tuple[float, float]) -> list[dict[str, float]]:
    """Logged rows of (reward, share of groups without spread), a step each."""
    return [{"step": i, "reward": reward, "frac_reward_zero_std": dead} for i, (reward, dead) in enumerate(metrics, 1)]


def recipe(rate: float | None = 1e-2, tunable: bool = True) -> Recipe:
    """A recipe with this learning rate, in its contract or not."""
    domain = {"grpo.learning_rate": {"low": LOW, "high": HIGH, "log": True}}
    return Recipe(grpo=Grpo(learning_rate=rate), tunable=domain if tunable else {})


DEAD = (0.0, 1.0)


@pytest.mark.parametrize(
    "metrics",
    [
        [(0.5, 0.2), DEAD, DEAD, DEAD],
        [(0.1, 0.5), (0.6, 0.1), (0.4, 0.3), (0.05, 0.9), DEAD, DEAD],
        [(1.0, 1.0), (0.2, 0.9), (0.2, 0.9), (0.2, 0.9)],
    ],
)
def test_a_collapse(metrics: list[tuple[float, float]]) -> None:
    """It fires at the third dead row after a reward was there, and says what it saw."""
    found = diagnosis.check("grpo", rows(*metrics), recipe())
    assert found and (found.rule, found.stage, found.step) == ("reward_collapse", "grpo", len(metrics))
    assert f"{max(reward for reward, _ in metrics):.2f}" in found.symptom
    assert all(diagnosis.check("grpo", rows(*metrics[:n]), recipe()) is None for n in range(len(metrics)))


@pytest.mark.parametrize(
    "metrics",
    [
        [],
        [DEAD] * 30,  # a slow start: nothing was ever earned
        [DEAD] * 5 + [(0.1, 0.8)],
        [(0.5, 0.1), DEAD, DEAD, (0.5, 0.1), DEAD],  # empty batches
        [(0.5, 0.1), (1.0, 1.0), (1.0, 1.0), (1.0, 1.0)],  # saturation
        [(0.5, 0.1), (0.05, 0.5), (0.05, 0.5), (0.05, 0.5)],  # low, with a gradient to climb back on
        [(0.5, 0.1), (0.3, 1.0), (0.3, 1.0), (0.3, 1.0)],
    ],
)
def test_no_collapse(metrics: list[tuple[float, float]]) -> None:
    """A slow start, an empty batch or two, saturation, and a fall that still has spread."""
    assert diagnosis.check("grpo", rows(*metrics), recipe()) is None


def test_it_is_a_rule_of_grpo() -> None:
    """Rows of sft have no reward."""
    assert diagnosis.check("sft", [{"step": i, "loss": 1.0} for i in range(9)], recipe()) is None


@pytest.mark.parametrize("rate", [1e-1, 3e-2, 1.23e-3, 3e-5, 1.1e-5])
def test_the_remedy_lies_inside_the_contract(rate: float) -> None:
    """A lower rate that the gate accepts."""
    ((word,),) = reward_collapse.remedies(recipe(rate))
    key, _, text = word.partition("=")
    lower = contract.read(recipe().tunable)[0]["grpo.learning_rate"].parse(text)
    assert key == "recipe.grpo.learning_rate" and LOW <= lower < rate


@pytest.mark.parametrize("stuck", [recipe(LOW), recipe(None), recipe(tunable=False)])
def test_no_remedy(stuck: Recipe) -> None:
    """None at the lower bound, for an unset rate, or where the contract has none; the diagnosis stands all the same."""
    found = diagnosis.check("grpo", rows((0.5, 0.2), DEAD, DEAD, DEAD), stuck)
    assert found and found.remedies == ()
