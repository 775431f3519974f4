"""One answer to everything: what a majority class is worth, beside a model that has learnt it alone."""

import json
from pathlib import Path

import pytest

from intern.config.schema import Goal
from intern.data import constant, items
from intern.data.items import Row
from intern.stats import paired

YES_NO = Goal("polite", data_dir="anywhere")


def splits(answers: dict[str, list[str]], targets: bool = False) -> dict[str, list[Row]]:
    """The items of a goal with these answers by split."""
    made = {}
    for split, given in answers.items():
        rows = [{"question": f"{split} {n}", "answer": answer} for n, answer in enumerate(given)]
        if targets:
            rows = [{**row, "target": f"Thought {row['question']}.\nANSWER: {row['answer']}"} for row in rows]
        made[split] = [items.row(YES_NO, row) for row in rows]
    return made


@pytest.mark.parametrize("targets", [False, True])
def test_a_majority_class(tmp_path: Path, targets: bool) -> None:
    """It is found in train, and scored on dev and test; a model that says nothing else is told apart from no model."""
    answers = {"train": ["no"] * 7 + ["yes"] * 3, "dev": ["yes", "no"], "test": ["no", "no", "yes", "no"]}
    rows = splits(answers, targets)
    text = constant.best(YES_NO, rows)
    assert text == "ANSWER: no"
    constant.write(YES_NO, rows, tmp_path)
    known = json.loads((tmp_path / "constant.json").read_text())
    assert known["text"] == text and [row["value"] for row in known["dev"]] == [0.0, 1.0]
    outcomes = known["test"]
    assert [row["value"] for row in outcomes] == [1.0, 1.0, 0.0, 1.0]
    score = paired.summed(outcomes, "test")
    assert (score.value, score.n, score.split) == (0.75, 4, "test") and score.stderr == pytest.approx(0.25)
    verdict = paired.compare(outcomes, constant.judged(YES_NO, text, rows["test"]), 0)
    assert (verdict.call, verdict.wins, verdict.losses) == ("undecided", 0, 0)


def test_of_a_generated_goal() -> None:
    """Train items are drawn; sums have no frequent answer."""
    goal = Goal("arithmetic", generator="arithmetic")
    text = constant.best(goal, {})
    assert text and text.startswith("ANSWER: ")
    rows = items.take(items.generated(goal, "dev", 0), 200)
    assert sum(row["value"] for row in constant.judged(goal, text, rows)) < 10


def test_of_tasks_that_are_not_ours() -> None:
    """There are no train items to judge by."""
    assert constant.best(Goal("science"), {}) is None
