"""Options from files of one's own: --config-dir, INTERN_CONF, a path in a name's place; nothing in them runs code."""

from pathlib import Path

import commandline
import pytest
import yaml
from commandline import Run, refused

from intern.config import schema

run = commandline.run  # the fixture
TINY = schema.ROOT / "intern" / "models" / "tiny"
GOAL = "defaults: [local]\nname: mine\ndata_dir: data\ndev_items: 7\n"
MODEL = f"path: {TINY}\ndtype: float32\ncontext: 512\neos_token: <|im_end|>\n"


def own(path: str, text: str) -> str:
    """A file of one's own, and its path."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    return path


def shown(run: Run, *words: str) -> dict[str, dict[str, object]]:
    """What --cfg job shows of words."""
    ended = run(*words, "--cfg", "job")
    assert ended.status == 0, ended.err
    tree = yaml.safe_load(ended.out)
    assert isinstance(tree, dict)
    return tree


@pytest.mark.parametrize("flag", [["--config-dir", "more"], ["--config-dir=more"], ["-cd", "more"]], ids=" ".join)
def test_a_folder_on_the_command_line(run: Run, flag: list[str]) -> None:
    """--config-dir: in front of the words or behind them, for --cfg, check and a run; gone with the next command."""
    own("more/goal/mine.yaml", GOAL)
    own("more/model/own.yaml", MODEL)
    for words in ([*flag, "goal=mine", "model=own"], ["goal=mine", "model=own", *flag]):
        tree = shown(run, *words)
        assert (tree["goal"]["name"], tree["goal"]["dev_items"], tree["study"]) == ("mine", 7, "mine-own")
        assert tree["goal"]["columns"] == {"question": "question", "answer": "answer"}  # of local
        assert (tree["model"]["path"], tree["model"]["name"]) == (str(TINY), "own")
    assert run("check", *flag, "goal=mine", "model=own", "recipe=local/sft").out.startswith("ok: local/sft")
    refused(run(*flag, "goal=mine", "model=own"), "goal.data_dir=data: there is no such folder")
    refused(run("goal=mine"), 'Unknown goal "mine"')
    refused(run("check", "goal=mine", "recipe=local/sft"), 'Unknown goal "mine"')
    refused(run("--config-dir", "nowhere", "goal=mine"), "--config-dir names no folder: nowhere")
    refused(run("check", "--config-dir", "nowhere", "goal=mixed", "recipe=generated/sft"), "names no folder: nowhere")


def test_a_file_in_the_place_of_a_name(run: Run) -> None:
    """goal=FILE and model=FILE, of any other group too; the file's name is the option's, if it gives none."""
    tree = shown(run, f"goal={own('far/my goal.yaml', GOAL.replace('name: mine', 'few_shot: 2'))}", "model=tiny")
    assert (tree["goal"]["name"], tree["goal"]["few_shot"], tree["study"]) == ("my-goal", 2, "my-goal-tiny")
    tree = shown(run, f"model={own('far/2024.yml', MODEL)}", "goal=mixed", "goal.dev_items=9")
    assert (tree["model"]["name"], tree["goal"]["dev_items"]) == ("2024", 9)
    tree = shown(run, f"budget={own('small.yaml', 'trials: 2')}", f"proposer={own('p.yaml', 'name: random')}")
    assert (tree["budget"]["trials"], tree["proposer"]["name"]) == (2, "random")
    words = ["goal=far/my goal.yaml", "model=far/2024.yml", "recipe=local/sft"]
    assert run("check", *words).status == 0
    refused(run("goal=far/none.yaml"), "No goal file at far/none.yaml", "arithmetic")
    refused(run("-m", "goal=far/my goal.yaml,far/none.yaml"), "No goal file at far/none.yaml")


def test_a_file_builds_on_others(run: Run) -> None:
    """`defaults` may name files of one's own, which build on ours; recipes that suit the base suit it."""
    own("more/goal/base.yaml", "defaults: [arithmetic]\nmax_new_tokens: 30\ndev_items: 11\n")
    own("more/goal/top.yaml", "defaults: [base, _self_]\ndev_items: 12\n")
    goal = shown(run, "--config-dir", "more", "goal=top")["goal"]
    assert (goal["name"], goal["generator"], goal["max_new_tokens"], goal["dev_items"]) == ("top", "arithmetic", 30, 12)
    assert goal["kinds"] == ["arithmetic", "base"]
    own("more/goal/kind.yaml", "defaults: [base]\nkinds: [sums]\n")
    assert shown(run, "--config-dir", "more", "goal=kind")["goal"]["kinds"] == ["sums"]


