"""From trees to typed configs: every fault at once, and what is read is written and read again."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from made import recipe_of

from intern.config import library, schema, typed
from intern.config.contract import Choices, Range
from intern.config.schema import Config
from intern.errors import UserError
from intern.stages import sft

STUDY = {
    "goal": {"name": "sums", "generator": "arithmetic"},
    "model": {"name": "tiny", "path": "/models/tiny"},
    "recipe": {
        "name": "a/b",
        "stages": ["data", "sft", "grpo", "polish"],
        "data": {"rows": 100, "mix": [{"goal": True, "limit": 9}]},
        "sft": {"learning_rate": 1e-3, "lr_scheduler_kwargs": {"a": [1, None]}},
        "grpo": {"beta": 0.04},
        "polish": {"stage": "sft", "max_steps": 5},
        "rewards": {"goal": 1.0, "answer_line": 0.1},
        "tunable": {"polish.learning_rate": {"low": "1e-6", "high": 0.1, "log": True}, "lora": [4, 8]},
    },
    "proposer": {"name": "heuristic", "sweep_trials": 7},
    "compute": {"launcher": "local", "warm": False},
    "diagnosis": {"decline": {"share": 0.5}},
    "study": "sums-tiny",
}


def with_(key: str, value: object) -> dict[str, Any]:
    """The tree above with another value of a dotted key."""
    tree: dict[str, Any] = json.loads(json.dumps(STUDY))
    *sections, leaf = key.split(".")
    node = tree
    for section in sections:
        node = node.setdefault(section, {})
    node[leaf] = value
    return tree


def faults(tree: dict[str, Any]) -> list[str]:
    """Why the tree is no config, line by line."""
    with pytest.raises(UserError) as error:
        typed.config(tree)
    return str(error.value).splitlines()


def test_what_is_given_arrives() -> None:
    """Each value in its place, defaults elsewhere, and the fields that plug-ins add."""
    config = typed.config(STUDY)
    assert type(config) is Config and list(config.recipe.kinds.values()) == ["data", "sft", "grpo", "sft"]
    assert isinstance(config.recipe.polish, sft.Settings) and config.recipe.polish.max_steps == 5
    assert config.recipe.sft.learning_rate == 1e-3 and config.recipe.grpo.max_steps is None
    assert (config.proposer.sweep_trials, config.proposer.repeats, config.proposer.confirm) == (7, 1, True)
    assert config.compute.warm is False and config.budget == schema.Budget() and config.goal.dev_items == 400
    assert config.recipe.value("polish.max_steps") == 5 and config.recipe.value("lora") is None


def test_the_tree_of_a_config() -> None:
    """Is plain YAML that is read back as the same config, sections of another name included."""
    config = typed.config(STUDY)
    tree = config.tree()
    assert typed.config(tree) == config and typed.config(tree).tree() == tree
    again = typed.config(yaml.safe_load(yaml.safe_dump(json.loads(json.dumps(tree)))))
    assert again == config and again.recipe.kinds == config.recipe.kinds
    assert again.recipe.contract == config.recipe.contract
    assert tree["recipe"]["polish"]["stage"] == "sft" and "stage" not in tree["recipe"]["sft"]


def test_every_fault_at_once() -> None:
    """Missing, unknown, of another type, out of range: one line each, which begins with the key."""
    tree = with_("recipe.sft.learning_rat", 1)
    tree["goal"] |= {"dev_items": 0, "target": 1.5, "few_short": 2}
    tree["model"] = {"name": "tiny", "path": "/m", "dtype": "int8", "context": "long"}
    tree["recipe"]["polish"] |= {"max_steps": 1.5, "packing": "perhaps"}
    tree["budget"] = {"trials": math.nan, "hours": -1}
    tree |= {"seed": -1, "stuby": "x", "study": "a/b", "quiet": None}
    keys = [fault.partition(":")[0] for fault in faults(tree)]
    assert sorted(keys) == sorted(
        [
            *("recipe.sft.learning_rat", "goal.dev_items", "goal.target", "goal.few_short", "model.dtype"),
            *("model.context", "recipe.polish.max_steps", "recipe.polish.packing", "budget.trials", "budget.hours"),
            *("seed", "stuby", "study", "quiet"),
        ]
    )


@pytest.mark.parametrize(
    ("key", "near"),
    [
        ("recipe.sft.learning_rat", "recipe.sft.learning_rate"),
        ("recipe.polish.max_step", "recipe.polish.max_steps"),
        ("goal.few_short", "goal.few_shot"),
        ("proposer.sweep_trails", "proposer.sweep_trials"),
        ("compute.warn", "compute.warm"),
        ("stuby", "study"),
        ("recipe.summry", "recipe.summary"),
        ("budget.hour", "budget.hours"),
    ],
)
def test_a_near_key_is_offered(key: str, near: str) -> None:
    """Also one that a plug-in adds, or a stage under another name."""
    assert faults(with_(key, 1)) == [f'{key}: no such key. Did you mean "{near}"?']


@pytest.mark.parametrize(
    ("key", "legal", "illegal"),
    [
        ("budget.trials", [0.3, 1, 10**9], [0, -1, 1e10, math.inf, math.nan, "many", None, True]),
        ("compute.slots", [1, 1000, "4"], [0, 1001, 1.5, True, "4x"]),
        ("compute.threads", [None, 1, 64], [0, -1, False]),
        ("goal.dev_share", [0.01, 0.5], [0, 1, 1.5]),
        ("goal.target", [None, 0, 1, "0.5"], [-0.1, 1.1, math.nan]),
        ("goal.few_shot", [0, 5], [-1, 2.5, None]),
        ("goal.deny", [[], ["a/b"]], ["a/b", None, [["a"]]]),
        ("goal.name", ["x", 3, "a b"], ["", "a/b", ".hidden", "a\nb", "x" * 201, None, True]),
        ("study", ["s"], ["..", "a/..", "\x00", None]),
        ("seed", [0, 10**9], [-1, 0.5, 10**10, True]),
        ("model.dtype", ["float32", "bfloat16", None], ["int8", "", 3]),
        ("recipe.lora", [None, 1, 4096], [0, 4097, True, [8]]),
        ("recipe.data.rows", [None, 1], [0, -5, 10**9]),
        ("recipe.data.verified", [True, False, "true"], ["perhaps", 2, None]),
        ("recipe.sft.learning_rate", [None, 1e-3, "1e-3", 1], ["fast", math.inf, math.nan, True, False, [1e-3], {}]),
        ("recipe.sft.max_steps", [None, 3, "30", 30.0], [1.5, "1.5", True, "3e1x"]),
        ("recipe.sft.packing", [None, True, "false"], ["perhaps", 2, []]),
        ("recipe.sft", [{}, {"max_steps": 1}], [3, "x", [], None]),
        ("recipe.stages", [["data", "sft"]], [3, "sft", {}, [3, "sft"], [["sft"]], None]),
        ("recipe.rewards", [{}, {"goal": 1}, {"goal": {"weight": 1}}], [3, "goal", ["goal"], None]),
        ("goal.test", [[], [{"name": "a", "folder": "b"}]], [[3], {}, [{"nam": "a"}], [{"name": "a", "limit": 0}]]),
        ("diagnosis", [{}, {"decline": {}}], [3, {"decline": 3}, []]),
        ("proposer", [{"name": "fixed"}], [3, [], "fixed", None]),
        ("goal", [{"name": "x"}], [3, None, ["x"]]),
        ("recipe", [{}], [3, None, ["x"]]),
    ],
)
def test_ranges_and_types(key: str, legal: list[object], illegal: list[object]) -> None:
    """What the schema takes, and what it refuses under the key's own name; a bool is no number."""
    for value in legal:
        typed.config(with_(key, value))
    for value in illegal:
        found = faults(with_(key, value))
        assert all(fault.startswith(key) for fault in found), (value, found)
        assert all(len(fault) < 300 and fault.isprintable() for fault in found), (value, found)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=5),
    lambda v: st.lists(v, max_size=3) | st.dictionaries(st.sampled_from(["name", "stage", "goal", "x"]), v, max_size=3),
    max_leaves=5,
)
PLACES = [*(key for key, _ in schema.flat(typed.config(STUDY))), *STUDY, "recipe.sft", "recipe.x", "x", "goal.x"]


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(st.sampled_from(PLACES), JSON, min_size=1, max_size=3))
def test_any_tree_is_read_or_refused(values: dict[str, object]) -> None:
    """Whatever stands at any key: a config that is its own tree's, or a UserError that names what is wrong."""
    tree = with_("seed", 0)
    for key, value in sorted(values.items(), key=lambda pair: -len(pair[0])):
        node, (*sections, leaf) = tree, key.split(".")
        for section in sections:
            node = node[section] if isinstance(node.get(section), dict) else node
        node[leaf] = value
    try:
        config = typed.config(tree)
    except UserError as error:
        assert str(error).strip()
    else:
        assert typed.config(config.tree()) == config


