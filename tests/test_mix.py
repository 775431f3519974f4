"""Training rows of several sources: every kind of columns, shares by weight, what is left out counted, commits."""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import scope
from hypothesis import given, settings
from hypothesis import strategies as st

from intern import rewards
from intern.config import typed
from intern.config.column import Unmade
from intern.config.library import Library
from intern.config.schema import Compute, Config, Goal, Model
from intern.config.stages import stage
from intern.data import items, mix, sources, splits
from intern.data.columns import KINDS, Columns
from intern.errors import UserError
from intern.stages import Task
from intern.study import hub, identity

GOAL = Goal("sums", generator="arithmetic", dev_items=6, test_items=6)
HALF = "Half of 6 is 3.\n#### 3"
CHAT = [{"role": "user", "content": "Half of 6?"}, {"role": "assistant", "content": "It is 3.\nANSWER: 3"}]
WRONG = {"role": "assistant", "content": "4"}
ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {  # kind → a foreign row, and what of ours it gives
    "qa": ({"question": "Half of 6?", "answer": 3.0}, {"answer": "3", "target": "ANSWER: 3"}),
    "verifiable": ({"question": "Half of 6?", "answer": 3}, {"answer": "3", "verifier": "answer_line"}),
    "mcq": ({"question": "Half of 6?", "choices": ["2", "3"], "answer": 1}, {"answer": "B"}),
    "completion": ({"prompt": "Half of 6?", "completion": HALF},
                   {"answer": "3", "target": "Half of 6 is 3.\nANSWER: 3"}),
    "messages": ({"messages": CHAT}, {"question": "Half of 6?", "answer": "3", "target": "It is 3.\nANSWER: 3"}),
    "preference": ({"prompt": "Half of 6?", "chosen": CHAT, "rejected": [CHAT[0], WRONG]},
                   {"answer": "3", "target": "It is 3.\nANSWER: 3", "rejected": "4"}),
    "text": ({"text": "A half is one of two."}, {"question": "", "target": "A half is one of two."}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_of_columns(kind: str) -> None:
    """Their names as they are, and mapped; a row that lacks one has a reason."""
    foreign, ours = ROWS[kind]
    more = {"verifier": "answer_line"} if kind == "verifiable" else {}
    row = Columns(kind, **more).row(GOAL, foreign)
    assert ours.items() <= row.items() and {"question", "answer", "target", "key"} <= row.keys()
    renamed = {f"their {name}": value for name, value in foreign.items()}
    columns = {name: f"their {name}" for name in foreign}
    mapped = Columns(kind, columns, **more)
    assert mapped.fault() is None and mapped.row(GOAL, {"x": renamed, **renamed}) == row
    nested = Columns(kind, {name: f"x.their {name}" for name in foreign}, **more)
    assert nested.row(GOAL, {"x": renamed}) == row
    for name in foreign:
        with pytest.raises(Unmade, match=f"there is no column {name}"):
            Columns(kind, **more).row(GOAL, {key: value for key, value in foreign.items() if key != name})


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ({"csv": "/etc/passwd"}, "csv: a recipe names no file. Give yours with goal.data_dir=PATH"),
        ({"jsonl": "a.jsonl", "hub": "a/b"}, "jsonl: a recipe names no file"),
        ({"parquet": "a.parquet"}, "parquet: a recipe names no file"),
        ({"hub": "/etc"}, "is no owner/name"),
        ({"generator": "arithmetc"}, 'Unknown generator "arithmetc". Did you mean "arithmetic"'),
        ({"generator": "../x"}, "Unknown generator"),
        ({"goal": True, "weight": 0}, "weight: 0 is not"),
        ({"goal": True, "weight": -1.0}, "weight: -1.0 is not"),
        ({"hub": "a/b", "format": "prefs"}, 'Unknown format "prefs"'),
        ({"hub": "a/b", "format": "verifiable"}, "verifier: a reward's name goes with"),
        ({"hub": "a/b", "verifier": "answer_line"}, "verifier: a reward's name goes with"),
        ({"hub": "a/b", "format": "verifiable", "verifier": "nobody"}, 'Unknown reward "nobody"'),
        ({"hub": "a/b", "format": "preference", "columns": {"prompt": "p"}}, "preference needs chosen, rejected"),
        ({"hub": "a/b", "columns": {"question": "a", "answer": "a"}}, "question and answer are both the column 'a'"),
        ({"hub": "a/b", "columns": {"question": {"template": "{{ a() }}"}}}, "question: template .*call is not all"),
        ({"hub": "a/b", "columns": {"question": {"path": "/etc"}}}, 'columns: question: Unknown key "path"'),
    ],
)  # fmt: skip
def test_an_entry_that_cannot_be(entry: Mapping[str, Any], said: str) -> None:
    """Named with the recipe's other faults; a file can never be named."""
    with pytest.raises(UserError, match=said):
        sources.read(entry)
    made, _ = typed.recipe({"stages": ["data", "sft"], "data": {"mix": [dict(entry)]}})
    assert any(fault.startswith("mix: ") for fault in stage("data").malformed(getattr(made, "data")))  # noqa: B009


