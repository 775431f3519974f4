"""The command line: a mistake ends with status 2 and one message that names the fault, its value and the choices."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from attacks import ATTACKS, GOOD, GRPO, RATE, SCENE

from intern import __main__
from intern.cli import commands
from intern.config import schema
from intern.records import Score, Trial
from intern.study import ledger

HEAVY = ("torch", "transformers", "trl", "lm_eval", "datasets", "optuna", "peft", "scipy", "numpy")


@dataclass
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The command line in this process and an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")

    def main(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["intern", *words])
        with pytest.raises(SystemExit) as ended:
            __main__.main()
        assert isinstance(ended.value.code, int)
        return Ended(ended.value.code, *capsys.readouterr())

    return main


@pytest.fixture
def model(tmp_path: Path) -> str:
    """The word for a folder that has all that a base model needs, empty."""
    folder = tmp_path / "base"
    folder.mkdir()
    for name in ("config.json", "model.safetensors", "tokenizer.json", "chat_template.jinja"):
        (folder / name).write_text("{}")
    return f"model={folder}"


def refused(ended: Ended, *parts: str) -> None:
    """Status 2, nothing on stdout, and a message that has these parts and no traceback."""
    assert ended.status == 2 and not ended.out
    assert ended.err.startswith(("intern: ", "refused:")) and "Traceback" not in ended.err
    assert len(ended.err) < 1500 and "Error merging" not in ended.err
    for part in parts:
        assert part in ended.err, ended.err


MISTAKES = {
    "goal=arithmetik": ['Unknown goal "arithmetik"', 'Did you mean "arithmetic"?', "Available: arithmetic, local"],
    "model=tinny": ['Unknown model "tinny"', 'Did you mean "tiny"?', "qwen3-0.6b"],
    "recipe=generated/stf": ['Unknown recipe "generated/stf"', 'Did you mean "generated/sft"?', "generated/grpo"],
    "proposer=heuristik": ['Unknown proposer "heuristik"', 'Did you mean "heuristic"?', "fixed"],
    "budget=big": ['Unknown budget "big"', "Available: default"],
    "compute=slurm": ['Unknown compute "slurm"', "local"],
    "recipe=": ['Unknown recipe ""', "Available"],
    "recipe=generated/sft,generated/stf": ['Unknown recipe "generated/stf"', 'Did you mean "generated/sft"?'],
    "recipe=generated/sft,generated/sft": ["recipe=generated/sft,generated/sft", "generated/sft stands twice"],
    "model=tiny,/some/where": ["model=tiny,/some/where", "(/some/where) cannot be one of several", "model=PATH"],
    "budget.trails=3": ['Unknown key "budget.trails"', 'Did you mean "budget.trials"?', "--cfg job"],
    "buget=default": ['Unknown key "buget"', 'Did you mean "budget"?'],
    "recipe.sft.learning_rat=1": ['Unknown key "recipe.sft.learning_rat"', 'Did you mean "recipe.sft.learning_rate"?'],
    "+budget.trails=3": ['Unknown key "budget.trails"', 'Did you mean "budget.trials"?'],
    "budget.trials=many": ["budget.trials: ", "'many'", "Integer"],
    "budget.trials=1.5": ["budget.trials: ", "'1.5'", "Integer"],
    "budget.hours=soon": ["budget.hours: ", "'soon'", "Float"],
    "goal.target=null,": ["goal.target=null,"],
    "seed=x": ["seed: ", "'x'"],
    "recipe.sft=3": ["recipe.sft: ", "3"],
    "recipe.sft.learning_rate=[1": ["recipe.sft.learning_rate=[1", "KEY=VALUE"],
    "seed=${oc.env:NO_SUCH_VARIABLE}": ["seed: ", "NO_SUCH_VARIABLE"],
    "study=???": ["study has no value"],
    "=3": ['"=3" has no key'],
    "chekc": ['"chekc" is neither KEY=VALUE nor a command', 'Did you mean "check"?', "--help"],
    "recipe": ['Did you mean "recipes"?'],
    "": ['"" is neither KEY=VALUE nor a command'],
    "recipe=nothing.yaml": ["No recipe file at nothing.yaml", "generated/sft"],
    "model=./nothing": ["No model folder at", "nothing"],
}


@pytest.mark.parametrize(("word", "parts"), MISTAKES.items(), ids=MISTAKES)
def test_a_mistaken_word(run: Run, word: str, parts: list[str]) -> None:
    """Each alone, in a study that would otherwise begin."""
    refused(run(word, "outputs=made"), *parts)
    assert not Path("made").exists()


def test_a_choice_twice(run: Run) -> None:
    """Hydra would take the last."""
    for words in (["goal=mixed", "goal=arithmetic"], ["check", "goal=mixed", "goal=mixed"]):
        refused(run(*words), "goal=… is given twice")


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
            "sft.max_steps: Value 'x'",
            "_target_: no such key",
        )


def test_a_model_without_a_tokenizer(run: Run, model: str) -> None:
    """What is missing, and how it is made."""
    folder = Path(model.removeprefix("model="))
    (folder / "tokenizer.json").unlink()
    refused(run(model), f"model.path={folder} cannot be used", "no tokenizer", "tokenizer.save_pretrained(folder)")
    (folder / "model.safetensors").unlink()
    (folder / "config.json").unlink()
    refused(run(model), "no config.json", "no *.safetensors", "no tokenizer")
    (folder / "tokenizer.json").write_text("{}")
    (folder / "chat_template.jinja").unlink()
    refused(run(model), "no chat template")


def test_a_goal_without_data(run: Run, model: str) -> None:
    """The word that is missing, or the folder that is."""
    refused(run("goal=local", model, "recipe=local/sft"), "goal.data_dir=PATH", "train.jsonl")
    refused(run("goal=local", model, "goal.data_dir=nowhere"), "Cannot read nowhere/test.jsonl")


ROW = '{"question": "1 + 1", "answer": "2"}\n'


@pytest.mark.parametrize(
    ("train", "test", "parts"),
    [
        (ROW, ROW + '{"question": \nnothing\n', ["test.jsonl has lines that are not JSON", "line 2: ", "line 3: "]),
        (ROW, '{"q": "1"}\n[1]\n' + ROW, ["lacks columns", "line 1: no column question, answer", "line 2: ", "list"]),
        (ROW, "", ["test.jsonl is empty"]),
        ("\n\n", ROW, ["train.jsonl is empty"]),
        (ROW, ROW, ["no train items are left", "goal.dev_share"]),
        (ROW + ROW.replace("1 + 1", "1 + 2"), ROW, ["no "]),
        (ROW, b"\xff\xfe\n", ["Cannot read", "UTF-8"]),
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


def test_trials(run: Run) -> None:
    """A study that is not there, near ones; one that is, as text and as JSON."""
    study = Path("outputs/arithmetic-tiny")
    study.mkdir(parents=True)
    base = Trial(0, "baseline", "COMPLETE", scores=(Score("arithmetic", "dev", "exact_match", 0.25, 0.02, 400),))
    ledger.propose(study, Trial(0, "baseline", "RUNNING"))
    shown = base.public()
    result = {key: shown[key] for key in ("state", "scores", "diagnosis", "reason", "stages", "seconds")}
    ledger.finish(study, 0, result)
    ledger.propose(study, Trial(1, "propose", "REJECTED", recipe="generated/sft", reason="refused"))
    refused(run("trials", "arithmetic-tinny"), 'Unknown study "arithmetic-tinny"', 'Did you mean "arithmetic-tiny"?')
    for words in ([], ["--jsn"], ["a", "b"]):
        refused(run("trials", *words), "Usage: python -m intern trials STUDY [--json]")
    for name in ("arithmetic-tiny", str(study)):
        ended = run("trials", name, "--json")
        assert ended.status == 0 and json.loads(ended.out) == [t.public() for t in ledger.trials(study)] == [
            shown,
            {**Trial(1, "propose", "REJECTED", recipe="generated/sft", reason="refused").public()},
        ]
    ended = run("trials", "arithmetic-tiny")
    assert ended.status == 0 and "25.0" in ended.out and "generated/sft" in ended.out


def test_help(run: Run) -> None:
    """Every group with its choices, and the commands."""
    for word in ("--help", "-h"):
        ended = run(word)
        assert ended.status == 0 and not ended.err
        for part in ("  goal: arithmetic, ", "  model: ", "generated/sft", "  proposer: fixed, ", *commands.COMMANDS):
            assert part in ended.out


def test_cfg(run: Run) -> None:
    """The composed config as YAML, with what was chosen, and nothing run."""
    ended = run("goal=mixed", "recipe=generated/sft", "recipe.sft.learning_rate=0.5", "--cfg", "job", "--resolve")
    tree = yaml.safe_load(ended.out)
    assert ended.status == 0 and tree["study"] == "mixed-tiny" and tree["recipe"]["sft"]["learning_rate"] == 0.5
    assert list(Path().iterdir()) == []


def test_check(run: Run) -> None:
    """The difference to the recipe's own values, and nothing written."""
    ended = run("check", *SCENE.words, GRPO, "recipe.grpo.beta=4e-2", GOOD)
    name = GRPO.removeprefix("recipe=")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"ok: {name} with recipe.grpo.beta=0.04 recipe.grpo.learning_rate=0.001",
        "  recipe.grpo.learning_rate: 5e-05 -> 0.001",
        "  recipe.grpo.beta: None -> 0.04",
    ]
    assert run("check", *SCENE.words, GRPO).out == f"ok: {name} with its own values\n"
    assert list(Path().iterdir()) == []


