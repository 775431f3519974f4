"""Rows from a teacher on loopback that makes the mistakes of a real one, and from a model that is loaded here."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import scope
from messages import Reply, Server, serving
from teaching import PLAN, REALISTIC, Teacher
from test_stages import TINY, Bench
from test_worker import job
from test_worker import settings as short

from intern import files, llm
from intern.config import gate, typed
from intern.config.library import Library
from intern.config.schema import Goal
from intern.config.stages import stage, unasked
from intern.data import items
from intern.errors import UserError
from intern.rewards import exact_answer
from intern.stages import COST, _coverage, _lesson, _synthesis, _teachers, teacher
from intern.trial import job as jobs
from intern.trial import worker
from intern.trial.job import Step

SMALL = {"rows": 30, "topics": ["money", "time"], "skills": ["adding", "comparing"], "answers": 3, "rounds": 2}
KEY = "sk-ant-very-secret"


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A key, a cache of the test's own, and no waiting between tries."""
    monkeypatch.setenv(llm.KEY, KEY)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(_teachers.ADDRESS, raising=False)
    monkeypatch.setattr("anthropic._base_client.INITIAL_RETRY_DELAY", 0.001)
    monkeypatch.setattr("anthropic._base_client.MAX_RETRY_DELAY", 0.002)


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A person's own files: sums told as stories."""
    folder = tmp_path_factory.mktemp("bench")
    for split, begin in (("train", 100), ("dev", 400), ("test", 700)):
        numbers = range(begin, begin + 30)
        asked = [f"On one {split} Zoe had {n} stamps and bought {n} more, how many has she now?" for n in numbers]
        rows = [{"question": text, "answer": str(2 * (begin + place))} for place, text in enumerate(asked)]
        items.write(folder / f"{split}.jsonl", rows)
    return Bench(folder, TINY, Goal("stamps", data_dir=str(folder), summary="Sums told as stories"))


@pytest.fixture
def held_out(bench: Bench) -> list[str]:
    """Every question of dev and test."""
    return [row["question"] for row in bench.held_out()]


@pytest.fixture
def served(held_out: list[str]) -> Iterator[Server]:
    """A teacher with all its mistakes."""
    with serving(Server(Teacher(held_out, REALISTIC))) as server:
        yield server


def told(out: Path) -> dict[str, Any]:
    """What the stage says of itself."""
    found: dict[str, Any] = json.loads((out / _synthesis.FILE).read_text())
    return found


def test_rows_of_every_cell(bench: Bench, served: Server, held_out: list[str]) -> None:
    """Each loss is counted; what is kept is right, of a planned cell, unlike the others, and no item of dev or test."""
    served.script = Teacher(held_out, {what: 3 * rate for what, rate in REALISTIC.items()})
    out = bench.run("teacher", {**SMALL, "rows": 120, "base_url": served.url})
    rows, counts = items.read(out / "rows.jsonl"), told(out)
    assert counts["kept"] == len(rows) and sum(counts["lost"].values()) + len(rows) == counts["asked"] >= 120
    assert set(counts["lost"]) == set(_synthesis.WHY) - {"unread", "rubric", "unchecked"}
    assert 0 < counts["near_duplicates"] < 1
    assert all(exact_answer.outcome(row["target"], row) == 1.0 and row["agreement"] >= 0.6 for row in rows)
    right = [row for row in rows if row["answer"] == str(sum(map(int, re.findall(r"\d+", row["question"]))))]
    assert len(right) >= 0.95 * len(rows)  # of those written every sixth is wrong; some guesses agree with one
    assert len({row["key"] for row in rows}) == len(rows) and not {row["question"] for row in rows} & set(held_out)
    per_cell = Counter(row["cell"] for row in rows)
    assert counts["cells"] == 2 * 2 * 3 * 2 and counts["covered"] == len(per_cell) and max(per_cell.values()) <= 5
    assert not any("<|im_" in json.dumps(row) for row in rows)
    assert counts["local"] is True and counts["dollars"] > 0
    assert counts["per_kept"] == pytest.approx(counts["dollars"] / len(rows), abs=1e-6)
    assert not any(question in prompt for prompt in served.prompts if "<example>" in prompt for question in held_out)
    card = (out / _synthesis.CARD).read_text()
    assert f"{len(rows)} rows written by `claude-opus-5-5`, a model that ran on this machine" in card
    assert {path.name for path in out.iterdir()} == {"rows.jsonl", "cost.json", _synthesis.FILE, _synthesis.CARD}