def gathered(tmp_path: Path, entries: list[dict[str, Any]], seed: int = 0, **more: Any) -> tuple[list[items.Row], Any]:
    """What the data stage makes of a mix: rows, and the receipt."""
    place = tmp_path / "items"
    if not place.exists():
        splits.materialise(GOAL, place)
    made, faults = typed.recipe({"stages": ["data", "sft"], "data": {"mix": entries, **more}})
    assert not faults
    compute = Compute("local", mirror=str(tmp_path / "mirror"))
    config = Config(goal=GOAL, model=Model("m", "m"), recipe=made, compute=compute)
    out = tmp_path / f"out{len(list(tmp_path.iterdir()))}"
    out.mkdir()
    stage("data").run(Task("data", getattr(made, "data"), config, "m", "m", None, place, seed, out))  # noqa: B009
    return items.read(out / "rows.jsonl"), json.loads((out / mix.FILE).read_text())


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data set of forty rows, of which four cannot be used."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")
    folder = tmp_path / "mirror" / "some" / "set"
    folder.mkdir(parents=True)
    rows = [{"q": f"Which is {i}?", "a": f"So it is.\n#### {i}" if i % 10 else None} for i in range(40)]
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return tmp_path / "mirror"


SET = {"hub": "some/set", "columns": {"question": "q", "answer": {"column": "a", "regex": "#### (.+)"}}}


def test_shares_by_weight(mirror: Path, tmp_path: Path) -> None:
    """As many of each as the weights say and no row twice; the same seed gives the same rows and fingerprint; what
    cannot be used is counted with its reason."""
    entries = [{"goal": True, "weight": 3}, {**SET, "weight": 1}, {"generator": "mixed", "limit": 300, "weight": 2}]
    rows, receipt = gathered(tmp_path, entries)
    assert Counter(row["source"] for row in rows) == {"goal": 108, "some/set": 36, "mixed": 72}
    assert all(row["target"].startswith("So it is.\nANSWER: ") for row in rows if row["source"] == "some/set")
    of_set = receipt["sources"][1]
    assert (of_set["source"], of_set["rows"]) == ("some/set", 36) and receipt["rows"] == 216
    assert of_set["unmade"] == {"the column a is NoneType, and the regex needs a text": 4}
    again, same = gathered(tmp_path, entries)
    assert again == rows and same == receipt and receipt["fingerprint"] == items.fingerprint(rows)
    other, changed = gathered(tmp_path, entries, seed=1)
    assert other != rows and changed["fingerprint"] != receipt["fingerprint"]
    few, _ = gathered(tmp_path, entries, rows=12)
    assert Counter(row["source"] for row in few) == {"goal": 6, "some/set": 2, "mixed": 4}
    plain, _ = gathered(tmp_path, [{"goal": True, "limit": 10}, SET])
    assert len(plain) == 46
    alone, _ = gathered(tmp_path, [{"goal": True, "limit": 10}])
    assert not any("source" in row for row in alone)


PARTS = st.lists(st.tuples(st.integers(1, 9), st.integers(0, 60)), min_size=2, max_size=4)


