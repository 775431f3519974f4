"""A goal's items from a data set of the Hub: the copy in a mirror, read by the real client."""

import os
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import scope

from intern import files
from intern.config.library import Library
from intern.config.schema import Goal, Task
from intern.data import hub_sets, items, splits, tasks
from intern.errors import UserError
from intern.study import hub, published

SOLVED = "Half of {n} is <<{n}/2={half}>>{half}.\n#### {half}"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a data set in the form of GSM8K's repository, and caches of the test's own."""
    from datasets import Dataset

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    folder = tmp_path / "mirror" / "openai" / "gsm8k"
    for split, first in (("train", 2), ("test", 202)):
        numbers = range(first, first + 60, 2)
        rows = [{"question": f"Half of {n}?", "answer": SOLVED.format(n=n, half=n // 2)} for n in numbers]
        Dataset.from_list(rows).to_parquet(folder / "main" / f"{split}.parquet")
    named = "".join(f"  - split: {split}\n    path: main/{split}.parquet\n" for split in ("train", "test"))
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: main\n  data_files:\n{named}---\n")
    return tmp_path / "mirror"


def test_the_goal_gsm8k(mirror: Path, library: Library) -> None:
    """Without a folder its rows are the data set's, and are read as a person's own files are."""
    goal = scope(library, "goal=gsm8k", "model=tiny", "goal.dev_share=0.3").config.goal
    found = published.resolved(goal, str(mirror))
    assert found.data_dir and Path(found.data_dir).parent == files.cache() / "data" / "openai--gsm8k--main"
    assert sorted(path.name for path in Path(found.data_dir).iterdir()) == ["test.jsonl", "train.jsonl"]
    splits.materialise(found, mirror.parent / "items")
    test = items.read(mirror.parent / "items" / "test.jsonl")
    assert len(test) == 30 and {row["answer"] for row in test} == {str(n // 2) for n in range(202, 262, 2)}
    assert all(row["target"].endswith(f"ANSWER: {row['answer']}") and "<<" not in row["target"] for row in test)
    again = published.resolved(goal, str(mirror))
    assert again == found


def test_a_folder_goes_before_it(mirror: Path) -> None:
    """And a goal that names no data set is left as it is."""
    own = Goal("g", hub="openai/gsm8k", data_dir="here")
    assert published.resolved(own, str(mirror)) == own
    assert published.resolved(replace(own, hub=None, data_dir=None), None).data_dir is None


def test_a_data_set_without_the_splits(mirror: Path) -> None:
    """One line that names the data set and the split; nothing is left that could be taken for whole."""
    readme = mirror / "openai" / "gsm8k" / "README.md"
    readme.write_text(readme.read_text().replace("split: test", "split: other"))
    goal = Goal("g", hub="openai/gsm8k", hub_config="main")
    with pytest.raises(UserError, match="^The split test of data set openai/gsm8k cannot be read: [^\n]*$"):
        published.resolved(goal, str(mirror))
    assert not [path for path in (files.cache() / "data" / "openai--gsm8k--main").iterdir() if path.name[0] != "."]


@pytest.mark.parametrize("name", ["../x", "/etc", "owner", "a/b/c"])
def test_a_name_that_is_none(mirror: Path, name: str) -> None:
    """Nothing outside of the mirror is read."""
    with pytest.raises(UserError, match="^goal.hub: .* is no owner/name$"):
        published.resolved(Goal("g", hub=name), str(mirror))


def test_two_at_once(mirror: Path) -> None:
    """Two processes that start together make one folder."""
    goal = Goal("g", hub="openai/gsm8k", hub_config="main")
    with ThreadPoolExecutor(4) as pool:
        found = set(pool.map(lambda _: published.resolved(goal, str(mirror)).data_dir, range(4)))
    assert len(found) == 1


def test_a_study_keeps_its_commit(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that it began with, or that a person names, or the newest; without a network the copy that is here."""
    goal, commits = Goal("g", hub="openai/gsm8k", hub_config="main"), iter(["new", None])
    real = hub_sets.load
    monkeypatch.setattr(hub_sets, "load", lambda *asked: real(*asked[:3], None, str(mirror)))
    monkeypatch.setattr(hub, "commit", lambda _: next(commits))
    newest = published.resolved(goal, None)
    assert newest.hub_revision == "new" and str(newest.data_dir).endswith("/new")
    assert published.resolved(goal, None, begun="old").hub_revision == "old"
    assert published.resolved(replace(goal, hub_revision="named"), None, begun="old").hub_revision == "named"
    os.utime(published.place(goal, "new"))
    assert published.resolved(goal, None) == newest


def test_a_folder_of_its_name(mirror: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a mirror the Hub is meant, whatever lies where the study was begun; lm-eval's own tasks, too."""
    monkeypatch.chdir(mirror)
    assert len(hub_sets.load("openai/gsm8k", "main", "test", None, ".")) == 30
    with pytest.raises(Exception, match="openai/gsm8k.* on the Hub"):
        hub_sets.load("openai/gsm8k", "main", "test", None, None)
    (mirror / "openai" / "gsm8k").rename(mirror / "openai" / "other")
    (mirror / "allenai").mkdir()
    (mirror / "openai" / "other").rename(mirror / "allenai" / "sciq")
    with pytest.raises(Exception, match="allenai/sciq.* on the Hub"):
        tasks.bundled(Task("sciq", "sciq"), "", None)


@pytest.mark.parametrize("way", ["above", "absolute", "link", "archive"])
def test_files_that_are_not_its_own(mirror: Path, way: str) -> None:
    """What a data set's card or a link in it names outside of its folder is not read."""
    secret = mirror.parent / "secret" / "rows.jsonl"
    secret.parent.mkdir()
    secret.write_text('{"question": "secret", "answer": "1"}\n' * 3)
    with zipfile.ZipFile(mirror.parent / "rows.zip", "w") as archive:
        archive.write(secret, "rows.jsonl")
    folder = mirror / "some" / "set"
    folder.mkdir(parents=True)
    named = {"above": "../../../secret/rows.jsonl", "absolute": str(secret), "link": "linked.jsonl"}
    named["archive"] = f"zip://*.jsonl::{mirror.parent / 'rows.zip'}"
    (folder / "README.md").write_text(f"---\nconfigs:\n- config_name: default\n  data_files: {named[way]}\n---\n")
    (folder / "linked.jsonl").symlink_to(secret)
    with pytest.raises(UserError, match="Data set some/set names .*, which is none of its own files"):
        hub_sets.load("some/set", None, "train", None, str(mirror))


def test_files_of_the_hub() -> None:
    """An address in the repository, at whatever commit, and nothing else."""
    own = ["hf://datasets/a/b@1/x.jsonl", "zip://x.jsonl::hf://datasets/a/b@1/x.zip"]
    others = ["/etc/passwd", "hf://datasets/a/bc@1/x", "hf://datasets/a/b@1/../../c", "https://x/hf://datasets/a/b@1/x"]
    assert all(hub_sets.inside(file, None, "a/b") for file in own)
    assert not any(hub_sets.inside(file, None, "a/b") for file in [*others, "hf://datasets/a/b@1/x::/etc/passwd"])
