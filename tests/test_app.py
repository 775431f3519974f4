"""The subcommands: what each does, its help, and what a misuse is told."""

import json
import os
import subprocess
import sys
from pathlib import Path

import commandline
import pytest
from attacks import ATTACKS, GOOD, GRPO, LONG, RATE, WORDS
from commandline import BASE, Ended, Run, refused, shell, written

from intern.config import schema
from intern.records import Trial

HEAVY = ("torch", "transformers", "trl", "lm_eval", "datasets", "optuna", "peft", "scipy", "numpy")
run = commandline.run  # the fixture


def test_trials(run: Run) -> None:
    """A study that is not there, near ones; one that is, as text and as JSON."""
    study = Path("outputs/arithmetic-tiny")
    ledger = written(study, BASE)
    ledger.propose(Trial(1, "propose", "REJECTED", recipe="generated/sft", reason="refused"))
    refused(run("trials", "arithmetic-tinny"), 'Unknown study "arithmetic-tinny"', 'Did you mean "arithmetic-tiny"?')
    for words in ([], ["--jsn"], ["a", "b"]):
        refused(run("trials", *words), "Usage: python -m intern trials STUDY [--json]")
    refused(run("trials", "arithmetic-tiny", "--jsn"), 'Unknown option of trials "--jsn"', 'Did you mean "--json"?')
    for name in ("arithmetic-tiny", str(study)):
        ended = run("trials", name, "--json")
        assert ended.status == 0 and json.loads(ended.out) == [t.public() for t in ledger.trials] == [
            {**ledger.trials[0].public(), "number": 0, "kind": "baseline", "state": "COMPLETE"},
            {**Trial(1, "propose", "REJECTED", recipe="generated/sft", reason="refused").public()},
        ]
    ended = run("trials", "arithmetic-tiny")
    assert ended.status == 0 and "25.0" in ended.out and "generated/sft" in ended.out


MISUSES = {
    "trials": ["Missing argument 'STUDY'", "Usage: python -m intern trials STUDY [--json]"],
    "report nope": ['Unknown study "nope"'],
    "report a b": ["(b)", "Usage: python -m intern report STUDY"],
    "recipes": ["Missing command", "Usage: python -m intern recipes list | show NAME"],
    "recipes lst": ['Unknown action of recipes "lst"', 'Did you mean "list"?', "export"],
    "recipes --all": ['Unknown option of recipes "--all"', "--help"],
    "recipes list x": ["(x)", "Usage: python -m intern recipes list"],
    "recipes show": ["Missing argument 'NAME'", "Usage: python -m intern recipes show NAME"],
    "recipes show generated/stf": ['Unknown recipe "generated/stf"', 'Did you mean "generated/sft"?'],
    "recipes show nothing.yaml": ["No recipe file at nothing.yaml"],
    "recipes check": ["Missing argument 'FILE'", "Usage: python -m intern recipes check FILE..."],
    "recipes export nope": ['Unknown study "nope"'],
    "doctor --jsn": ['Unknown option of doctor "--jsn"', 'Did you mean "--json"?'],
    "doctor x": ["(x)", "Usage: python -m intern doctor [--json]"],
    "check": ["Missing argument", "Usage: python -m intern check goal=GOAL model=MODEL recipe=RECIPE [KEY=VALUE ...]"],
    "check goal=mixed": ["no recipe is named", "generated/sft"],
    "check recipe=generated/sft --cfg job": ['Unknown option of check "--cfg"'],
    "check recipe=generated/sft seed=x": ["seed: 'x'"],
    "check recipe=generated/sft seed=1,2": ["seed=1,2"],
    "check recipe=generated/sft goal=nope": ['Unknown goal "nope"'],
    "check recipe=generated/sft foo": ['the word "foo"'],
    "check recipe=generated/sft proposer.x=1": ["proposer.x: no such key"],
    "check recipe=generated/sft goal.scorer=nope": ['goal.scorer: Unknown reward "nope"'],
    "check recipe=nothing.yaml": ["No recipe file at nothing.yaml"],
}


@pytest.mark.parametrize(("line", "parts"), MISUSES.items(), ids=MISUSES)
def test_a_misused_command(run: Run, line: str, parts: list[str]) -> None:
    """One message of our own with the usage; no box, no hint of another program."""
    ended = run(*line.split())
    refused(ended, *parts)
    assert "Try '" not in ended.err and "│" not in ended.err


