"""The command line: a mistake ends with status 2 and one message that names the fault, its value and the choices."""

import gc
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import commandline
import pytest
import yaml
from commandline import BASE, Run, refused, shell, written
from conftest import scope

from intern.cli import main, study
from intern.config import schema, typed
from intern.config.library import Library
from intern.overrides import Overrides
from intern.records import Trial
from intern.study.ledger import Ledger
from intern.study.reader import Reader

run = commandline.run  # the fixture


@pytest.fixture
def model(tmp_path: Path) -> str:
    """The word for a folder that has all that a base model needs, empty."""
    folder = tmp_path / "base"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"):
        (folder / name).write_text("{}")
    return f"model={folder}"


MISTAKES = {
    # a choice that does not exist
    "goal=arithmetik": ['Unknown goal "arithmetik"', 'Did you mean "arithmetic"?', "Available: arithmetic, gsm8k"],
    "model=tinny": ['Unknown model "tinny"', 'Did you mean "tiny"?', "qwen3-0.6b"],
    "recipe=generated/stf": ['Unknown recipe "generated/stf"', 'Did you mean "generated/sft"?', "generated/grpo"],
    "proposer=heuristik": ['Unknown proposer "heuristik"', 'Did you mean "heuristic"?', "fixed"],
    "budget=big": ['Unknown budget "big"', "Available: default"],
    "compute=slurm": ['Unknown compute "slurm"', "local"],
    "goal=null": ['Unknown goal "null"'],
    "goal=[mixed]": ['Unknown goal "[mixed]"', 'Did you mean "mixed"?'],
    "goal=mixed\n": ['Unknown goal "mixed?"'],
    "recipe=": ['Unknown recipe ""', "Available"],
    "recipe=generated/sft,generated/stf": ['Unknown recipe "generated/stf"', 'Did you mean "generated/sft"?'],
    "recipe=generated/sft,generated/sft": ["recipe=generated/sft,generated/sft", "generated/sft stands twice"],
    "recipe=a.yaml,b.yaml": ["No recipe file at a.yaml", "No recipe file at b.yaml"],
    "recipe=nothing.yaml": ["No recipe file at nothing.yaml", "generated/sft"],
    "recipe=/etc/passwd": ['Unknown recipe "/etc/passwd"'],
    "recipe.name=x": ["recipe.name", "named by its file"],
    "recipe={name: x}": ["recipe.name", "named by its file", "recipe=NAME", "'x'"],
    "recipe=generated/sft,generated/grpo": ["recipe=generated/sft,generated/grpo", "-m"],
    "model=tiny,/some/where": ["model=tiny,/some/where", "(/some/where) cannot be one of several", "model=PATH"],
    "model=./nothing": ["No model folder at", "nothing"],
    # a key that does not exist
    "budget.trails=3": ["budget.trails: no such key", 'Did you mean "budget.trials"?'],
    "buget=default": ['Unknown key "buget"', 'Did you mean "budget"?'],
    "+budget.trails=3": ["budget.trails: no such key", 'Did you mean "budget.trials"?'],
    "+foo=3": ['Unknown key "foo"', "--cfg job"],
    "foo.bar=3": ['Unknown key "foo.bar"', "--cfg job"],
    "_target_=os.system": ['Unknown key "_target_"'],
    "defaults=[schema]": ['Unknown key "defaults"'],
    "recipe.sft.learning_rat=1": ["recipe.sft.learning_rat: ", 'Did you mean "sft.learning_rate"?'],
    "recipe={sft: {learning_rat: 1}}": ["recipe.sft.learning_rat: ", 'Did you mean "sft.learning_rate"?'],
    "recipe.stf.max_steps=1": ["recipe.stf.max_steps: ", 'Did you mean "sft.max_steps"?'],
    "proposer.sweep_trial=1": ["proposer.sweep_trial: no such key", 'Did you mean "proposer.sweep_trials"?'],
    "compute.wram=true": ["compute.wram: no such key", 'Did you mean "compute.warm"?'],
    "diagnosis.nope.x=3": ['diagnosis.nope: Unknown diagnosis rule "nope"', "kl_explosion"],
    "goal@x=mixed": ['"goal@x=mixed"', "a dotted name"],
    "goal:x=mixed": ['"goal:x=mixed"', "a dotted name"],
    "~goal": ['"~goal"', "only entries under recipe"],
    "~recipe": ['"~recipe"', "only entries under recipe"],
    "~recipe.name": ["recipe.name", "named by its file"],
    # a value that is none of the key
    "budget.trials=many": ["budget.trials: ", "'many'", "number"],
    "budget.trials=0": ["budget.trials: ", "0", "greater than 0"],
    "budget.trials=nan": ["budget.trials: ", "nan", "finite"],
    "budget.hours=soon": ["budget.hours: ", "'soon'", "number"],
    "goal.target=null,": ["goal.target=null,"],
    "goal.prompt=hello": ["goal.prompt: 'hello' is not a text that says with {question} where"],
    "model.package=x": ["model.package: 'x' is not a package as NAME==VERSION"],
    "goal.target=1.5": ["goal.target: ", "1.5"],
    "goal.max_new_tokens={a: 1}": ["goal.max_new_tokens: ", "{'a': 1}"],
    "goal.dev=[{name: x}]": ["goal.dev.0.folder: a value is needed"],
    "goal.scorer=nope": ['goal.scorer: Unknown reward "nope"', "exact_answer"],
    "goal.generator=nope": ['goal.generator: Unknown generator "nope"', "mixed"],
    "model.dtype=int8": ["model.dtype: 'int8'", "'float32'"],
    "compute.launcher=nope": ['compute.launcher: Unknown launcher "nope"', "local"],
    "compute.warm=maybe": ["compute.warm: 'maybe'"],
    "diagnosis=3": ["diagnosis: 3"],
    "diagnosis.nan=3": ["diagnosis.nan: 3"],
    "seed=x": ["seed: ", "'x'"],
    "seed=-1": ["seed: -1"],
    "seed=1.5": ["seed: 1.5"],
    "seed=null": ["seed: None"],
    "quiet=maybe": ["quiet: 'maybe'"],
    "recipe.sft=3": ["recipe.sft: ", "3"],
    "recipe={sft: 3}": ["recipe.sft: ", "3"],
    "recipe.stages=3": ["recipe.stages: 3"],
    "recipe.sft.max_steps=x": ["recipe.sft.max_steps: 'x'"],
    "study=a/b": ["study: "],
    "study=.hidden": ["study: "],
    "study=???": ["study has no value"],
    f"study={'x' * 300}": ["study: "],
    f"outputs={'x' * 300}": ["xxx … xxx", "File name too long"],
    "model=local": ["model.path has no value. Give it: model.path=…"],
    # a word that is none
    "recipe.sft.learning_rate=[1": ["recipe.sft.learning_rate=[1", "KEY=VALUE"],
    "goal.prompt={question} x": ["goal.prompt={question} x", "KEY=VALUE", """: 'goal.prompt="{question} x"'."""],
    "goal.prompt={question}'s": ["goal.prompt={question}'s", "special characters in quotes (see --help)."],
    "goal=none.yaml": ["No goal file at none.yaml", "Give a path that exists, or one of: arithmetic, gsm8k"],
    "model=some/none.yml": ["No model file at some/none.yml", "qwen3-0.6b"],
    "seed='1": ["seed='1", "KEY=VALUE"],
    "seed=0,1": ["seed=0,1", "-m"],
    "=3": ['"=3" has no key'],
    "+=3": ['"+=3" has no key'],
    "chekc": ['"chekc" is neither KEY=VALUE nor a command', 'Did you mean "check"?', "--help"],
    "recipe": ['Did you mean "recipes"?'],
    "": ['"" is neither KEY=VALUE nor a command'],
    "x" * 1000: ['xxx … xxx', '" is neither'],
    "g\u043eal=mixed": ['Unknown key "g\u043eal"', 'Did you mean "goal"?'],
    "\x1b[2J": ['"?[2J" is neither'],
    "hydra.nope=3": ['Unknown key "hydra.nope"'],
    "hydra/launcher=nope": ["hydra/launcher/nope"],
    # what a config may not read
    "seed=${oc.env:NO_SUCH_VARIABLE}": ["seed: ", "environment"],
    "seed=${oc.env:SECRET}": ["seed: ", "environment"],
    "study=${oc.env:SECRET}": ["study: ", "environment"],
    "goal.prompt=${oc.decode:${oc.env:SECRET}}": ["goal.prompt"],
    "recipe.sft.max_steps=${oc.env:SECRET}": ["recipe.sft.max_steps: ", "environment"],
    "seed=${seed}": ["seed: "],
    "seed=${nope}": ["seed: ", "nope"],
    # Hydra's flags
    "--foo": ['Unknown flag "--foo"'],
    "--multirn": ['Unknown flag "--multirn"', 'Did you mean "--multirun"?'],
    "--cfg=jb": ["--cfg", "'jb'", "'job'"],
    "--resolve": ["--resolve", "--cfg"],
    "--config-name=other": ['Unknown flag "--config-name=other"'],  # conf/config.yaml is the one config
    "--experimental-rerun=x.pickle": ['Unknown flag "--experimental-rerun=x.pickle"'],
    "-sc": ["install=SHELL", "bash"],
}


