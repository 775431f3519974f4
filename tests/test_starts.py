"""A start that fails before the first trial leaves no folder; what was there before stays."""

from pathlib import Path

import commandline
import pytest
from commandline import BASE, Ended, Run, written

from intern import plugins

run = commandline.run  # the fixture
LOCAL = ("goal=local", "model=tiny", "recipe=local/sft")
ROWS = "".join(f'{{"question": "{n} + 1", "answer": "{n + 1}"}}\n' for n in range(40))
FAILING = {
    "no data": ["goal.data_dir=nowhere"],
    "a table": ["goal.data_dir=table"],
    "torn rows": ["goal.data_dir=torn"],
    "other columns": ["goal.data_dir=rows", "goal.columns.question=ask"],
    "no model": ["goal.data_dir=rows", "model=./nothing"],
    "a model that is nowhere": ["goal.data_dir=rows", "model.path=nobody/nothing"],
    "a refused word": ["goal.data_dir=rows", "goal.dev_items=0"],
    "an unknown key": ["goal.data_dir=rows", "goal.promt=x"],
    "no items": ["goal.data_dir=null"],
    "no launcher": ["goal.data_dir=rows", "compute.launcher=torn"],
}


@pytest.fixture(autouse=True)
def around(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Data that can be used and data that cannot, and a launcher that fails as it is opened."""
    for name, train in (("rows", ROWS), ("torn", "{\n")):
        Path(name).mkdir()
        Path(name, "train.jsonl").write_text(train)
        Path(name, "test.jsonl").write_text(ROWS.replace(" + 1", " plus 1"))
    Path("table").mkdir()
    Path("table/train.csv").write_text("question,answer\n1 + 1,2\n")
    Path("mine/launchers").mkdir(parents=True)
    Path("mine/launchers/torn.py").write_text(
        "from intern.errors import UserError\n\n\ndef open_launcher(compute):\n    raise UserError('no cluster here')\n"
    )
    monkeypatch.setenv("INTERN_PLUGINS", "mine")
    plugins.files.cache_clear()


def failed(ended: Ended) -> None:
    """One message, and status 2; what was noted of the data may stand before it."""
    assert ended.status == 2 and ended.err.startswith("intern: ") and "Traceback" not in ended.err, ended


@pytest.mark.parametrize("words", FAILING.values(), ids=FAILING)
@pytest.mark.parametrize("outputs", ["outputs", "deep/er"])
def test_nothing_is_left(run: Run, words: list[str], outputs: str) -> None:
    """Neither the study's folder nor those around it that were made for it; a folder that was there stays."""
    before = sorted(Path().iterdir())
    failed(run(*LOCAL, *words, f"outputs={outputs}"))
    assert sorted(Path().iterdir()) == before
    Path(outputs).mkdir(parents=True)
    failed(run(*LOCAL, *words, f"outputs={outputs}"))
    assert list(Path(outputs).iterdir()) == []


@pytest.mark.parametrize("words", FAILING.values(), ids=FAILING)
def test_what_was_there_stays(run: Run, words: list[str]) -> None:
    """A study, and a folder with a file of somebody's own in the place of one."""
    ledger = written(Path("outputs/begun"), BASE)
    Path("outputs/own").mkdir()
    Path("outputs/own/notes.txt").write_text("mine")
    for study in ("begun", "own"):
        failed(run(*LOCAL, *words, f"study={study}"))
    assert ledger.path.exists() and Path("outputs/own/notes.txt").read_text() == "mine"
