"""docs/extending.md has files that work: each plug-in from a folder of its own, through its conformance suite
and in a study that uses it; goals, models and proposers as YAML outside the package."""

import re
from pathlib import Path

import conformance.diagnosis
import conformance.generators
import conformance.launchers
import conformance.proposers
import conformance.rewards
import conformance.sources
import conformance.stages
import pytest
from conftest import HERE, scope

from intern import plugins
from intern.config import choices, schema, typed
from intern.config.gate import Scope
from intern.config.library import Library
from intern.data import items
from intern.errors import UserError
from intern.study import run as studies
from intern.study.reader import Reader

TINY = schema.ROOT / "intern" / "models" / "tiny"
BLOCK = re.compile(r"```python\n# (\w+/\w+\.py)\n(.*?)```", re.DOTALL)
FILES = dict(BLOCK.findall((HERE / "docs" / "extending.md").read_text(encoding="utf-8")))
RECIPE = """\
# All of them at once.
summary: a source, a stage, a reward and a rule of a stranger
stages: [data, shortest, sft, grpo]
data: {mix: [{sheet: sums.csv, columns: {question: q, answer: a}}]}
shortest: {share: 0.5}
sft: {learning_rate: 1.0e-3, max_steps: 2, max_length: 64, per_device_train_batch_size: 4, logging_steps: 1,
      activation_checkpointing: false}
grpo: {max_steps: 1, per_device_train_batch_size: 4, num_generations: 2, max_completion_length: 8, logging_steps: 1,
       activation_checkpointing: false}
rewards: {goal: 1.0, brief: {weight: 0.5, words: 3}}
tunable:
  shortest.share: {low: 0.1, high: 1.0}
  sft.learning_rate: {low: 1.0e-5, high: 1.0e-2, log: true}
"""
WORDS = ("model=tiny", "goal.dev_items=12", "goal.test_items=12", "goal.few_shot=0", "proposer.confirm=false")