@pytest.mark.parametrize(("word", "parts"), MISTAKES.items(), ids=[ascii(word)[:60] for word in MISTAKES])
def test_a_mistaken_word(run: Run, word: str, parts: list[str]) -> None:
    """Each alone, in a study that would otherwise begin."""
    refused(run(word, *([] if word.startswith("outputs=") else ["outputs=made"])), *parts)
    assert not Path("made").exists()


HUGE = ("per_device_train_batch_size", "gradient_accumulation_steps")
TOGETHER = [
    (["-m", "--cfg", "job"], ["--multirun and --cfg cannot go together"]),
    (["goal=mixed", "foo", "bar"], ['the word "foo"', 'the word "bar"']),
    (["goal=mixed", *["a"] * 50], ['the word "a"', "… and 40 more."]),
    (["goal=mixt", "model=tinny", "=3"], ['Unknown goal "mixt"', 'Unknown model "tinny"', '"=3" has no key']),
    (["goal=local", "model=local"], ["model.path has no value"]),
    (["budget.trails=3", "seed=x", "goal.few_shot=-1"], ["budget.trails: ", "seed: 'x'", "goal.few_shot: -1"]),
    (["seed=x", "recipe.sft.max_steps=y", "recipe.grpo.beta=z"], ["seed: ", "recipe.sft.max_steps: ", "grpo.beta: "]),
    (["recipe.sft.max_steps=y", "recipe.grpo.beta=z"], ["recipe.sft.max_steps: 'y'", "recipe.grpo.beta: 'z'"]),
    (["recipe.sft.a=1", "recipe.grpo.b=1"], ["recipe.sft.a: no recipe that suits", "recipe.grpo.b: no recipe"]),
    (["goal.scorer=x", "proposer.name=y"], ["goal.scorer: Unknown reward", "proposer.name: Unknown proposer"]),
    (["recipe=generated/sft", "recipe.sft.learning_rat=1"], ['Did you mean "recipe.sft.learning_rate"?']),
    (["recipe=generated/sft", "recipe.grpo.beta=0.1"], ["recipe.grpo: the recipe has no such stage"]),
    (["recipe=generated/sft", "recipe={sft: {max_steps: x}}"], ["recipe.sft.max_steps: 'x'"]),
    (["recipe=generated/sft", "recipe.stages=[]"], ["recipe.stages: [] train nothing"]),
    (["recipe=generated/sft", "recipe.stages=[stf]"], ['recipe.stages: Unknown stage "stf"', 'mean "sft"']),
    (["recipe=generated/sft", "recipe.stages=[sft,synthetic]"], ["recipe.stages: sft needs rows"]),
    (["recipe=generated/sft", "recipe.rewards.gaol=1"], ['recipe.rewards: Unknown reward "gaol"', 'mean "goal"']),
    (["recipe=generated/sft", "recipe.rewards.goal=much"], ["recipe.rewards.goal: 'much' is not a finite number"]),
    (["recipe=generated/sft", "recipe.tunable={lora: 3}"], ["recipe.tunable.lora: 3"]),
    (["recipe=generated/sft", "recipe.sft.max_length=600"], ["cannot run", "recipe.sft.max_length=600 exceeds"]),
    (["recipe=generated/grpo", "recipe.grpo.num_generations=7"], ["recipe.grpo.num_generations=7", "2, 4, 8"]),
    (
        ["recipe=generated/grpo", *(f"recipe.grpo.{key}=100000" for key in HUGE), "recipe.grpo.num_generations=7"],
        ["num_generations=7 does not divide", "2, 4, 5, 8"],  # in a moment, however large the batch
    ),
    (["recipe=generated/sft", "+recipe=generated/grpo"], ["recipe=… is given twice"]),
    (["recipe=svamp/sft", "recipe.data.mix=[{hug: a/b}]"], ["recipe.data.mix", "hug"]),
    (["recipe=generated/sft", "recipe.sft.learning_rate=1e-3,3e-3"], ["recipe.sft.learning_rate=1e-3,3e-3", "-m"]),
    (["-m", "goal=mixed,arithmetik"], ['Unknown goal "arithmetik"']),
    (["-m", "seed=x,y"], ["seed: 'x'", "seed: 'y'"]),
    (["-m", "recipe=generated/sft", "recipe.sft.max_steps=x,y"], ["max_steps: 'x'", "max_steps: 'y'"]),
    (["goal=mixed", "--cfg"], ["--cfg", "one argument"]),
    (["--cfg", "job", "goal.target=x"], ["goal.target: 'x'"]),
    (["--cfg", "job", "-p", "gaol"], ['Unknown part of the config "gaol"', 'Did you mean "goal"?']),
    (["goal=mixed", "--cfg", "job", "buget=3"], ['Unknown key "buget"']),
    (["-sc", "install=csh"], ["bash, fish or zsh"]),
    (["goal=mixed", "check"], ['the word "check"']),
]


