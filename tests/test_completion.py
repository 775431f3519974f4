"""Completion as a shell asks for it: the words, the scripts in real shells, and that it is quick."""

import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

import commandline
import pytest
from commandline import BASE, Run, written
from test_app import HEAVY

from intern.cli import COMMANDS, completion, flags
from intern.config import schema

run = commandline.run  # the fixture


def offered(run: Run, line: str, monkeypatch: pytest.MonkeyPatch, after: str = "") -> list[str]:
    """What is offered at the end of a line, with something behind the cursor."""
    monkeypatch.setenv("COMP_LINE", line + after)
    monkeypatch.setenv("COMP_POINT", str(len(line)))
    ended = run("-sc", "query=bash")
    assert (ended.status, ended.err) == (0, "")
    return ended.out.splitlines()


LINES = {
    "intern goal=ar": ["goal=arithmetic"],
    "intern check goal=ar": ["goal=arithmetic"],
    "python -m intern goal=ar": ["goal=arithmetic"],
    "scripts/intern goal=mixed mod": ["model.", "model="],
    "intern model=ti": ["model=tiny"],
    "intern proposer=": [
        *("proposer=claude", "proposer=fixed", "proposer=heuristic", "proposer=local_llm", "proposer=random"),
        *("proposer=replay", "proposer=tpe"),
    ],
    "intern budget.t": ["budget.trials="],
    "intern +goal.few": ["+goal.few_shot="],
    "intern proposer.sweep": ["proposer.sweep_trials="],  # of the default's plug-in
    "intern proposer=random proposer.sweep": [],
    "intern recipe.grpo.be": ["recipe.grpo.beta="],
    "intern recipe=generated/sft recipe.sft.learning": ["recipe.sft.learning_rate="],
    "intern recipe=generated/sft recipe.grpo": [],
    "intern recipe=generated/s": ["recipe=generated/sft", "recipe=generated/sft_grpo"],
    "intern -m recipe=generated/sft,generated/g": ["recipe=generated/sft,generated/grpo"],
    "intern model.dtype=f": ["model.dtype=float16", "model.dtype=float32"],
    "intern compute.warm=": ["compute.warm=false", "compute.warm=true"],
    "intern goal.scorer=pre": ["goal.scorer=prefix_equation"],
    "intern budget.trials=": [],
    "intern goal.data_dir=": [],  # the shell offers files
    "intern --cfg ": ["all", "hydra", "job"],
    "intern goal=mixed --config": ["--config-dir"],
    "intern trials m": ["mixed-tiny"],
    "intern report ": ["mixed-tiny", "outputs="],
    "intern trials outputs=else/where ": ["sorting-tiny"],
    "intern recipes export mixed-tiny ": ["outputs="],
    "intern recipes export m": ["mixed-tiny"],
    "intern study=m": ["study=mixed-tiny"],
    "intern recipes sh": ["show"],
    "intern recipes show words/s": ["words/sft"],
    "intern models pull ": ["smollm2-135m"],
    "intern trials --j": ["--json"],
    "intern check --c": ["--config-dir"],
    "intern --config-dir more goal=mi": ["goal=mine", "goal=mixed"],
    "intern --config-dir nowhere goal=mi": [],
    "intern doctor ": [],
    "intern nonsense goal=ar": ["goal=arithmetic"],
    "intern recipe=none.yaml recipe.": [],  # no such file
    "": [],
}


@pytest.mark.parametrize(("line", "wanted"), LINES.items(), ids=LINES)
def test_what_is_offered(run: Run, monkeypatch: pytest.MonkeyPatch, line: str, wanted: list[str]) -> None:
    """Choices, keys of the chosen plug-ins and recipe, values, studies; what is behind the cursor does not count."""
    written(Path("outputs/mixed-tiny"), BASE)
    written(Path("else/where/sorting-tiny"), BASE)
    Path("more/goal").mkdir(parents=True)
    Path("more/goal/mine.yaml").write_text("defaults: [mixed]\n")
    if line:
        assert offered(run, line, monkeypatch) == offered(run, line, monkeypatch, " goal=sorting") == wanted
    else:
        assert set(offered(run, line, monkeypatch)) >= {*COMMANDS, "goal=", "recipe="}