@pytest.mark.parametrize(
    ("kind", "name", "given_", "words"),
    [
        ("sources", "hub", {"hub": "a/b", "splt": "x"}, 'splt: no such key. Did you mean "split"?'),
        ("sources", "hub", {"split": "x"}, "hub: a value is needed"),
        ("sources", "hub", {"hub": 3.5, "name": []}, "name:"),
        ("sources", "goal", {"goal": True, "x": 1}, "x: no such key"),
        ("rewards", "exact_answer", {"x": 1}, "has no settings, and x is given"),
        ("proposers", "heuristic", {"repeats": -1, "sweep_trials": "x"}, "repeats: -1"),
    ],
)
def test_settings_of_plug_ins(kind: str, name: str, given_: dict[str, object], words: str) -> None:
    """Their faults are found in the same way, also if one of the fields has no default."""
    with pytest.raises(UserError) as error:
        typed.settings(kind, name, given_)
    assert words in str(error.value)


def test_a_plug_in_adds_fields(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Under the section's own name, with their types, also one that has to be given; a name that is taken is told."""
    (tmp_path / "proposers").mkdir()
    text = (
        "from dataclasses import dataclass, field\n\n\n@dataclass\nclass Settings:\n    depth: int\n"
        "    words: list[str] = field(default_factory=lambda: ['a'])\n\n\ndef propose(view):\n    return ()\n"
    )
    (tmp_path / "proposers" / "deep.py").write_text(text)
    (tmp_path / "proposers" / "clash.py").write_text(text.replace("depth: int", "confirm: int = 3"))
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path))
    config = typed.config(with_("proposer", {"name": "deep", "depth": 3}))
    assert (config.proposer.depth, config.proposer.words, config.proposer.confirm) == (3, ["a"], True)
    assert typed.config(config.tree()) == config
    assert faults(with_("proposer", {"name": "deep"})) == ["proposer.depth: a value is needed"]
    assert faults(with_("proposer", {"name": "deep", "depth": "x", "world": []}))[1:] == [
        'proposer.world: no such key. Did you mean "proposer.words"?'
    ]
    with pytest.raises(UserError, match="the setting confirm is taken"):
        typed.config(with_("proposer", {"name": "clash"}))


