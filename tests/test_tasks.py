"""The evaluator's own task: nothing that a model folder or a goal says becomes code."""

import json
import os
import shutil
from pathlib import Path

import pytest

from intern.config.schema import Compute, Config, Goal, Model
from intern.config.stages import stage
from intern.data import splits, tasks
from intern.errors import UserError
from intern.stages import Task

GOAL = Goal("sums", generator="arithmetic", dev_items=4, test_items=4, few_shot=1, max_new_tokens=4)
EXPLOIT = "\"'], x: !function evil.f, y: ['"  # closes the list of stop words and names a function, in lm-eval's YAML
EVIL = "from pathlib import Path\nPath('ran').write_text('evil')\ndef f(*_): return {}\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to stand in, with an evil module where lm-eval would look for it."""
    for folder in (tmp_path, tmp_path / "out"):
        folder.mkdir(exist_ok=True)
        (folder / "evil.py").write_text(EVIL)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    splits.materialise(GOAL, tmp_path / "items")
    return tmp_path


def test_a_model_folder_runs_no_code(place: Path, random_model: Path) -> None:
    """A tokenizer whose end of turn is YAML that names a function is scored, and the function is not called."""
    model = place / "model"
    shutil.copytree(random_model, model)
    (model / "evil.py").write_text(EVIL)
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        if (model / name).exists():
            settings = json.loads((model / name).read_text())
            (model / name).write_text(json.dumps({**settings, "eos_token": EXPLOIT}))
    config = Config(GOAL, Model("local", str(model), dtype="float32", context=512), compute=Compute("local"))
    score = stage("score")
    task = Task("score", score.settings("dev"), config, str(model), str(model), None, place / "items", 0, place / "out")
    score.run(task)
    assert json.loads((place / "out" / "scores.json").read_text())[0]["n"] == 4
    assert not (place / "ran").exists() and not (model / "ran").exists()


@pytest.mark.parametrize("scorer", ["evil", "../evil", "evil.f\nx: !function evil", "exact_answer.os", os.sep + "evil"])
def test_a_scorer_is_a_plug_in(place: Path, scorer: str) -> None:
    """A goal's scorer is looked up by its file name and never imported by what it says."""
    goal = Goal("sums", generator="arithmetic", dev_items=4, test_items=4, scorer=scorer)
    with pytest.raises(UserError, match="Unknown reward"):
        tasks.tasks(goal, "dev", place / "items", "", None)
    assert not (place / "ran").exists()