def test_nothing_is_asked_twice(bench: Bench, served: Server) -> None:
    """A stage that is killed goes on where it was; another one that asks the same pays nothing."""
    asking = {**SMALL, "base_url": served.url, "parallel": 1}
    whole, served.script = served.script, killed_after(40, served.script)
    out = bench.folder / "killed"
    out.mkdir()
    with pytest.raises(UserError, match="The service does not answer .*kept"):
        bench.again("teacher", out, {**asking, "retries": 0})
    cache = next((files.cache() / "answers").glob("*.jsonl"))
    before = len(cache.read_text().splitlines())
    assert before == 40
    with cache.open("a") as file:
        file.write('{"key": "torn')
    served.script, served.asked = whole, []
    bench.again("teacher", out, asking)
    first, asked = told(out), len(served.asked)
    assert asked > 0 and asked + before == first["requests"] and paid(out) == pytest.approx(first["dollars"])
    served.asked = []
    other = bench.run("teacher", {**asking, "agreement": 0.5})
    assert not served.asked and told(other)["kept"] >= first["kept"] and paid(other) == 0


def paid(out: Path) -> float:
    """What a stage says that it has paid."""
    dollars: float = json.loads((out / COST).read_text())["dollars"]
    return dollars


def killed_after(count: int, script: Any) -> Any:
    """A script that goes away after some answers."""
    return lambda number, body: script(number, body) if number < count else 529


@pytest.mark.parametrize("questions", ["own", "given"])
def test_batches(bench: Bench, served: Server, questions: str, held_out: list[str]) -> None:
    """For half the price; one that was sent by an attempt that was killed is waited for, not sent again."""
    rows = bench.run("data") / "rows.jsonl" if questions == "given" else None
    asking = {**SMALL, "questions": questions, "base_url": served.url, "batch": True, "poll_seconds": 0.0, "rounds": 1}
    at_once = told(bench.run("teacher", {**asking, "batch": False, "model": "other"}, rows=rows))
    served.polls, served.asked, served.script = 3, [], Teacher(held_out, REALISTIC)
    out = bench.folder / f"batch-{questions}"
    out.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", killed)
        with pytest.raises(KeyboardInterrupt):
            bench.again("teacher", out, asking, rows=rows)
    assert len(served.batches) == 1 and not served.asked
    bench.again("teacher", out, asking, rows=rows)
    counts = told(out)
    assert len(served.batches) == (2 if questions == "own" else 1) and counts["batch"] is True
    assert counts["dollars"] == pytest.approx(at_once["dollars"] / 2, rel=0.05) and counts["kept"] == at_once["kept"]


def killed(_seconds: float) -> None:
    """What a kill while waiting does."""
    raise KeyboardInterrupt


def test_given_questions(bench: Bench, served: Server) -> None:
    """The goal's scorer decides which of the teacher's answers become targets."""
    rows = bench.run("data") / "rows.jsonl"
    out = bench.run("teacher", {"questions": "given", "rows": 20, "base_url": served.url}, rows=rows)
    kept, given = items.read(out / "rows.jsonl"), {row["key"]: row for row in items.read(rows)}
    assert len(kept) + sum(told(out)["lost"].values()) == 20 == told(out)["asked"]
    assert all(row["answer"] == given[row["key"]]["answer"] and row["target"].startswith("together ") for row in kept)
    with pytest.raises(UserError, match="no stage before teacher makes rows"):
        bench.run("teacher", {"questions": "given", "base_url": served.url})


def test_the_dollars_are_a_limit(bench: Bench, served: Server) -> None:
    """It stops with what there is, never above; with nothing it says what to give."""
    cap = 4000 * 25e-6 + 0.5  # some answers, and what one may cost at most
    out = bench.run("teacher", {**SMALL, "base_url": served.url, "dollars": cap, "answers": 0})
    assert told(out)["cut"] is True and 0 < told(out)["dollars"] <= cap
    assert "the dollars were used" in (out / _synthesis.CARD).read_text()
    with pytest.raises(UserError, match="keeps no row.*dollars were used.*recipe.teacher.dollars"):
        bench.run("teacher", {**SMALL, "base_url": served.url, "dollars": 0.01, "model": "other"})