@pytest.mark.parametrize(
    ("command", "parts"),
    {
        "check": ["KEY=VALUE", "nothing", "python -m intern check goal=arithmetic"],
        "trials": ["STUDY", "--json"],
        "report": ["STUDY", "HTML"],
        "recipes": ["list", "show", "check", "export"],
        "recipes list": ["INTERN_RECIPES"],
        "recipes show": ["NAME", "contract"],
        "recipes check": ["FILE", "fault"],
        "recipes export": ["STUDY", "FILE", "winner"],
        "doctor": ["--json", "goal=arithmetic model=tiny"],
        "mcp": ["[KEY=VALUE ...]", "Claude Code", "budget.hours=2"],
    }.items(),
)
def test_help_of_a_command(run: Run, command: str, parts: list[str]) -> None:
    """Its usage and what it does, in plain text."""
    for flag in ("--help", "-h"):
        ended = run(*command.split(), flag)
        assert ended.status == 0 and not ended.err and ended.out.startswith(f"Usage: python -m intern {command} ")
        for part in parts:
            assert part in ended.out
        assert "│" not in ended.out and "<str>" not in ended.out


def test_check(run: Run) -> None:
    """The difference to the recipe's own values, and nothing written."""
    ended = run("check", *WORDS, GRPO, "recipe.grpo.beta=4e-2", GOOD)
    name = GRPO.removeprefix("recipe=")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines() == [
        f"ok: {name} with recipe.grpo.beta=0.04 recipe.grpo.learning_rate=0.001",
        "  recipe.grpo.learning_rate: 5e-05 -> 0.001",
        "  recipe.grpo.beta: None -> 0.04",
    ]
    assert run("check", *WORDS, GRPO).out == f"ok: {name} with its own values\n"
    assert list(Path().iterdir()) == []


def test_check_beside_what_a_person_sets(run: Run) -> None:
    """All but the recipe is the scope that the proposal is vetted in: a short context refuses what a longer lets by."""
    words = ["check", "goal=arithmetic", "model=tiny", "recipe=generated/sft"]
    assert run(*words, "model.context=192").status == 0
    refused(run(*words, "model.context=100"), "refused:", "recipe.sft.max_length=192 exceeds model.context=100")


def test_check_a_file(run: Run) -> None:
    """A recipe from anywhere, by its path."""
    text = "stages: [data, sft]\nsft: {max_steps: 5, max_length: 96}\ntunable: {sft.max_steps: [5, 7]}\n"
    Path("own.yaml").write_text(text)
    words = ["check", "goal=arithmetic", "recipe=own.yaml"]
    assert "recipe.sft.max_steps: 5 -> 7" in run(*words, "recipe.sft.max_steps=7").out
    refused(run(*words, "recipe.sft.max_steps=6"), "6 is not one of 5, 7")


PERSONAL = (  # no proposal may set these, and a person may
    *("hydra.run.dir=/tmp", "hydra/launcher=basic", "hydra.job.chdir=true", "hydra.searchpath=[file:///tmp]"),
    *("goal.target=0.0", "goal.scorer=answer_line", "model.path=/tmp", "proposer=random", "compute.launcher=local"),
    *("--config-dir=/tmp", "budget.trials=1000", "seed=1", "study=other", "outputs=/tmp"),
)
TEXTS = [lines for lines in ATTACKS if all(isinstance(line, str) for line in lines)]
TRIED = [lines for place, lines in enumerate(TEXTS) if place % 4 == 0 or set(lines) & set(PERSONAL)]


@pytest.mark.parametrize("lines", TRIED, ids=lambda lines: ascii(lines)[:60])
def test_check_refuses_attacks(run: Run, lines: list[str]) -> None:
    """The corpus of the gate's tests as words of a shell; a person may name any recipe and set all but a recipe."""
    if lines == ["recipe=svamp/sft"] or set(lines) & set(PERSONAL):
        assert run("check", *WORDS, *lines).out == f"ok: {lines[0].removeprefix('recipe=')} with its own values\n"
        lines = [*lines, "recipe.stages=[]"]
    refused(run("check", *WORDS, *lines), short=lines not in LONG)


@pytest.mark.parametrize("lines", [[GRPO, f"+{GOOD}"], [GRPO, f"{RATE}=${{oc.env:HOME}}"], ["recipe=../../etc/passwd"]])
def test_refuses_in_a_process_of_its_own(lines: list[str]) -> None:
    """The same from a shell."""
    ended = shell("check", *WORDS, *lines)
    refused(Ended(ended.returncode, ended.stdout, ended.stderr))


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["check", *WORDS, GRPO, GOOD],
        ["check", "--help"],
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


def test_a_pipe_that_closes(tmp_path: Path) -> None:
    """`intern trials … | head -1` ends without a word."""
    study = tmp_path / "outputs" / "long"
    written(study, *(Trial(n, "propose", "FAIL", reason="x" * 1000) for n in range(200)))
    line = f"{sys.executable} -m intern trials long | head -1"
    env = {**os.environ, "PYTHONPATH": str(schema.ROOT), "PYTHONUNBUFFERED": ""}
    ended = subprocess.run(["bash", "-c", line], cwd=tmp_path, env=env, capture_output=True, text=True)
    assert ended.returncode == 0 and ended.stderr == ""