@pytest.mark.parametrize(("words", "parts"), TOGETHER, ids=[" ".join(words)[:60] for words, _ in TOGETHER])
def test_mistakes_together(run: Run, words: list[str], parts: list[str]) -> None:
    """What words mean beside others, and several faults in one message."""
    refused(run(*words), *parts)
    assert list(Path().iterdir()) == [] or {path.name for path in Path().iterdir()} == {"outputs"}
    assert not list(Path().glob("outputs/*/*"))


def test_every_job_of_a_sweep(run: Run) -> None:
    """Over recipes, a file among them, goals, seeds and values: one message for each job that cannot run."""
    Path("own.yaml").write_text("stages: [synthetic, sft]\nsft: {max_steps: 5, max_length: 96}\n")
    Path("base").mkdir()
    swept = ["recipe=own.yaml,generated/sft", "goal=arithmetic,mixed", "seed=0,1", "recipe.sft.max_steps=7,8"]
    ended = run("-m", "proposer=fixed", "model=base", *swept)
    refused(ended, short=False)
    assert ended.err.count("cannot be used") == 16


def test_a_choice_twice(run: Run) -> None:
    """Hydra would take the last."""
    for words in ("goal=mixed goal=arithmetic", "check goal=mixed goal=mixed", "goal=mixed ++goal=mixed"):
        refused(run(*words.split()), "goal=… is given twice")


