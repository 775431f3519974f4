"""Reward collapse with a dead gradient: the reward has fallen to almost nothing and all completions of a
group earn the same, so that no advantage is left to climb back on. Too high a learning rate is the usual cause."""

from collections.abc import Mapping, Sequence
from typing import Any

from intern import contract
from intern.config import Recipe
from intern.records import Diagnosis

STAGES = ("grpo",)
LAST = 3  # logged rows in a row that must agree: one empty batch is no collapse
FALLEN = 0.2  # of the best reward so far
DEAD = 0.9  # share of groups without reward spread
STEP_DOWN = 0.3  # the collapse seen at 1e-3 was healthy at 3e-4


def check(rows: Sequence[Mapping[str, Any]], recipe: Recipe) -> Diagnosis | None:
    """Fires when the last rows all stand at FALLEN of the peak or under, with DEAD groups or more."""
    if len(rows) <= LAST:
        return None
    peak, last = max(row["reward"] for row in rows), rows[-LAST:]
    if peak <= 0 or any(row["reward"] > FALLEN * peak or row["frac_reward_zero_std"] < DEAD for row in last):
        return None
    symptom = (
        f"reward fell from {peak:.2f} to {last[-1]['reward']:.2f} and "
        f"{last[-1]['frac_reward_zero_std']:.0%} of groups have no reward spread"
    )
    return Diagnosis("reward_collapse", "grpo", last[-1]["step"], symptom, remedies(recipe))


def remedies(recipe: Recipe) -> tuple[tuple[str, ...], ...]:
    """A lower learning rate, where the contract allows one."""
    domain = contract.read(recipe.tunable)[0].get("grpo.learning_rate")
    if (
        not isinstance(domain, contract.Range)
        or recipe.grpo.learning_rate is None
        or recipe.grpo.learning_rate <= domain.low
    ):
        return ()
    rate = max(domain.low, float(f"{recipe.grpo.learning_rate * STEP_DOWN:.2g}"))
    return ((f"recipe.grpo.learning_rate={rate!r}",),)