@pytest.fixture
def mine(tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The files of docs/extending.md in a folder, as a person would have them."""
    for name, text in FILES.items():
        file = tmp_path / "mine" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path / "mine"))
    monkeypatch.setenv("PYTHONPATH", str(HERE))
    monkeypatch.chdir(tmp_path)
    with (tmp_path / "sums.csv").open("w") as file:
        file.write("q,a\n" + "".join(f"What is {i} plus {i}?,{2 * i}\n" for i in range(40)))
    (tmp_path / "all.yaml").write_text(RECIPE)
    choices.register(library)
    return tmp_path


def test_one_file_each() -> None:
    """The page shows a file of every kind that people extend."""
    assert {name.split("/")[0] for name in FILES} == set(plugins.KINDS)
    assert all(len(text.splitlines()) <= 45 for text in FILES.values())


@pytest.mark.parametrize("name", sorted(FILES))
def test_each_does_what_its_kind_must(mine: Path, name: str) -> None:
    """Its conformance suite passes."""
    kind, stem = name.removesuffix(".py").split("/")
    assert stem in plugins.names(kind) and plugins.path(kind, stem) == mine / "mine" / name
    checks = {
        "rewards": lambda: conformance.rewards.check(stem),
        "diagnosis": lambda: conformance.diagnosis.check(stem),
        "generators": lambda: conformance.generators.check(stem),
        "proposers": lambda: conformance.proposers.check(stem),
        "launchers": lambda: conformance.launchers.check(stem, mine / "run", TINY),
        "stages": lambda: conformance.stages.check(stem, mine / "run", TINY),
        "sources": lambda: conformance.sources.check(
            {"sheet": "sums.csv", "columns": {"question": "q", "answer": "a"}}, mine / "run"
        ),
    }
    (mine / "run").mkdir()
    checks[kind]()


@pytest.mark.slow
def test_a_study_of_them(mine: Path, library: Library) -> None:
    """Their settings are keys of the config; rows, rewards, goal and proposer are theirs."""
    words = ("goal=halves", *WORDS, "recipe=all.yaml", "proposer=ladder", "proposer.factor=5", "budget.trials=1")
    asked = scope(library, *words, "diagnosis.steep.limit=1e6", "study=mine")
    assert (asked.config.goal.generator, asked.config.goal.max_new_tokens) == ("halves", 24)
    assert asked.config.proposer.factor == 5.0  # type: ignore[attr-defined]
    compute = scope(library, *words, "compute=nice", "compute.niceness=1").config.compute
    assert compute.launcher == "nice" and compute.niceness == 1  # type: ignore[attr-defined]
    list(studies.run(asked, library, lambda study, winner: None))
    study = Reader(mine / "outputs" / "mine")
    trial = study.trials[1]
    assert trial.state == "COMPLETE", (trial, (study.place(1) / "log.txt").read_text())
    assert trial.overrides == {"sft.learning_rate": 0.0002}
    assert len(items.read(study.output(trial.stages[1]) / "rows.jsonl")) == 20
    rows = [row for stage in study.begun(trial) for row in study.metrics(trial, stage)]
    assert any("rewards/brief/mean" in row for row in rows)


def test_a_rule_of_ones_own_stops_a_stage(mine: Path, library: Library) -> None:
    """With its setting at nothing it fires, and its remedies are what the contract opens."""
    asked = scope(library, "goal=halves", *WORDS, "recipe=all.yaml", "diagnosis.steep.limit=0", "study=stopped",
                  "recipe.sft.max_steps=6", "proposer=fixed")  # fmt: skip
    list(studies.run(asked, library, lambda study, winner: None))
    trial = Reader(mine / "outputs" / "stopped").trials[1]
    assert trial.diagnosis and (trial.state, trial.diagnosis.rule) == ("PRUNED", "steep")
    assert trial.diagnosis.remedies == ({"sft.learning_rate": 0.0003},)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("proposer=ladder", "proposer.factr=5"), r'proposer.factr: no such key. Did you mean "proposer.factor"'),
        (("proposer=ladder", "proposer.factor=much"), r"proposer.factor: 'much' is not a number"),
        (("diagnosis.step.limit=1",), r'Unknown diagnosis rule "step". Did you mean "steep"'),
        (("compute=nice", "compute.niceness=[1]"), r"compute.niceness: \[1\] is not an? \w+"),
    ],
)
def test_a_wrong_setting_is_named(mine: Path, library: Library, words: tuple[str, ...], said: str) -> None:
    """As one of ours is."""
    with pytest.raises(UserError, match=said):
        scope(library, "goal=halves", *WORDS, *words)


def test_a_file_that_cannot_be_used(mine: Path) -> None:
    """A syntax error, a name that is taken, a stage that lacks something: one line each, with the file."""
    (mine / "mine" / "rewards" / "torn.py").write_text("def outcome(text, row)\n")
    (mine / "mine" / "stages" / "half.py").write_text("MAKES = 'nothing'\n")
    plugins.files.cache_clear()
    with pytest.raises(UserError, match=r"torn.py cannot be imported: SyntaxError"):
        plugins.load("rewards", "torn")
    with pytest.raises(UserError, match=r"half.py is not a stage:(.|\n)*Settings(.|\n)*MAKES(.|\n)*run"):
        typed.recipe_stages()
    (mine / "mine" / "rewards" / "exact_answer.py").write_text("def outcome(text, row): return 1.0\n")
    plugins.files.cache_clear()
    with pytest.raises(UserError, match=r"Two plug-ins are the reward exact_answer"):
        plugins.names("rewards")


def test_yaml_of_ones_own(tmp_path: Path, library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """INTERN_CONF adds goals, models, proposers; they may build on ours, and are refused as ours are."""
    for group, name, text in (
        ("goal", "easy", "defaults: [arithmetic]\nname: easy\ndev_items: 30\nkinds: [sums]\n"),
        ("model", "mine", f"name: mine\npath: {TINY}\ndtype: float32\ncontext: 512\neos_token: <|im_end|>\n"),
        ("proposer", "patient", "name: heuristic\nsweep_trials: 9\n"),
    ):
        (tmp_path / "conf" / group).mkdir(parents=True)
        (tmp_path / "conf" / group / f"{name}.yaml").write_text(text)
    monkeypatch.setenv("INTERN_CONF", str(tmp_path / "conf"))
    assert {"easy", "arithmetic"} <= set(choices.options("goal")) and "mine" in choices.options("model")
    choices.register(library)
    asked: Scope = scope(library, "goal=easy", "model=mine", "proposer=patient", "recipe=generated/sft")
    goal = asked.config.goal
    assert (goal.name, goal.generator, goal.dev_items, goal.kinds) == ("easy", "arithmetic", 30, ["sums"])
    assert asked.config.model.path == str(TINY)
    proposer = asked.config.proposer
    assert (proposer.name, proposer.sweep_trials) == ("heuristic", 9)  # type: ignore[attr-defined]
    monkeypatch.setenv("INTERN_CONF", str(tmp_path / "none"))
    with pytest.raises(UserError, match="INTERN_CONF names no folder"):
        choices.options("goal")