def test_a_broken_recipe(run: Run) -> None:
    """A file of one's own: the place of a fault of syntax, and all faults of meaning."""
    Path("syntax.yaml").write_text("stages: [data, sft\nsft: {")
    Path("faults.yaml").write_text("stages: [data, sft]\nsft: {learning_rat: 1, max_steps: x}\n_target_: os.system\n")
    for command in ([], ["check", "goal=arithmetic"]):
        refused(run(*command, "recipe=syntax.yaml"), "syntax.yaml:2:", "is not valid YAML")
        refused(
            run(*command, "recipe=faults.yaml"),
            "faults.yaml is not a valid recipe:\n",
            "sft.learning_rat: no such key.",
            'Did you mean "sft.learning_rate"?',
            "sft.max_steps: 'x'",
            "_target_: no such key",
        )


def test_a_model_without_a_tokenizer(run: Run, model: str) -> None:
    """What is missing, and how it is made."""
    folder = Path(model.removeprefix("model="))
    (folder / "tokenizer.json").unlink()
    refused(run(model), f"model.path={folder} cannot be used", "no tokenizer", "tokenizer.save_pretrained(folder)")
    (folder / "model.safetensors").unlink()
    (folder / "config.json").unlink()
    refused(run(model), "no config.json", "no model.safetensors", "no tokenizer")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").unlink()
    refused(run(model), "no chat template")


