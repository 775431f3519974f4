"""Plug-ins by file name: found wherever they lie, told if they cannot be used, and named by what they run."""

import sys
from pathlib import Path

import pytest

from intern import plugins
from intern.errors import UserError


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of a person's own rewards."""
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path))
    (tmp_path / "rewards").mkdir()
    return tmp_path / "rewards"


def test_ours_and_others(own: Path) -> None:
    """Both are listed without an import, and only what is a plug-in."""
    (own / "mine.py").write_text("1 / 0\n")
    (own / "_private.py").write_text("")
    (own / "notes.txt").write_text("")
    names = plugins.names("rewards")
    assert names == sorted(names) and {"answer_line", "exact_answer", "mine", "prefix_equation"} < set(names)
    assert plugins.path("rewards", "mine") == own / "mine.py"
    assert plugins.ours("rewards", "exact_answer") and not plugins.ours("rewards", "mine")
    assert plugins.names("sources") == ["csv", "generator", "goal", "hub", "json_array", "jsonl", "parquet"]


def test_several_folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Separated as in PATH; one that is not there is told."""
    for name in ("a", "b"):
        (tmp_path / name / "generators").mkdir(parents=True)
        (tmp_path / name / "generators" / f"draws_{name}.py").write_text(f"WHO = {name!r}\n")
    monkeypatch.setenv("INTERN_PLUGINS", f"{tmp_path}/a:{tmp_path}/b")
    assert {"draws_a", "draws_b", "mixed"} <= set(plugins.names("generators"))
    assert plugins.load("generators", "draws_b").WHO == "b"
    monkeypatch.setenv("INTERN_PLUGINS", f"{tmp_path}/a:{tmp_path}/c")
    with pytest.raises(UserError, match=f"INTERN_PLUGINS names no folder: {tmp_path}/c"):
        plugins.names("generators")


def test_two_of_one_name(own: Path) -> None:
    """One of ours cannot be replaced unseen."""
    (own / "exact_answer.py").write_text("def outcome(text, row): return 1.0\n")
    with pytest.raises(UserError, match="Two plug-ins are the reward exact_answer: .*Rename one of them"):
        plugins.names("rewards")


def test_one_that_cannot_be_imported(own: Path) -> None:
    """Is told with its file and its fault, and is imported once it is mended."""
    (own / "slips.py").write_text("1 / 0\n")
    with pytest.raises(UserError, match=r"slips.py cannot be imported: ZeroDivisionError: .* Mend it"):
        plugins.load("rewards", "slips")
    assert "intern.rewards.slips" not in sys.modules
    (own / "slips.py").write_text("def outcome(text, row):\n    return 0.25\n")
    assert plugins.load("rewards", "slips").outcome("", {}) == 0.25
    assert plugins.load("rewards", "slips") is plugins.load("rewards", "slips")


def test_unknown() -> None:
    """The near name and all that there are."""
    with pytest.raises(UserError, match='Unknown reward "exact_anser". Did you mean "exact_answer"?'):
        plugins.load("rewards", "exact_anser")


FORMS = (
    "from intern.rewards import base_reward",
    "from intern.rewards.base_reward import worth",
    "import intern.rewards.base_reward",
    "import intern.rewards.base_reward as base",
    "def outcome(text, row):\n    from intern.rewards import base_reward",
)


@pytest.mark.parametrize("form", FORMS)
def test_the_source_is_what_runs(own: Path, form: str) -> None:
    """A change of code counts, one of comments and docstrings does not; so it is for a plug-in that it imports, however
    it does."""
    (own / "base_reward.py").write_text('"""Half."""\nworth = 0.5\n')
    text = f"{form}\n"
    (own / "upper.py").write_text(text)
    files = [own / "base_reward.py", own / "upper.py"]
    first = plugins.source("rewards", "upper")
    assert first == plugins.source("rewards", "upper") != plugins.source("rewards", "base_reward")
    (own / "base_reward.py").write_text('"""A half."""\n\n\nworth = 0.5  # of one\n')
    (own / "upper.py").write_text(f"# mine\n{text}")
    assert plugins.source("rewards", "upper") == first
    (own / "base_reward.py").write_text('"""Half."""\nworth = 0.75\n')
    assert plugins.source("rewards", "upper") != first
    assert plugins.closure("rewards", "upper") == set(files)