def test_a_plan_is_asked_for_once(bench: Bench, served: Server) -> None:
    """Topics and skills are the teacher's if nobody names any; a teacher that plans nothing is asked all the same."""
    out = bench.run("teacher", {"rows": 12, "answers": 0, "base_url": served.url})
    assert told(out)["axes"]["topics"] == PLAN["topics"] and told(out)["cells"] == 12
    plain = served.script
    served.script = lambda number, body: "no" if "topics" in str(body["output_config"]) else plain(number, body)
    out = bench.run("teacher", {"rows": 12, "answers": 0, "base_url": served.url, "model": "other"})
    assert told(out)["axes"]["topics"] == ["any that suits stamps"] and told(out)["cells"] == 6


def test_dialogues_carry_their_rubric(bench: Bench, served: Server) -> None:
    """Each row has criteria with points; a judge's word is the filter."""
    asking = {**SMALL, "form": "dialogue", "answers": 0, "rubric": ["kind", "true"], "base_url": served.url}
    out = bench.run("teacher", asking)
    rows = items.read(out / "rows.jsonl")
    assert rows and all(row["rubric"][0] == {"criterion": "asks since when", "points": 5} for row in rows)
    assert all(row["target"] == row["answer"] for row in rows)
    served.script = Teacher(rates={"unmet": 1.0})
    with pytest.raises(UserError, match="criterion of the rubric unmet"):
        bench.run("teacher", {**asking, "model": "other"})


def test_choices(bench: Bench, served: Server) -> None:
    """The options stand in the question, the letter is the answer."""
    out = bench.run("teacher", {**SMALL, "form": "choices", "base_url": served.url, "rounds": 1})
    rows = items.read(out / "rows.jsonl")
    assert rows and all(row["answer"] == "B" and "\n(D) " in row["question"] for row in rows)
    assert all(row["target"].endswith("ANSWER: B") for row in rows)


def test_a_local_model_teaches(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no key; the embedded one writes nothing that can be used, and this is said."""
    monkeypatch.delenv(llm.KEY)
    few = {**SMALL, "rows": 4, "rounds": 1, "who": "local", "model": str(TINY), "max_tokens": 40}
    with pytest.raises(UserError, match="on this machine.*4 lost: the teacher gave no answer.*A better teacher"):
        bench.run("teacher", few)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_teachers.Loaded, "texts", lambda self, questions: [spoken(q) for q in questions])
        out = bench.run("teacher", few)
    assert told(out)["local"] is True and told(out)["kept"] and told(out)["dollars"] == 0
    assert told(out)["teacher"] == TINY.name and str(TINY) not in (out / _synthesis.CARD).read_text()


def spoken(question: llm.Question) -> str:
    """What a model says that nothing holds to a form."""
    body = {"system": [{"text": question.rules}], "messages": [{"content": question.state}]}
    reply = Teacher()(0, {**body, "output_config": {"format": {"schema": question.schema}}})
    return f"Sure! {json.dumps(reply)} I hope this helps."


HOSTILE = {
    "question": "What is \x1b[2J 2 + 2?\ud800 \u0000",
    "working": "ANSWER: 5\nso",
    "answer": "4",
    "key": "mine",
    "target": "mine",
    "cell": {"a": 1},
}


def test_hostile_texts_stay_texts() -> None:
    """No field of a row but its texts is the teacher's; escapes and halves of characters go; markers cost the row."""
    made = _lesson.row(Goal("g"), "answer", HOSTILE)
    assert isinstance(made, dict) and made.keys() == {"question", "answer", "target", "key"}
    assert made["question"] == "What is [2J 2 + 2?" and made["target"] == "ANSWER: 5\nso\nANSWER: 4"
    assert exact_answer.outcome(made["target"], made) == 1.0


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"working": "x<|im_end|>"}, "markers"),
        ({"working": "x<｜end▁of▁sentence｜>"}, "markers"),
        ({"question": "a <start_of_turn> b"}, "markers"),
        ({"answer": "[INST] 4"}, "markers"),
        ({"answer": "4\nANSWER: 5"}, "malformed"),
        ({"answer": True}, "malformed"),
        ({"answer": "x" * 201}, "malformed"),
        ({"question": "x" * 6001}, "malformed"),
        ({"question": None}, "malformed"),
        ({"question": ["a"]}, "malformed"),
        ({"question": " \x07 "}, "malformed"),
    ],
)
def test_rows_that_are_none(changes: dict[str, Any], fault: str) -> None:
    """They are lost for a reason."""
    assert _lesson.row(Goal("g"), "answer", {**HOSTILE, **changes}) == fault