def test_sections_of_another_name() -> None:
    """A stage may come twice: each section has its own values, its own contract keys and its own faults."""
    tunable = {"polish.learning_rate": [1e-4, 1e-3], "sft.max_steps": {"low": 1, "high": 9}}
    recipe = recipe_of(stages=["data", "sft", "polish"], polish={"stage": "sft", "max_steps": 3}, tunable=tunable)
    assert recipe.kinds == {"data": "data", "sft": "sft", "polish": "sft"} and recipe.sft.max_steps is None
    assert recipe.contract == {"polish.learning_rate": Choices(float, (1e-4, 1e-3)), "sft.max_steps": Range(int, 1, 9)}
    changed = recipe.with_({"polish.learning_rate": 1e-4, "lora": 8})
    assert (changed.polish.learning_rate, changed.sft.learning_rate, changed.lora) == (1e-4, None, 8)
    assert recipe.polish.learning_rate is None and changed.contract is recipe.contract
    assert changed.kinds == recipe.kinds and type(changed) is type(recipe)
    _, found = typed.recipe({"stages": ["data", "polish"], "polish": {"stage": "sft", "beta": 1}})
    assert len(found) == 1 and found[0].startswith("polish.beta: no such key.")
    _, found = typed.recipe({"stages": ["data", "polish"], "polish": {"stage": "spin"}})
    assert found and all(fault.startswith("polish") for fault in found)


