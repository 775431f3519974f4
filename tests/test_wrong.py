"""Wrong command lines by the hundred: each ends with status 2 and a message that says what is wrong and what to do."""

import subprocess
import sys
import time
from pathlib import Path

import commandline
import pytest
import wrong
from commandline import Run
from conftest import scope
from wrong import BASE, FILES, Wrong

from intern.cli import compose, study
from intern.config.library import Library
from intern.errors import UserError
from intern.study.events import Noted

run = commandline.run  # the fixture
TABLES = wrong.together()
ALONE = wrong.alone()


@pytest.fixture(autouse=True)
def nothing_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line that is accepted says so, and trains nothing."""
    monkeypatch.setattr("intern.cli.study.run", lambda scope, library, began: 0)


def test_the_table_is_large() -> None:
    """Every key of the schema and of every stage's settings is in it, with several wrong values."""
    assert len(ALONE) > 250 and sum(len(table) for table in TABLES) > 700
    some = {"budget.trials", "goal.prompt", "recipe.sft.max_steps", "recipe.data.rows", "proposer.repeats"}
    assert some < set(TABLES[2])


@pytest.mark.parametrize("table", TABLES, ids=range(len(TABLES)))
def test_all_faults_at_once(run: Run, table: dict[str, str]) -> None:
    """A wrong value at every key: each is named with its value, in one message, and nothing is begun."""
    start = time.process_time()
    ended = run(*BASE, *(f"{key}={text}" for key, text in table.items()))
    took = time.process_time() - start
    assert ended.status == 2 and not ended.out and "Traceback" not in ended.err
    lines = ended.err.removeprefix("intern: ").splitlines()
    silent = {key: text for key, text in table.items() if not any(wrong.shows(key, text, line) for line in lines)}
    assert not silent
    assert all(wrong.FIX.search(line) or line.endswith(" number") for line in lines)
    assert took < 1 and list(Path().iterdir()) == []


def test_all_misspelt_keys_at_once(run: Run) -> None:
    """Each is named, with the key that it was to be."""
    near = {key: whole for key, whole in wrong.misspelt().items() if key not in ("goal.generato", "compute.launche")}
    ended = run(*BASE, *(f"{key}=1" for key in near))
    assert ended.status == 2 and len(near) > 80
    lines = ended.err.removeprefix("intern: ").splitlines()
    offered = {line.partition(":")[0] for line in lines if "no such key. Did you mean" in line}
    assert set(near) <= offered


@pytest.mark.parametrize("line", ALONE, ids=[ascii(" ".join(line.words))[:60] for line in ALONE])
def test_a_wrong_line(run: Run, line: Wrong) -> None:
    """Wrong choices, files, commands and syntax, each alone."""
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    ended = run(*line.words)
    assert not wrong.lacks(line, ended.status, ended.out, ended.err)
    assert not Path("outputs").exists()


@pytest.mark.parametrize(("text", "key"), wrong.RECIPES.items())
def test_a_recipe_file_that_asks_for_nonsense(run: Run, text: str, key: str) -> None:
    """The ranges of the schema hold for files as for words, and a contract opens nothing that lies outside of them."""
    section = text.partition(":")[0]
    kept = [line for line in wrong.RECIPE.splitlines() if not line.startswith(f"{section}:")]
    Path("mine.yaml").write_text("\n".join([*kept, text]) + "\n")
    for words in (("goal=arithmetic", "recipe=mine.yaml"), ("check", "goal=arithmetic", "recipe=mine.yaml")):
        ended = run(*words)
        assert not wrong.lacks(Wrong(words, (f"  - {key}",)), ended.status, ended.out, ended.err)
    assert run("recipes", "check", "mine.yaml").status == 2


QUICK = """
import sys
from intern.__main__ import main
sys.argv[1:] = ["goal=arithmetic", "budget.trials=-1", "goal.few_shot=-1", "recipe.sft.learning_rate=nan"]
try:
    main()
except SystemExit as ended:
    heavy = [name for name in ("torch", "transformers", "trl", "numpy") if name in sys.modules]
    print(ended.code, heavy)
"""


def test_a_refusal_loads_nothing_heavy(tmp_path: Path) -> None:
    """All faults are told by what is light."""
    ended = subprocess.run([sys.executable, "-c", QUICK], cwd=tmp_path, capture_output=True, text=True)
    assert ended.stderr.count("\n") == 3 and ended.stdout == "2 []\n", ended


def test_a_person_may_leave_the_contract(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is told so, of each recipe; the ranges hold, for a contract of one's own too."""
    words = ("goal=arithmetic", "recipe.sft.max_steps=5000", "recipe.sft.learning_rate=2e-3")
    lines = list(compose.beyond(scope(library, *words)))
    assert [line.partition("(")[2].partition(")")[0] for line in lines] == ["generated/sft", "generated/sft_grpo"]
    assert all(line.startswith("recipe.sft.max_steps lies outside its contract: 5000 is outside ") for line in lines)
    monkeypatch.setattr("intern.study.run.run", lambda *_: iter([Noted("begun")]))
    assert [event.text for event in study.events(scope(library, *words), library)] == [*lines, "begun"]
    for word in ("recipe.sft.max_steps=100000000", "recipe.tunable={lora: {low: 1, high: 100000}}"):
        with pytest.raises(UserError, match="less than or equal to"):
            scope(library, "goal=arithmetic", "recipe=generated/sft", word)


def test_a_name_of_the_hub_is_a_model(library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OWNER/NAME, unless there is a folder OWNER, where a name is mistyped rather."""
    monkeypatch.chdir(tmp_path)
    model = scope(library, "goal=arithmetic", "model=Qwen/Qwen3-0.6B").config.model
    assert (model.path, model.name) == ("Qwen/Qwen3-0.6B", "Qwen3-0.6B")
    Path("Qwen").mkdir()
    model = scope(library, "goal=arithmetic", "model=Qwen/Qwen3-0.6B").config.model
    assert (model.path, model.name) == (f"{tmp_path}/Qwen/Qwen3-0.6B", "local")