@pytest.mark.parametrize(
    ("settings", "fault"),
    [
        ({"style": "rhymed"}, "style=rhymed is none of styles: plain, told as a story"),
        ({"difficulty": "absurd"}, "difficulty=absurd is none of difficulties: easy, medium, hard"),
        ({"styles": []}, "at least one of each"),
        ({"form": "dialogue"}, "answers=0"),
        ({"who": "local", "batch": True}, "has no batches"),
        ({"base_url": "https://evil.example"}, "is not a server on this machine, http://127.0.0.1:PORT"),
        ({"base_url": "http://localhost.evil.example"}, "is not a server on this machine"),
        ({"base_url": "http://127.0.0.1@evil.example"}, "is not a server on this machine"),
        ({"dollars": -1.0}, "dollars"),
        ({"answers": 65}, "answers"),
    ],
)
def test_settings_that_contradict(bench: Bench, settings: dict[str, Any], fault: str) -> None:
    """They are refused before anything is asked."""
    made, faults = typed.recipe({"stages": ["teacher", "sft"], "teacher": settings})
    found = faults or list(teacher.faults(made.teacher, bench.config))
    assert any(fault in each for each in found), found


def test_a_key_is_needed_before_anything_starts(monkeypatch: pytest.MonkeyPatch, bench: Bench) -> None:
    """Without one it is said, and a study leaves such a recipe alone; with one it needs dollars in the budget too."""
    recipe = Library().load("words/taught")
    assert stage("teacher").pays(recipe.teacher) and not unasked(recipe, bench.config)
    config = replace(bench.config, recipe=recipe)
    assert not gate.lacking(config)
    monkeypatch.setattr(bench.config.budget, "dollars", 5.0)
    assert unasked(recipe, bench.config)
    monkeypatch.delenv(llm.KEY)
    (lack,) = gate.lacking(config)
    assert lack.startswith("recipe.teacher: no key: set ANTHROPIC_API_KEY; or ") and lack.endswith("model=FOLDER")
    assert not unasked(recipe, bench.config)
    local = recipe.with_({"teacher.who": "local", "teacher.model": str(TINY)})
    assert not gate.lacking(replace(config, recipe=local)) and unasked(local, bench.config)
    unnamed = recipe.with_({"teacher.who": "local"})
    assert gate.lacking(replace(config, recipe=unnamed))[0].endswith("is neither a folder nor a repository, OWNER/NAME")


