"""The tasks of reasoning-gym: items that repeat, splits that share nothing, verdicts that run no code."""

import ast
import json
import os
import random
import re
import signal
from functools import cache
from importlib import util
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from intern import generators, gym, rewards
from intern.config import typed
from intern.config.schema import Config, Goal
from intern.data import items, splits
from intern.errors import UserError
from intern.generators import reasoning_gym as generator
from intern.rewards import reasoning_gym as reward

SPEC = util.find_spec("reasoning_gym")
pytestmark = pytest.mark.skipif(SPEC is None, reason='reasoning-gym is not installed: pip install "intern[gym]"')
TASKS = (  # one of each sort: numbers, text, lists, grids, puzzles, and those whose verifier or generator is special
    *("chain_sum", "gcd", "fraction_simplification", "complex_arithmetic", "gsm_symbolic", "time_intervals"),
    *("letter_counting", "word_sorting", "caesar_cipher", "number_sorting", "list_functions", "binary_matrix"),
    *("mini_sudoku", "tower_of_hanoi", "n_queens", "countdown", "knights_knaves", "survo", "prime_factorization"),
)
SMALL = {"min_terms": 2, "max_terms": 2, "max_digits": 1}


def goal(task: str = "chain_sum", **config: Any) -> Goal:
    """A goal of one task."""
    return made(task, json.dumps(config))


@cache
def made(task: str, config: str) -> Goal:
    """The same, once."""
    own = {"generator": "reasoning_gym", "scorer": "reasoning_gym", "task": task}
    return typed.config({**Config().tree(), "goal": {"name": "x", **own, "task_config": json.loads(config)}}).goal


def faults(asked: Goal) -> list[str]:
    """What is wrong with a goal."""
    return [line for line in typed.plugin_faults(Config(goal=asked)) if line.startswith("goal.")]


def rows(task: str, count: int = 2, **config: Any) -> list[items.Row]:
    """Train items of a task, as they come back from disk."""
    drawn = items.take(items.generated(goal(task, **config), "train", 0), count)
    return [json.loads(json.dumps(row)) for row in drawn]


@pytest.mark.parametrize("task", TASKS)
def test_a_task_from_its_items_to_its_verdicts(task: str) -> None:
    """Its own answer is right, nonsense is not, and no answer is none."""
    outcome = rewards.scorer(goal(task))
    drawn = rows(task)
    for row in drawn:
        assert outcome(row["target"], row) == outcome(f"So.\nANSWER: 0\n{row['target']}", row) == 1.0
        assert outcome("ANSWER: nothing of the kind", row) == 0.0
        assert outcome("I do not know", row) is None and outcome("ANSWER: ", row) is None


def test_another_process_draws_the_same_items() -> None:
    """Also of tasks that order sets, read files or draw beside their own generator."""
    drawn = [row for task in TASKS for row in rows(task)]
    before = gym.started(os.getpid(), gym.version())
    before.kill()
    before.wait()
    for row in drawn:
        entry = json.loads(row["entry"])
        again = gym.item(entry["task"], entry["config"], entry["seed"])
        assert again == {"question": row["question"], "answer": row["answer"]}
    assert gym.started(os.getpid(), gym.version()).pid != before.pid