def test_every_first_word_and_flag(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The commands stand at the front alone; a flag is offered once it is begun."""
    assert set(offered(run, "intern ", monkeypatch)) >= {*COMMANDS, "goal=", "goal.", "seed=", "diagnose="}
    assert not set(offered(run, "intern goal=mixed ", monkeypatch)) & {*COMMANDS}
    assert offered(run, "intern --", monkeypatch) == sorted(flags.FLAGS)


def test_every_key_exists(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is offered part by part is a key that --cfg job shows."""
    import yaml

    def below(prefix: str) -> list[str]:
        parts = offered(run, f"intern recipe=generated/sft {prefix}", monkeypatch)
        deeper = [key for part in parts if part.endswith(".") for key in below(part)]
        return [*deeper, *(part[:-1] for part in parts if part.endswith("="))]

    tree = yaml.safe_load(run("recipe=generated/sft", "--cfg", "job").out)
    for key in [key for group in ("budget.", "proposer.", "compute.", "goal.", "recipe.") for key in below(group)]:
        node = tree
        for name in key.split("."):
            assert name in node, key
            node = node[name]


def shell(command: list[str], name: str, cwd: Path, tail: str) -> list[str]:
    """The lines that a shell prints once it has read its script."""
    environment = {**os.environ, "PYTHONPATH": str(schema.ROOT)}
    made = [sys.executable, "-m", "intern", "-sc", f"install={name}"]
    script = subprocess.run(made, cwd=cwd, env=environment, capture_output=True, text=True, check=True).stdout
    (cwd / "script").write_text(script)
    text = f"source ./script\n{tail}\n"
    ended = subprocess.run([*command, text], cwd=cwd, env=environment, capture_output=True, text=True)
    return ended.stdout.splitlines()


@pytest.mark.parametrize(
    ("line", "wanted"),
    {
        "intern goal=ar": ["arithmetic"],  # bash itself completes what is behind the =
        "intern recipe.sft.learning": ["recipe.sft.learning_rate="],
        "intern model.dtype=f": ["float16", "float32"],
        "intern trials ": ["a b", "outputs="],
        "intern xyz": [],
    }.items(),
)
def test_in_bash(tmp_path: Path, line: str, wanted: list[str]) -> None:
    """Its function is called as bash calls it, with its own word breaks; a study's name may have a space."""
    written(tmp_path / "outputs" / "a b", BASE)
    tail = f"COMP_LINE='{line}' COMP_POINT={len(line)} COMP_WORDBREAKS=$' \\t\\n\"<>=:'; _intern\n"
    tail += 'for text in "${COMPREPLY[@]}"; do echo "$text"; done; complete -p intern'
    lines = shell(["bash", "--norc", "--noprofile", "-c"], "bash", tmp_path, tail)
    assert lines == [*wanted, "complete -o default -F _intern intern"]


HOSTILE = "open('ran', 'w').close()\n"  # as yaml.py in the current folder: what Tab must not run


def test_nothing_of_the_current_folder_runs(tmp_path: Path) -> None:
    """Completion does not import what lies in the folder in which Tab is pressed."""
    (tmp_path / "bad").mkdir()
    (tmp_path / "bad" / "yaml.py").write_text(HOSTILE)
    tail = "cd bad; COMP_LINE='intern goal=ar' COMP_POINT=14; _intern; echo \"${COMPREPLY[@]}\"; ls"
    lines = shell(["bash", "--norc", "--noprofile", "-c"], "bash", tmp_path, tail)
    assert lines in (["arithmetic", "yaml.py"], ["goal=arithmetic", "yaml.py"])


def test_the_command_of_the_script(tmp_path: Path) -> None:
    """The console script beside the interpreter; without one, Python that leaves the current folder out."""
    (tmp_path / "yaml.py").write_text(HOSTILE)
    bare = completion.program(str(tmp_path))
    assert bare == f"{sys.executable} -P -m intern"
    environment = {**os.environ, "COMP_LINE": "intern goal=ar", "PYTHONPATH": str(schema.ROOT)}
    for command in (bare, completion.program(sysconfig.get_path("scripts"))):
        words = [*shlex.split(command), "-sc", "query=bash"]
        ended = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert (ended.stdout, [path.name for path in tmp_path.iterdir()]) == ("goal=arithmetic\n", ["yaml.py"])
    (tmp_path / "a b").mkdir()
    script = tmp_path / "a b" / "intern"
    script.write_text("")
    script.chmod(0o755)
    assert completion.program(str(script.parent)) == f"'{script}'"


@pytest.mark.skipif(not shutil.which("fish"), reason="no fish here")
def test_in_fish(tmp_path: Path) -> None:
    """As fish itself computes them; files stand in a value's place."""
    (tmp_path / "mine.yaml").write_text("")
    asked = ["intern goal=ari", "intern tri", "intern goal=./mi"]
    lines = shell(["fish", "--no-config", "-c"], "fish", tmp_path, "\n".join(f"complete -C '{line}'" for line in asked))
    assert [line.partition("\t")[0] for line in lines] == ["goal=arithmetic", "trials", "goal=./mine.yaml"]


@pytest.mark.parametrize("name", ["bash", "zsh", "fish"])
def test_the_scripts_are_sound(tmp_path: Path, run: Run, name: str) -> None:
    """Each shell reads what is installed and what takes it back."""
    if not shutil.which(name):
        pytest.skip(f"no {name} here")
    for action in ("install", "uninstall"):
        (tmp_path / "script").write_text(run("-sc", f"{action}={name}").out)
        assert subprocess.run([name, "-n", str(tmp_path / "script")]).returncode == 0


@pytest.mark.parametrize("line", ["intern ", "intern goal=ar", "intern recipe.grpo.", "intern trials "])
def test_it_is_light(tmp_path: Path, line: str) -> None:
    """Neither what trains nor Hydra is imported; it takes no longer than a few starts of Python."""
    code = "import sys; sys.argv = ['intern', '-sc', 'query=bash']\nfrom intern.__main__ import main\n"
    heavy = (*HEAVY, "hydra", "pandas")
    code += f"try: main()\nfinally: print([m for m in {heavy!r} if m in sys.modules], file=sys.stderr)"
    environment = {**os.environ, "COMP_LINE": line, "COMP_POINT": str(len(line)), "PYTHONPATH": str(schema.ROOT)}
    begun = time.perf_counter()
    bare = subprocess.run([sys.executable, "-c", "import pydantic, yaml"], check=True)
    start = time.perf_counter() - begun
    ended = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (bare.returncode, ended.returncode, ended.stderr) == (0, 0, "[]\n") and ended.stdout
    assert time.perf_counter() - begun < 2 + 5 * start  # 0.3 s on the machine that this was written on