def test_a_study_spends_nothing_unasked(library: Library, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the recipes that suit a goal the one that pays is tried with a key and dollars in the budget, or if named."""
    words = ("goal=svamp_words", f"goal.data_dir={bench.folder}", "model=tiny")
    assert "words/taught" not in scope(library, *words).recipes
    assert "words/taught" in scope(library, *words, "budget.dollars=5").recipes
    assert scope(library, *words, "recipe=words/taught").config.recipe.name == "words/taught"
    monkeypatch.delenv(llm.KEY)
    assert "words/taught" not in scope(library, *words, "budget.dollars=5").recipes
    with pytest.raises(UserError, match="cannot run:\n  - recipe.teacher: no key: set ANTHROPIC_API_KEY"):
        scope(library, *words, "recipe=words/taught")


def test_a_goal_may_want_a_local_teacher(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then a service is refused, and a server or a model on this machine is not."""
    monkeypatch.setattr(bench.config.goal, "local_only", True)
    assert "goal.local_only" in teacher.faults(teacher.Settings(), bench.config)[0]
    for settings in (teacher.Settings(base_url="http://127.0.0.1:9"), teacher.Settings(who="local", model=str(TINY))):
        assert not teacher.faults(settings, bench.config)
    monkeypatch.setenv(_teachers.ADDRESS, "http://127.0.0.1:9")
    assert not teacher.faults(teacher.Settings(), bench.config)


def test_the_key_goes_to_no_address_of_a_recipe(bench: Bench, served: Server) -> None:
    """A server on this machine is sent none; the key stands in no file."""
    out = bench.run("teacher", {**SMALL, "answers": 0, "base_url": served.url})
    assert all(KEY not in str(headers) for headers in served.headers) and "none" in str(served.headers[0])
    left = [*out.rglob("*"), *files.cache().rglob("*")]
    assert not any(KEY in path.read_text() for path in left if path.is_file())


@pytest.mark.parametrize(("dollars", "state"), [(0.5, "COMPLETE"), (0.01, "FAIL")])
def test_a_trial_keeps_to_the_budget(
    tmp_path: Path, served: Server, monkeypatch: pytest.MonkeyPatch, dollars: float, state: str
) -> None:
    """What is left of it is the limit, if the stage's own is higher; the result says what was paid, failed or not. An
    output that was cut has a name of its own."""
    settings = {"topics": ["money"], "skills": ["adding"], "answers": 0, "base_url": served.url}
    steps = (Step("teacher", "teacher", {**settings, "rows": 400}),)
    folder = tmp_path / "trial"
    jobs.write(folder, job(tmp_path, TINY, steps=steps, dollars=dollars), short(TINY))
    with (folder / "log.txt").open("w") as log, monkeypatch.context() as now:
        now.setattr(sys, "stdout", log)
        worker.run(folder)
    result = jobs.read_result(folder)
    assert result and result.state == state and result.reason and result.dollars <= dollars
    if state == "FAIL":
        assert "recipe.teacher.dollars, or budget.dollars" in result.reason and result.dollars == 0
        return
    cut = re.fullmatch(r"the dollars of the budget are used: teacher was cut at (\d+) of 400 rows", result.reason)
    assert cut and int(cut[1]) > 0 and result.stages[0].out.endswith(f"-cut{cut[1]}") and result.dollars > 0.3
    assert {path.name for path in (folder / "0-teacher").iterdir()} == {_synthesis.FILE, _synthesis.CARD}


def test_what_goes_wrong_costs_its_rows_alone(bench: Bench) -> None:
    """A request that never gets an answer is lost with its reason; the next attempt asks it again."""
    plain = Teacher()

    def script(number: int, body: dict[str, Any]) -> Reply:
        state = str(body["messages"])
        return 400 if "Topic: time" in state and "hard" in state else plain(number, body)

    with serving(Server(script)) as server:
        asking = {**SMALL, "answers": 0, "rounds": 1, "base_url": server.url, "parallel": 1}
        out = bench.run("teacher", asking)
        lost, asked = told(out)["failures"], len(server.asked)
        assert len(lost) == 1 and "BadRequestError" in next(iter(lost)) and told(out)["covered"] < told(out)["cells"]
        again = bench.run("teacher", asking)
        assert len(server.asked) - asked == sum(lost.values()) and told(again)["kept"] == told(out)["kept"]


def test_cells_share_the_rows() -> None:
    """Evenly, the same for the same seed; none is asked for more than a call may hold."""
    axes = (["a", "b", "a"], ["s"], ["easy", "hard"], ["plain", "story"])
    cells = _coverage.cells(3, *axes)
    assert len(cells) == len(set(cells)) == 8 and cells == _coverage.cells(3, *axes) != _coverage.cells(4, *axes)
    quota = _coverage.quotas(cells, 43)
    assert sum(quota.values()) == 43 and set(quota.values()) == {5, 6}
    assert len(_coverage.quotas(cells, 3)) == 3
    calls = _coverage.calls(quota, 4)
    assert sum(rows for *_, rows in calls) == 43 and max(rows for *_, rows in calls) == 4
    assert len({(cell, place) for cell, place, _ in calls}) == len(calls)