@settings(max_examples=8, deadline=None)
@given(st.sampled_from(["chain_sum", "gcd", "letter_counting"]), st.integers(0, 2**32), st.integers(1, 8))
def test_splits_share_no_item_and_repeat(task: str, seed: int, count: int) -> None:
    """Whatever the seed, and however many are drawn."""
    drawn = {
        split: [row["key"] for row in items.take(items.generated(goal(task), split, seed), count)]
        for split in ("train", "dev", "test")
    }
    keys = [key for found in drawn.values() for key in found]
    assert len(set(keys)) == len(keys) == 3 * count
    assert all(items.split_of(key) == split for split, found in drawn.items() for key in found)
    fewer = items.take(items.generated(goal(task), "dev", seed), count // 2)
    assert [row["key"] for row in fewer] == drawn["dev"][: count // 2]


def test_an_item_has_one_split_under_every_config() -> None:
    """So that easier rows may be trained on: an item that is held out stays so."""
    easier = {row["key"] for row in rows("chain_sum", 50, **SMALL)}
    held_out = {row["key"] for row in items.take(items.generated(goal(**{**SMALL, "max_terms": 3}), "dev", 0), 20)}
    assert len(easier) == 50 and not easier & held_out


def test_a_task_that_runs_dry_says_how_many_items_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums and differences of two digits are few; of a single item nothing can be measured."""
    monkeypatch.setattr(generators, "DRY", 400)
    small = goal(**SMALL)
    drawn = splits.drawn(small)
    notes = splits.short(small, drawn)
    assert 5 < len(drawn["dev"]) < 60
    assert notes[0] == (
        f"The generator reasoning_gym has {len(drawn['dev'])} different dev items, and goal.dev_items=400: "
        "they are all that dev has."
    )
    with pytest.raises(UserError, match="has 1 different test items.*nothing can be measured"):
        splits.short(small, {**drawn, "test": drawn["test"][:1]})
    assert not splits.short(small, {"dev": [{}] * 400, "test": [{}] * 500})


FAULTS: dict[tuple[str, str], list[str]] = {
    ("chain_sums", "{}"): ["goal.task: Unknown", 'Did you mean "chain_sum"?', "Available are 94", "zebra_puzzles"],
    ("puzzle24", "{}"): ["goal.task: puzzle24 is not offered: its verifier does not ask"],
    ("simple_integration", "{}"): ["runs the answer as Python code"],
    ("chain_sum", '{"max_term": 3}'): ['Did you mean "max_terms"?', "min_terms=2, max_terms=6"],
    ("chain_sum", '{"size": 1000000000}'): ["size: chain_sum has no such setting"],
    ("chain_sum", '{"max_terms": "six"}'): ["goal.task_config: max_terms: 'six'"],
    ("chain_sum", '{"min_terms": 9}'): ["max_terms must be >= min_terms"],
}


@pytest.mark.parametrize(("task", "config"), FAULTS)
def test_what_is_wrong_with_a_task_is_said_before_anything_starts(task: str, config: str) -> None:
    """One line, which names the key and what there is."""
    (line,) = faults(goal(task, **json.loads(config)))
    assert all(part in line for part in FAULTS[task, config])


def test_an_item_that_takes_too_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process is ended, and the next request has another one."""
    gym.item("chain_sum", {}, 0)
    monkeypatch.setattr(gym, "DRAWING", 0.3)
    process = gym.started(os.getpid(), gym.version())
    endless = {"min_terms": 300_000_000, "max_terms": 1_000_000_000}
    (line,) = faults(goal(**endless))
    assert line.startswith("goal.task_config: An item of chain_sum with {'min_terms': 300000000")
    assert line.endswith("takes more than 0.3 s, or all memory: make it smaller")
    assert process.returncode == -signal.SIGPROF
    monkeypatch.undo()
    assert gym.item("chain_sum", {}, 0)["question"]


def test_a_draw_that_takes_too_long_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """With another seed it would take as long; one that fails is."""
    tried: list[int] = []

    def item(task: str, config: Any, seed: int) -> dict[str, str]:
        tried.append(seed)
        raise (UserError if len(tried) < 3 else gym.Ended)("no")

    monkeypatch.setattr(gym, "item", item)
    with pytest.raises(gym.Ended):
        generator.draw(random.Random(0), goal())
    assert len(set(tried)) == 3


def test_a_verdict_that_takes_too_long_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fraction of a thousand million digits."""
    (row,) = rows("coin_flip", 1)
    monkeypatch.setattr(gym, "JUDGING", 0.3)
    assert rewards.scorer(goal("coin_flip"))("ANSWER: 1e999999999", row) == 0.0
    assert rewards.scorer(goal("coin_flip"))(row["target"], row) == 1.0


@pytest.mark.parametrize("task", [*reward.READABLE, "number_sorting"])
def test_no_verifier_runs_what_it_reads(task: str, tmp_path: Path) -> None:
    """Of an answer that is Python nothing happens."""
    (row,) = rows(task, 1)
    outcome = rewards.scorer(goal(task))
    mark = tmp_path / "ran"
    opened = f"open({str(mark)!r}, 'w')"
    for code in (opened, f"[[{opened}]]", f"__import__('os').mkdir({str(mark)!r})"):
        assert outcome(f"ANSWER: {code}\n1", row) == 0.0
    assert not mark.exists()
    assert outcome("ANSWER: 9**9**9**9", row) == outcome("ANSWER: 9* *9* *9", row) == 0.0


def test_the_verifiers_that_run_code_are_known() -> None:
    """Each is refused, or given only what names nothing; number_sorting runs its own answer alone."""
    assert SPEC and SPEC.submodule_search_locations
    running = set()
    for file in Path(SPEC.submodule_search_locations[0]).rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        if "def score_answer" not in text or not re.search(r"eval\(|exec\(|parse_expr|sympify", text):
            continue
        tree = ast.parse(text)
        judges = [f for f in ast.walk(tree) if isinstance(f, ast.FunctionDef) and f.name == "score_answer"]
        called = {ast.unparse(c.func) for f in judges for c in ast.walk(f) if isinstance(c, ast.Call)}
        if called & {"eval", "exec", "parse_expr", "sympy.parse_expr", "sp.parse_expr", "sympy.sympify", "sp.sympify"}:
            running |= {
                call.args[0].value if isinstance(call.args[0], ast.Constant) else file.stem
                for call in ast.walk(tree)
                if isinstance(call, ast.Call) and ast.unparse(call.func) == "register_dataset"
            }
    code = {task for task, why in gym.REFUSED.items() if "Python code" in why}
    assert running == {*reward.READABLE, *code, "puzzle24", "number_sorting"} and len(running) == 10


def test_the_verifiers_see_no_secret() -> None:
    """The process has its own few variables."""
    gym.item("gcd", {}, 0)
    process = gym.started(os.getpid(), gym.version())
    environ = Path(f"/proc/{process.pid}/environ").read_bytes().split(b"\0")
    names = {line.partition(b"=")[0].decode() for line in environ} - {""}
    assert names <= {"PATH", "HOME", "TMPDIR", "PYTHONPATH", "PYTHONIOENCODING", "PYTHONHASHSEED", "MPLBACKEND"} | {
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
    }


def test_partial_credit_is_a_rewards_alone() -> None:
    """The score is right or wrong."""
    (row,) = rows("word_sorting", 1)
    words = row["answer"].split(", ")
    half = f"ANSWER: {', '.join([words[0], *reversed(words[1:])])}"
    partial = rewards.outcome("reasoning_gym", {"partial": True})
    assert rewards.scorer(goal("word_sorting"))(half, row) == 0.0
    assert 0.0 < (partial(half, row) or 0.0) < 1.0 == partial(row["target"], row)


def test_an_answer_may_have_as_many_lines_as_the_items_own() -> None:
    """What follows an answer of one line does not count."""
    assert reward.given_answer("ANSWER: 7\nI think.", "8") == "7"
    assert reward.given_answer("ANSWER: 7\nANSWER: 8", "8") == "8"
    assert reward.given_answer("ANSWER: 1 2\n3 4\n", "0 0\n0 0") == "1 2\n3 4"
    assert reward.given_answer("7", "7") is None


def test_items_of_another_version_are_not_judged() -> None:
    """It might draw others by the same seeds."""
    (row,) = rows("gcd", 1)
    entry = json.dumps({**json.loads(row["entry"]), "version": "0.1.0"})
    with pytest.raises(UserError, match="The items are of reasoning-gym 0.1.0"):
        rewards.scorer(goal())("ANSWER: 1", {**row, "entry": entry})


def test_a_row_of_another_source_is_compared_as_it_is() -> None:
    """A mix may have rows that no task drew; an entry that names what is refused is refused."""
    outcome = rewards.scorer(goal())
    assert outcome("ANSWER: 3", {"answer": "3"}) == 1.0 and outcome("ANSWER: 4", {"answer": "3"}) == 0.0
    entry = json.dumps({"task": "simple_integration", "config": {}, "seed": 0, "version": gym.version()})
    with pytest.raises(UserError, match="simple_integration is not offered"):
        outcome("ANSWER: 3", {"answer": "3", "entry": entry})