def test_a_recipe_that_is_left_out(run: Run, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A search says which one and why, and goes on; where a recipe is named, nothing is said of others."""
    Path("recipes").mkdir()
    Path("recipes/broken.yaml").write_text("x: [")
    os.mkfifo("recipes/pipe.yaml")
    monkeypatch.setenv("INTERN_RECIPES", "recipes")
    (Path(model.removeprefix("model=")) / "tokenizer.json").unlink()
    for word, lines in (("quiet=false", 2), ("recipe=generated/sft", 0), ("quiet=true", 0)):
        ended = run("goal=arithmetic", model, word)
        assert ended.status == 2 and "no tokenizer" in ended.err
        assert [line.partition(": ")[0] for line in ended.out.splitlines()] == ["left out"] * lines
        assert not lines or ("broken.yaml:1:5 is not valid YAML" in ended.out and "pipe.yaml is no file" in ended.out)
    refused(run("goal=arithmetic", model, "recipe=pipe"), "pipe.yaml is no file")


def test_a_model_in_a_folder_of_any_name(run: Run) -> None:
    """A path reaches the check of the model as it is, whatever it means to Hydra."""
    for name in ("a b", "it's", "a=b", "a(b)", "ä", "a{b}", "a\\b", "a\\'b", "a\\", "a:b@c"):
        Path(name).mkdir()
        refused(run(f"model={name}"), f"model.path={Path(name).resolve()} cannot be used")


def test_a_goal_without_data(run: Run, model: str) -> None:
    """The word that is missing, or the folder that is."""
    refused(run("goal=local", model, "recipe=local/sft"), "goal.data_dir=PATH", "train.jsonl")
    refused(run("goal=local", model, "goal.data_dir=nowhere"), "goal.data_dir=nowhere: there is no such folder")


ROW = '{"question": "1 + 1", "answer": "2"}\n'


@pytest.mark.parametrize(
    ("train", "test", "parts"),
    [
        (ROW, ROW + '{"question": \nnothing\n', ["test.jsonl has lines that cannot be read", "line 2: ", "line 3: "]),
        (ROW, '{"q": "1"}\n' + ROW, ["line 1: there is no column question; there is no column answer (it has: q)"]),
        (ROW, '[1]\n' + ROW, ["line 1: a list, and an object is needed: '[1]'"]),
        (ROW, "", ["test.jsonl is empty"]),
        ("\n\n", ROW, ["train.jsonl is empty"]),
        (ROW, ROW, ["no train items are left", "goal.dev_share"]),
        (ROW + ROW.replace("1 + 1", "1 + 2"), ROW, ["no "]),
        (ROW, b"\xff\xfe\n", ["test.jsonl has lines that", "line 1: byte 0xff at character 1 is not UTF-8"]),
        (ROW, "x\n" * 50, ["line 10: ", "and 40 more"]),
    ],
)
def test_broken_data(run: Run, model: str, train: str | bytes, test: str | bytes, parts: list[str]) -> None:
    """Every broken line by its number, before anything is started."""
    Path("data").mkdir()
    for name, text in (("train", train), ("test", test)):
        Path(f"data/{name}.jsonl").write_bytes(text if isinstance(text, bytes) else text.encode())
    refused(run("goal=local", "goal.data_dir=data", model), *parts)


def test_outputs_that_cannot_be_written(run: Run, model: str) -> None:
    """A file in the folder's place, and a place under one."""
    Path("file").write_text("")
    for place in ("file", "file/deeper", "/dev/null/x"):
        refused(run(model, f"outputs={place}"), f"Cannot write to the study's folder {place}/", "outputs=PATH")


def test_help(run: Run) -> None:
    """Every group with its choices, and the commands."""
    for words in (["--help"], ["-h"], ["goal=mixed", "--help"]):
        ended = run(*words)
        assert ended.status == 0 and not ended.err
        for part in ("  goal: arithmetic, ", "  model: ", "generated/sft", "  proposer: claude, ", *main.COMMANDS):
            assert part in ended.out


def test_version(run: Run) -> None:
    """Ours, not Hydra's, with the commit of a checkout; and the garbage collector, off meanwhile, is on again."""
    ask = ["git", "-C", str(schema.ROOT), "rev-parse", "--short=7", "HEAD"]
    known = (schema.ROOT / ".git").exists() and subprocess.run(ask, capture_output=True, text=True).stdout.strip()
    said = run("--version").out
    assert re.fullmatch(rf"intern 0\.1\.0( \(commit {known}[0-9a-f]*(-dirty)?\))?\n", said) and gc.isenabled()
    assert bool(known) == ("commit" in said)


def test_cfg(run: Run) -> None:
    """The composed config as YAML, with what was chosen, the defaults and the settings of plug-ins; nothing is run."""
    words = ["goal=mixed", "recipe=generated/sft", "recipe.sft.learning_rate=0.5"]
    for flags in (["--cfg", "job", "--resolve"], ["--cfg=job"], ["-c", "job"]):
        ended = run(words[0], *flags, *words[1:])  # flags may stand between the words
        tree = yaml.safe_load(ended.out)
        assert ended.status == 0 and tree["study"] == "mixed-tiny" and tree["recipe"]["sft"]["learning_rate"] == 0.5
    assert tree["compute"]["warm"] is True and tree["proposer"]["sweep_trials"] == 4  # of plug-ins
    assert tree["goal"]["dev_share"] == 0.1 and tree["budget"]["hours"] == 1.0  # of the schema alone
    assert "grpo" not in tree["recipe"] and list(Path().iterdir()) == []
    assert yaml.safe_load(run(*words, "--cfg", "job", "-p", "recipe.sft").out) == tree["recipe"]["sft"]
    assert run("--cfg", "job", "-p", "seed").out == "0\n"
    assert set(yaml.safe_load(run("--cfg", "job").out)["recipe"]) > {"sft", "grpo", "data", "synthetic"}
    assert "hydra" in yaml.safe_load(run("--cfg", "hydra").out)


def test_cfg_reads_what_it_shows(run: Run) -> None:
    """What --cfg job shows is what a study of the same words would run, as the typed config reads it back."""
    tree = yaml.safe_load(run("goal=stories", "recipe=generated/sft_grpo", "proposer.repeats=2", "--cfg", "job").out)
    config = typed.config(tree)
    assert config.tree() == tree and config.proposer.repeats == 2


def test_hydras_flags(run: Run) -> None:
    """Its own help; completion is ours."""
    assert "Hydra" in run("--hydra-help").out
    script = run("-sc", "install=bash")
    assert script.status == 0 and "complete -o default -F _intern intern" in script.out


def test_own_folder_of_configs(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """INTERN_CONF adds options of every group; a folder that is not there is said."""
    Path("mine/goal").mkdir(parents=True)
    Path("mine/goal/sums.yaml").write_text("defaults: [arithmetic]\nname: sums\ndev_items: 7\n")
    monkeypatch.setenv("INTERN_CONF", "mine")
    assert "sums" in run("--help").out
    tree = yaml.safe_load(run("goal=sums", "--cfg", "job").out)
    assert tree["goal"]["dev_items"] == 7 and tree["goal"]["generator"] == "arithmetic"
    assert run("check", "goal=sums", "recipe=generated/sft").status == 0
    monkeypatch.setenv("INTERN_CONF", "nowhere")
    refused(run("goal=sums"), "INTERN_CONF names no folder: nowhere")


RECIPE = """# Rows of a data set that is not there.
#   python -m intern goal=arithmetic model=tiny recipe=absent.yaml
summary: a data set that is not there
suits: [arithmetic]
stages: [data, sft]
data: {mix: [{hub: nobody/nothing, revision: abc, format: qa}]}
sft: {max_steps: 1, max_length: 96}
"""


def test_a_study_in_which_nothing_can_run(run: Run, random_model: Path) -> None:
    """Status 2, with the reason and what to do, also when the same command is given again."""
    Path("absent.yaml").write_text(RECIPE)
    Path("mirror/nobody/nothing").mkdir(parents=True)
    small = [
        "compute.mirror=mirror",
        "goal=arithmetic",
        "goal.dev_items=4",
        "goal.test_items=4",
        "goal.few_shot=0",
        "goal.max_new_tokens=4",
    ]
    words = [*small, f"model={random_model}", "recipe=absent.yaml", "proposer=fixed", "study=none"]
    for _ in range(2):
        ended = run(*words)
        assert ended.status == 2 and "Traceback" not in ended.err and "1 propose  FAIL" in ended.out
        for part in ("intern: Trial 1 of study outputs/none ", "nobody/nothing", "trials/001/log.txt", "study=NAME"):
            assert part in ended.err, ended.err
    assert len(Ledger(Path("outputs/none")).trials) == 2


def test_an_unknown_package(tmp_path: Path) -> None:
    """A library that is missing or broken is named, with the way to the doctor."""
    (tmp_path / "typer").mkdir()
    (tmp_path / "typer" / "__init__.py").write_text("raise ImportError('half an installation', name='typer')\n")
    ended = shell("trials", "x", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 2 and "Traceback" not in ended.stderr
    assert "the package typer cannot be imported" in ended.stderr and "doctor" in ended.stderr


PINS = Overrides({"sft.max_steps": 31})


@pytest.mark.parametrize(
    ("proposer", "trials", "said"),
    [
        ("heuristic", [], None),
        ("heuristic", [("REJECTED", {}), ("FAIL", {})], "Each of the 2 trials"),
        ("heuristic", [("FAIL", {})], "Trial 1 "),
        ("heuristic", [("REJECTED", {}), ("PRUNED", {})], None),
        ("random", [("FAIL", {}), ("COMPLETE", {}), ("FAIL", {})], None),
        ("fixed", [("REJECTED", {})], "Trial 1 "),
        ("fixed", [("COMPLETE", {}), ("FAIL", PINS)], "Trial 2 "),  # this command's; another command ran the first
        ("fixed", [("FAIL", {}), ("COMPLETE", PINS)], None),
        ("fixed", [("FAIL", {})], None),  # of another command
    ],
)
def test_nothing_ran(library: Library, tmp_path: Path, proposer: str, trials: list[Any], said: str | None) -> None:
    """Nothing could run if all proposals were refused or failed; of proposer=fixed the command's own trial counts."""
    made = [
        Trial(n, "propose", state, recipe="generated/sft", overrides=Overrides(overrides), reason="because")
        for n, (state, overrides) in enumerate(trials, 1)
    ]
    written(tmp_path, BASE, *made)
    words = [f"proposer={proposer}", "goal=arithmetic", "recipe=generated/sft", "recipe.sft.max_steps=31"]
    told = study.nothing_ran(Reader(tmp_path), scope(library, *words))
    if said is None:
        assert told is None
    else:
        assert told and told.startswith(said) and "the last: because." in told and "study=NAME" in told