@given(PARTS, st.none() | st.integers(1, 99))
@settings(max_examples=60, deadline=None)
def test_the_shares_hold(parts: list[tuple[int, int]], most: int | None) -> None:
    """Of any weights and any numbers of rows: to one row, as many as there are, in order, no more than asked for."""
    entries = [{"generator": f"g{i}", "weight": weight} for i, (weight, _) in enumerate(parts)]
    rows = [{"source": f"g{i}", "n": n} for i, (_, count) in enumerate(parts) for n in range(count)]
    kept = mix.drawn(rows, entries, most)
    counts = Counter(row["source"] for row in kept)
    total = min([count * sum(w for w, _ in parts) / weight for weight, count in parts] + ([most] if most else []))
    for i, (weight, _) in enumerate(parts):
        assert abs(counts[f"g{i}"] - total * weight / sum(w for w, _ in parts)) < 1 + 1e-6
    assert [row for row in rows if row in kept] == kept and len(kept) <= (most or len(rows))


def test_a_text_and_a_verifier(mirror: Path, tmp_path: Path) -> None:
    """A text is trained on without a question; a verifier judges the rows of its source, and the scorer all others."""
    text = {"hub": "some/set", "format": "text", "columns": {"text": "a"}, "limit": 5}
    judged = {**SET, "format": "verifiable", "verifier": "answer_line"}
    rows, _ = gathered(tmp_path, [text, judged, {"goal": True, "limit": 5}])
    by = {name: [row for row in rows if row["source"] == name] for name in ("some/set", "some/set#2", "goal")}
    assert by["some/set"] and all(row["question"] == "" and row["target"] for row in by["some/set"])
    assert {row["verifier"] for row in by["goal"]} == {"exact_answer"}
    outcome, wrong = rewards.scorer(GOAL), "ANSWER: nothing"
    assert outcome(wrong, by["some/set#2"][0]) == 1.0 and outcome(wrong, by["goal"][0]) == 0.0
    made, _ = typed.recipe({"stages": ["data", "sft"], "data": {"mix": [judged, {"generator": "mixed"}]}})
    config = Config(goal=GOAL, model=Model("m", "m"), recipe=made)
    called = {*stage("data").plugins(getattr(made, "data"), config)}  # noqa: B009
    assert {("rewards", "answer_line"), ("sources", "hub"), ("generators", "mixed")} <= called
    assert ("rewards", "answer_line") in {*stage("sft").plugins(None, config)}


def test_a_set_that_cannot_be_had(mirror: Path, tmp_path: Path) -> None:
    """Missing, or without the split, the columns, a row that can be used: one line, from a stream as well."""
    for entry, said in (
        ({**SET, "hub": "some/other"}, "The split train of data set some/other cannot be read: "),
        ({**SET, "split": "other"}, "The split other of data set some/set cannot be read: "),
        ({**SET, "split": "other", "stream": True}, "The split other of data set some/set cannot be read: "),
        ({"hub": "some/set", "columns": {"question": "question"}}, "some/set has no column question; it has "),
        ({"hub": "some/set", "columns": {"question": {"column": "a", "regex": "nothing"}}}, "36 of 40 rows of some"),
    ):
        with pytest.raises(UserError, match=said) as error:
            gathered(tmp_path, [entry])
        assert "\n" not in str(error.value)


def test_commits_are_pinned(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe's set without a revision gets the newest commit as a study begins, and keeps it as the study goes on."""
    text = "stages: [data, sft]\ndata: {mix: [{hub: a/b, columns: {question: q}}, {hub: a/c, revision: old}]}\n"
    (tmp_path / "mine.yaml").write_text(text + "sft: {max_steps: 1}\n")
    asked = scope(library, "goal=arithmetic", "model=tiny", f"recipe={tmp_path / 'mine.yaml'}")
    monkeypatch.setattr(hub, "commit", lambda name: f"newest of {name}")
    made, commits = hub.pinned(asked, {})
    assert commits == {"a/b": "newest of a/b"}
    for recipe in (made.config.recipe, *made.recipes.values()):
        assert hub.data_sets(recipe) == [("a/b", "newest of a/b"), ("a/c", "old")]
    kept, _ = hub.pinned(asked, {"a/b": "that of the beginning"})
    assert hub.data_sets(kept.config.recipe)[0] == ("a/b", "that of the beginning")
    monkeypatch.setattr(hub, "commit", lambda name: None)  # no network: what the cache has
    assert hub.pinned(asked, {})[0].config.recipe == asked.config.recipe
    mirrored = replace(asked.config, compute=replace(asked.config.compute, mirror="m"))
    assert hub.pinned(replace(asked, config=mirrored), {})[1] == {}
    assert identity.commits(tmp_path) == {}