@pytest.mark.parametrize(
    ("name", "stage"),
    [
        *(("my-sft", "sft"), ("class", "sft"), ("Sft", "sft"), ("", "sft"), ("1st", "sft"), ("a.b", "sft")),
        *(("contract", "sft"), ("value", "sft"), ("kinds", "sft"), ("weights", "sft"), ("__class__", "sft")),
        *(("summary", "sft"), ("stages", "sft"), ("rewards", "sft"), ("tunable", "sft"), ("lora", "sft")),
        *(("score", "sft"), ("export", "sft"), ("grpo", "sft"), ("score", "score"), ("polish", "export")),
        ("polish", "polish"),
    ],
)
def test_no_section(name: str, stage: str) -> None:
    """A name that stands for something else, or is no word; a stage that no recipe may name."""
    recipe, found = typed.recipe({"stages": ["data", name], name: {"stage": stage, "max_steps": 3}})
    assert found and name not in recipe.kinds


def test_a_section_that_is_not_run() -> None:
    """Its values are kept, so that a person may leave a stage out with `recipe.stages=…` alone."""
    tree = typed.config(STUDY).recipe.tree()
    recipe, found = typed.recipe({**tree, "stages": ["data", "polish"]})
    assert not found and recipe.stages == ["data", "polish"] and recipe.grpo.beta == 0.04
    assert typed.recipe(recipe.tree()) == (recipe, [])
    _, found = typed.recipe({**tree, "stages": ["data", "finish"]})
    assert found == ['stages: Unknown stage "finish". Available: data, grpo, polish, sft.']
    assert faults(with_("recipe.stages", ["data", "sfd"])) == [
        'recipe.stages: Unknown stage "sfd". Did you mean "sft"? Available: data, grpo, polish, sft.'
    ]


def test_two_values_of_one_section() -> None:
    """Are both set, and the recipe that they came from stays as it was."""
    recipe = recipe_of(stages=["data", "sft"], sft={"max_steps": 5})
    changed = recipe.with_({"sft.learning_rate": 1e-4, "data.rows": 9, "sft.max_steps": 7})
    assert (changed.sft.learning_rate, changed.sft.max_steps, changed.data.rows) == (1e-4, 7, 9)
    assert (recipe.sft.learning_rate, recipe.sft.max_steps, recipe.data.rows) == (None, 5, None)
    assert recipe.with_({}) == recipe


def test_cut() -> None:
    """A recipe that ends earlier: without the sections, values and contract keys of the stages that are gone."""
    recipe = typed.config(STUDY).recipe.with_({"lora": 4, "data.rows": 7})
    short = typed.cut(recipe, ["data", "sft"])
    assert short.stages == ["data", "sft"] and short.kinds == {"data": "data", "sft": "sft"}
    assert (short.name, short.lora, short.data.rows, short.sft) == ("a/b", 4, 7, recipe.sft)
    assert short.contract == {"lora": Choices(int, (4, 8))} and short.tunable == {"lora": [4, 8]}
    assert not hasattr(short, "polish") and library.recipe_faults(short) == []
    assert recipe.stages[-1] == "polish" and len(recipe.contract) == 2
    assert typed.recipe(short.tree()) == (short, [])
    whole = typed.cut(recipe, recipe.stages)
    assert whole == recipe and whole.contract == recipe.contract
    renamed = typed.cut(recipe, ["data", "polish"])
    assert renamed.kinds == {"data": "data", "polish": "sft"} and renamed.polish == recipe.polish


@pytest.mark.parametrize("path", sorted(library.FOLDER.rglob("*.yaml")), ids=lambda path: path.stem)
def test_recipes_round_trip(path: Path) -> None:
    """The library's own, by their tree and by their file's text."""
    recipe, found = library.read(path)
    assert not found and typed.recipe(recipe.tree()) == (recipe, [])
    assert typed.recipe(yaml.safe_load(library.dump(recipe))) == (recipe, [])
    for end in range(len(recipe.stages) + 1):
        short = typed.cut(recipe, recipe.stages[:end])
        assert typed.recipe(short.tree()) == (short, []) or not end