def test_one_name_for_two_files(run: Run) -> None:
    """Ours would win in silence."""
    own("more/goal/mixed.yaml", "defaults: [arithmetic]\n")
    refused(run("--config-dir", "more", "goal=mixed"), "goal=mixed is two files", "more/goal/mixed.yaml", "Rename")


@pytest.mark.parametrize("name", ["it's", "a,b", "my goal", "größe", "null", "1e3", "2024"])
def test_a_name_that_cannot_be_chosen(run: Run, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Hydra would read it as something else: it has to be renamed, as a recipe has; by its path it is taken."""
    file = own(f"more/goal/{name}.yaml", "defaults: [mixed]\n")
    told = [f"more/goal/{name}.yaml: a goal cannot be named", "Rename it with letters"]
    refused(run("--config-dir", "more", f"goal={name}"), *told)
    refused(run("check", "--config-dir", "more", "goal=mixed", "recipe=generated/sft"), *told)
    monkeypatch.setenv("INTERN_CONF", "more")
    refused(run("goal=mixed", "model=tiny"), *told)
    monkeypatch.delenv("INTERN_CONF")
    if "," not in name:
        assert shown(run, f"goal={file}", "model=tiny")["goal"]["generator"] == "mixed"
        assert run("--config-dir", "more", "model=tiny", "recipe=generated/sft", "goal=mixed").status == 2


@pytest.mark.parametrize("name", ["v2024", "1.7b", "a-b_c"])
def test_a_name_that_is_one_word(run: Run, name: str) -> None:
    """It is chosen by that very name."""
    own(f"more/goal/{name}.yaml", "defaults: [mixed]\n")
    assert shown(run, "--config-dir", "more", f"goal={name}", "model=tiny")["goal"]["name"] == name


def test_the_command_of_a_study(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the ledger keeps names the files, wherever the command is given again."""
    from intern.cli.compose import compose, scope_of
    from intern.cli.words import opened
    from intern.config import choices
    from intern.config.library import Library

    file = Path(own("far/my goal.yaml", GOAL)).resolve()
    own("more/model/own.yaml", MODEL)
    choices.search([Path("more")])
    library = Library()
    choices.register(library)
    words = [f"goal={file}", "model=own", "recipe=local/sft"]
    told = scope_of(compose(words, library), opened(words, library), library).command
    assert told == f"python -m intern --config-dir {Path('more').resolve()} 'goal={file}' model=own recipe=local/sft"
    choices.search([])


FAULTS = {
    "name: x\npromt: '{question}'\n": ["promt: no such key.", 'Did you mean "prompt"?', "Legal keys: columns, "],
    "name: x\nscorer: nope\n": ['scorer: Unknown reward "nope"', "exact_answer"],
    "name: x\nprompt: hello\n": ["prompt: 'hello' is not a text that says with {question}"],
    "name: x\ndev: 3\n": ["dev: "],
    "name: x\ndev: true\ntest: 2.5\n": ["dev: ", "test: "],
    "name: 2024-02-30\n": [":1:7 is not valid YAML: '2024-02-30' cannot be read as timestamp"],
    "name: x\ndev_items: many\n": ["dev_items: 'many' is not a whole number"],
    "name: x\nprompt: '${oc.env:SECRET} {question}'\n": ["prompt: interpolation"],
    "name: x\ndata_dir: ???\n": ["data_dir: interpolation (${…}) and ??? are not allowed"],
    "name: x\nscorer_settings: {day: 2024-01-01}\n": ["scorer_settings: only text, numbers"],
    "name: x\nname: y\n": [":2:1 is not valid YAML: key name stands twice"],
    "name: &a x\nscorer: *a\n": ["aliases (*name) are not allowed"],
    "name: [x\n": ["is not valid YAML"],
    "": ["holds nothing; a goal is a mapping of keys: columns, data_dir, "],
    "- x\n": ["holds a list"],
    "1: x\n": ["1: a key is text"],
    "defaults: [locl]\n": ['defaults: Unknown goal "locl". Did you mean "local"?'],
    "defaults: [me]\n": ["defaults: me → me goes in a circle"],
    "defaults: local\n": ["defaults: a list of names"],
    "defaults: [{override /hydra/launcher: basic}]\n": ["defaults: a list of names"],
    "defaults: [/model/tiny]\n": ['defaults: Unknown goal "/model/tiny"'],
    "defaults: [../../../etc/passwd]\n": ["defaults: Unknown goal"],
}


@pytest.mark.parametrize(("text", "parts"), FAULTS.items(), ids=[ascii(text)[:50] for text in FAULTS])
def test_a_broken_file(run: Run, text: str, parts: list[str]) -> None:
    """One line with the file, the key and what is legal; by path, from a folder, and to check."""
    own("more/goal/me.yaml", text)
    for words in (["--config-dir", "more", "goal=me"], ["check", "--config-dir", "more", "goal=me"]):
        refused(ended := run(*words), "more/goal/me.yaml", *parts)
        lines = ended.err.removeprefix("intern: ").splitlines()
        assert all(line.startswith(f"{Path('more').resolve()}/goal/me.yaml") for line in lines)
    if "[me]" not in text:
        refused(run("goal=more/goal/me.yaml"), "intern: more/goal/me.yaml", *parts)
    assert run("--config-dir", "more", "goal=mixed", "--cfg", "job").status == 0  # it is read if it is chosen


CALLED = "{callbacks: {x: {_target_: os.mkdir, path: P}}}"
ATTACKS = {
    f"# @package _global_\ngoal: {{generator: arithmetic}}\nhydra: {CALLED}\n": "hydra: no such key",
    f"name: x\ngenerator: arithmetic\nhydra: {CALLED}\n": "hydra: no such key",
    f"# @package hydra\n{CALLED[1:-1]}\n": "callbacks: no such key",
    "defaults: [arithmetic]\n_target_: os.mkdir\npath: P\n": "_target_: no such key",
    "defaults: [arithmetic]\nscorer_settings: {_target_: os.mkdir, path: P}\n": "has no settings, and _target_, path",
    "defaults: [arithmetic]\nscorer: !!python/object/apply:os.mkdir [P]\n": "could not determine a constructor",
    "name: x\ndev: [{name: a, folder: FOLDER}]\ntest: [{name: a, folder: arc}]\n": "dev.0.folder: ",
    "name: x\ndev: [{name: a, folder: arc}]\ntest: [{name: a, folder: ../..FOLDER}]\n": "test.0.folder: ",
}


@pytest.mark.parametrize(("text", "part"), ATTACKS.items(), ids=[ascii(text)[:50] for text in ATTACKS])
def test_a_strangers_file_runs_nothing(run: Run, monkeypatch: pytest.MonkeyPatch, text: str, part: str) -> None:
    """Hydra instantiates what its own keys name, lm-eval imports what a task's YAML names: neither gets that far."""
    tasks = Path("tasks").resolve()
    own("tasks/a.yaml", "task: a\ndataset_path: json\nprocess_docs: !function evil.process\n")
    own("tasks/evil.py", "import os\nos.mkdir('P')\n")
    own("more/goal/me.yaml", text.replace("FOLDER", str(tasks)))
    small = ["recipe=generated/sft", "proposer=fixed", "model=./nothing"]  # refused at the latest for its model
    for words in (["--config-dir", "more", "goal=me"], ["goal=more/goal/me.yaml"]):
        refused(run(*words, *small), part)
    monkeypatch.setenv("INTERN_CONF", "more")
    refused(run("goal=me", *small), part)
    assert not Path("P").exists()