def test_check_a_file(run: Run) -> None:
    """A recipe from anywhere, by its path."""
    text = "stages: [data, sft]\nsft: {max_steps: 5, max_length: 96}\ntunable: {sft.max_steps: [5, 7]}\n"
    Path("own.yaml").write_text(text)
    words = ["check", "goal=arithmetic", "recipe=own.yaml"]
    assert "recipe.sft.max_steps: 5 -> 7" in run(*words, "recipe.sft.max_steps=7").out
    refused(run(*words, "recipe.sft.max_steps=6"), '"6" is not one of 5, 7')


@pytest.mark.parametrize(
    "lines", [a for a in ATTACKS if all(isinstance(x, str) for x in a)], ids=lambda lines: ascii(lines)[:60]
)
def test_check_refuses_every_attack(run: Run, lines: list[str]) -> None:
    """The corpus of the gate's tests as words of a shell; a person may name any recipe."""
    refused(run("check", *SCENE.words, *lines, *(["recipe.stages=[]"] if lines == ["recipe=svamp/sft"] else [])))


def shell(*words: str) -> subprocess.CompletedProcess[str]:
    """`python -m intern` in a process of its own."""
    command = [sys.executable, "-m", "intern", *words]
    return subprocess.run(command, cwd=schema.ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("lines", [[GRPO, f"+{GOOD}"], [GRPO, f"{RATE}=${{oc.env:HOME}}"], ["recipe=../../etc/passwd"]])
def test_refuses_in_a_process_of_its_own(lines: list[str]) -> None:
    """The same from a shell."""
    ended = shell("check", *SCENE.words, *lines)
    refused(Ended(ended.returncode, ended.stdout, ended.stderr))


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["check", *SCENE.words, GRPO, GOOD],
        ["--cfg", "job"],
        ["recipes", "list"],
        ["recipes", "check", "recipes/generated/sft.yaml"],
    ],
    ids=" ".join,
)
def test_nothing_heavy_is_loaded(words: list[str]) -> None:
    """Help, vetting and composing wait for no library that trains or scores."""
    code = f"import sys; sys.argv = ['intern', *{words!r}]\nfrom intern.__main__ import main\n"
    code += f"try: main()\nfinally: print([m for m in {HEAVY!r} if m in sys.modules], file=sys.stderr)"
    ended = subprocess.run([sys.executable, "-c", code], cwd=schema.ROOT, capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (0, "[]\n") and ended.stdout
