"""Rejection sampling on the embedded model: right answers become targets, pass rates choose prompts."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from test_stages import TINY, Bench

from intern.config import typed
from intern.config.schema import Goal
from intern.data import items
from intern.errors import UserError
from intern.rewards import exact_answer
from intern.stages import rejection

DRAW = {"samples": 4, "temperature": 0.7, "prompts": 48}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Small sums, that the embedded model has some right of."""
    goal = Goal("sums", generator="arithmetic", dev_items=24, test_items=12, few_shot=2, max_new_tokens=24)
    return Bench(tmp_path_factory.mktemp("bench"), TINY, goal)


@pytest.fixture(scope="module")
def rows(bench: Bench) -> Path:
    """Train rows, and one question twice."""
    path = bench.run("data", {"rows": 60}) / "rows.jsonl"
    several = items.read(path)
    items.write(path, [*several, {**several[0], "target": "another way to say it"}])
    return path


@pytest.fixture(scope="module")
def answers(bench: Bench, rows: Path) -> Path:
    """Right answers, as the stage leaves them."""
    return bench.run("rejection", DRAW, rows=rows)


def told(out: Path) -> dict[str, Any]:
    """What the stage says of itself."""
    found: dict[str, Any] = json.loads((out / rejection.FILE).read_text())
    return found


def test_right_answers_become_targets(answers: Path, rows: Path) -> None:
    """Each is right by the scorer, of a question of the rows, at most two and different; the counts add up."""
    kept, asked = items.read(answers / "rows.jsonl"), {row["key"] for row in items.read(rows)}
    assert kept and all(exact_answer.outcome(row["target"], row) == 1.0 for row in kept)
    assert {row["key"] for row in kept} <= asked and len({(row["key"], row["target"]) for row in kept}) == len(kept)
    counts = told(answers)
    assert counts["questions"] == 48 and counts["answers"] == 192 and counts["rows"] == len(kept)
    assert sum(counts["tenths"]) == 48 and counts["never_right"] == 48 - len({row["key"] for row in kept})
    assert not (answers / rejection.DRAWN).exists()


def test_a_kill_costs_what_was_under_way(bench: Bench, rows: Path, answers: Path) -> None:
    """What was drawn is not drawn again, a torn line is, and the rows are the same."""
    out = bench.folder / "again"
    out.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rejection, "answers", killed_after(1))
        with pytest.raises(KeyboardInterrupt):
            bench.again("rejection", out, DRAW, rows=rows)
    assert len((out / rejection.DRAWN).read_text().split("\n")) == 33
    with (out / rejection.DRAWN).open("a") as file:
        file.write('{"key": "1 + 1", "te')
    with pytest.MonkeyPatch.context() as patch:
        asked = counted(patch)
        bench.again("rejection", out, DRAW, rows=rows)
    assert asked == [16]
    assert items.read(out / "rows.jsonl") == items.read(answers / "rows.jsonl") and told(out) == told(answers)


def killed_after(chunks: int) -> Any:
    """The function that draws, interrupted after so many calls."""
    draw, left = rejection.answers, [chunks]

    def drawn(*given: Any) -> Any:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        return draw(*given)

    return drawn


def counted(patch: pytest.MonkeyPatch) -> list[int]:
    """How many questions each call draws for."""
    draw, asked = rejection.answers, list[int]()

    def drawn(task: Any, model: Any, rows: Any) -> Any:
        asked.append(len(rows))
        return draw(task, model, rows)

    patch.setattr(rejection, "answers", drawn)
    return asked


def test_prompts_are_chosen_by_their_pass_rate(bench: Bench, rows: Path) -> None:
    """The rows stay as they are, both of one question too; each says its pass rate."""
    out = bench.run("rejection", {**DRAW, "keep": "prompts", "low": 0.2, "high": 0.8, "prompts": None}, rows=rows)
    kept, given_rows = items.read(out / "rows.jsonl"), items.read(rows)
    assert kept and all(0.2 <= row["pass_rate"] <= 0.8 for row in kept)
    bare = [{key: value for key, value in row.items() if key != "pass_rate"} for row in kept]
    assert all(row in given_rows for row in bare)
    assert {row["key"] for row in kept} < {row["key"] for row in given_rows}


def test_the_given_rows_too(bench: Bench, rows: Path, answers: Path) -> None:
    """They are added to the answers."""
    out = bench.run("rejection", {**DRAW, "given": True}, rows=rows)
    assert len(items.read(out / "rows.jsonl")) == len(items.read(answers / "rows.jsonl")) + len(items.read(rows))


def test_nothing_left_says_what_helps(bench: Bench, rows: Path) -> None:
    """No row: no silent empty set."""
    unheard = [{**row, "answer": "unheard of"} for row in items.read(rows)][:8]
    path = bench.folder / "unheard.jsonl"
    items.write(path, unheard)
    with pytest.raises(UserError, match=r"rejection keeps nothing: of 32 answers to 8 questions 0 were right.*samples"):
        bench.run("rejection", {"samples": 4}, rows=path)


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"low": 0.8, "high": 0.2}, "low=0.8 exceeds high=0.2"),
        ({"high": 0.0}, "high=0 keeps questions without a right answer alone"),
        ({"samples": 0}, "samples"),
        ({"temperature": 0.0}, "temperature"),
        ({"keep": "all"}, "keep"),
    ],
)
def test_settings_that_keep_nothing(bench: Bench, settings: dict[str, Any], fault: str) -> None:
    """They are refused before anything runs."""
    made, faults = typed.recipe({"stages": ["data", "rejection", "sft"], "rejection": settings})
    found = faults or list(rejection.faults(made.rejection, bench.config))
    assert any(fault in each for each in found), found


@given(st.lists(st.text(), max_size=12), st.integers(1, 5))
def test_the_commonest_answers_are_kept(texts: list[str], most: int) -> None:
    """No more than asked for, each once, none that is rarer than one left out."""
    kept = [row["target"] for row in rejection.answered({"key": "k"}, texts, 0.5, most)]
    bare = [text.strip() for text in texts]
    assert len(kept) == min(most, len(set(bare))) == len(set(kept))
    assert all(bare.count(one) >= bare.count(other) for one in kept for other in set(bare) - set(kept))
