"""What a generator must do."""

from itertools import islice
from typing import Any

from intern import generators, plugins, rewards
from intern.config import choices, typed
from intern.config.schema import Config
from intern.data import items


def check(name: str) -> None:
    """Items are drawn alike for the same seed, carry what a goal needs, are told apart by their keys, and the worked
    solution is right to the goal's scorer."""
    module = plugins.load("generators", name)
    wanted: dict[str, Any] = {**choices.values("goal", name), "generator": name, "dev_items": 20, "test_items": 20}
    goal = typed.config({**Config().tree(), "goal": wanted}).goal
    drawn = list(islice(generators.distinct(goal, "0", lambda key: True), 100))
    assert drawn == list(islice(generators.distinct(goal, "0", lambda key: True), 100)), "other items for the same seed"
    assert drawn != list(islice(generators.distinct(goal, "1", lambda key: True), 100)), "the seed changes nothing"
    assert len(drawn) >= 20 and len({key for key, _ in drawn}) == len(drawn)
    outcome = rewards.scorer(goal)
    for key, item in drawn:
        assert isinstance(item["question"], str) and item["question"].strip() and str(item["answer"]).strip()
        assert isinstance(key, str) and module.key(item["question"]) == key
        row = items.row(goal, item, key)
        assert outcome(item.get("solution", row["target"]), row) == 1.0, item
    assert {items.split_of(key) for key, _ in drawn} <= {"train", "dev", "test"}
