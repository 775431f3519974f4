"""What a diagnosis rule must do."""

import math
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from intern import plugins
from intern.config import typed
from intern.diagnosis import Run, Symptom, order

RECIPE, _ = typed.recipe({"stages": ["data", "sft", "grpo"]})
SFT = ("loss", "grad_norm", "eval_loss", "parse_rate", "truncation", "repetition", "right_rate", "target_score")
GRPO = ("reward", "entropy", "kl", "frac_reward_zero_std", "completions/mean_length", "completions/clipped_ratio")
number = st.floats(0, 10) | st.sampled_from([0.0, 1.0, math.nan, math.inf])


def check(name: str) -> None:
    """It is a pure function: None or a symptom with remedies for any metrics, the same for the same, whatever is
    missing from a row; and it takes its place among the others."""
    module = plugins.load("diagnosis", name)
    own = typed.settings("diagnosis", name, {})
    given_settings = () if own is None else (own,)

    stages = st.sampled_from([("sft", SFT), ("grpo", GRPO)])

    @settings(max_examples=60, deadline=None)
    @given(stages, st.lists(st.dictionaries(st.integers(0, 7), number), min_size=1))
    def for_any_metrics(stage: tuple[str, tuple[str, ...]], values: list[dict[int, float]]) -> None:
        rows = [row(stage, step, values[step], len(values)) for step in range(len(values))]
        run = Run(stage[0], RECIPE, rows)
        symptom = module.check(run, *given_settings)
        assert repr(module.check(run, *given_settings)) == repr(symptom)
        if symptom is not None:
            assert isinstance(symptom, Symptom) and symptom.text and "\n" not in symptom.text
            assert all(isinstance(field, str) and callable(change) for field, change in symptom.remedies)

    for_any_metrics()
    names = tuple(plugins.names("diagnosis"))
    assert set(order(names)) == set(names)


def row(stage: tuple[str, tuple[str, ...]], step: int, values: dict[int, float], steps: int) -> dict[str, Any]:
    """A row of metrics.jsonl in which some metrics are missing."""
    name, metrics = stage
    found = {metrics[place]: value for place, value in values.items() if place < len(metrics)}
    return {"stage": name, "step": step, "steps": steps, "canaries": 8, "right": "10101010", **found}
