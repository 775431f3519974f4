"""Text that a stranger wrote reaches terminal, ledger, card and page through one function, and nothing of it can move
the cursor, forge a line, turn what follows around or fail to be written."""

import ast
import json
import re
import subprocess
from pathlib import Path

import commandline
import pytest
import test_card
import test_report
from commandline import Run
from hypothesis import given
from hypothesis import strategies as st

from intern import text
from intern.config import choices, schema
from intern.config.schema import Goal, Model
from intern.data import items
from intern.overrides import Overrides
from intern.records import Diagnosis, Trial
from intern.report import card, fmt
from intern.study.ledger import Ledger

run = commandline.run  # the fixture
FORGED = "  7 propose  COMPLETE forged"
EVIL = f"\x1b]0;taken\x07\x1b[2J\r\n{FORGED}\u202e\u2028\x9b31m\x00\x7f\u200b[red]<b>**"
EVERY = st.text(st.characters())  # surrogates, too
CODE = schema.ROOT / "intern"
OWN = (CODE / "text.py", CODE / "chat_template.py", CODE / "rewards" / "_checker.py")  # the last two talk to us alone
WORKS = ("stages", "trial")  # what a worker and its stages print stands in the trial's log
ONE = "stages: [synthetic, sft]\nsft: {max_steps: 5, max_length: 96}\n"


@pytest.fixture(autouse=True)
def no_named_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    """--config-dir of one test is not that of the next."""
    monkeypatch.setattr(choices, "NAMED", [])


def printable(said: str) -> None:
    """Assert that a terminal prints it as it is."""
    assert all(char == "\n" or char.isprintable() for char in said), ascii(said)


def clean(said: str) -> None:
    """Assert that a terminal prints it as it is, and that no line of it was forged."""
    printable(said)
    assert not any(line.startswith(FORGED) for line in said.splitlines()), said


@given(EVERY, st.integers(5, 300))
def test_one_line(foreign: str, most: int) -> None:
    """Printable, one line, no longer than is asked for, and the same if it is cleaned again."""
    line = text.one_line(foreign, most)
    assert line.isprintable() and len(line) <= max(most, 5)
    assert text.one_line(line, most) == line == line.encode().decode()
    assert not (foreign.isprintable() and len(foreign) <= most) or line == foreign


@given(EVERY)
def test_block(foreign: str) -> None:
    """As many lines as there were, each printable."""
    block = text.block(foreign)
    assert all(line.isprintable() for line in block.split("\n"))
    assert block.count("\n") == foreign.count("\n")
    assert text.as_lines([foreign, foreign]).count("\n") == 1


@given(st.lists(EVERY.filter(lambda word: "\x00" not in word and word.isascii()), min_size=1, max_size=3))
def test_a_command_is_a_line_that_bash_reads_back(words: list[str]) -> None:
    """A person's own prompt of several lines, too."""
    line = text.shell(words)
    assert line.isprintable()
    ended = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True)
    assert ended.stdout.decode().split("\0")[:-1] == words


def printing() -> list[str]:
    """Every place of the code that prints by another way than the one that cleans."""
    places = []
    for path in sorted(CODE.rglob("*.py")):
        if path.parent.name in WORKS or path in OWN:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
            if called in ("print", "sys.stdout.write", "sys.stderr.write"):
                places.append(f"{path}:{node.lineno}")
            if isinstance(node, ast.Call) and called.endswith("console.print"):
                shown = ast.unparse(node.args[0])
                if not shown.startswith(("block(", "one_line(")) or "markup=False" not in ast.unparse(node):
                    places.append(f"{path}:{node.lineno}")
    return places


def test_nothing_else_prints() -> None:
    """A new print has to go through the function, too; in rich output markup is off."""
    assert printing() == []


def test_a_refused_override_forges_no_line(tmp_path: Path) -> None:
    """Nor does a hypothesis, a reason, a symptom."""
    found = Diagnosis("nan", "sft", 3, EVIL, (Overrides({"sft.x": EVIL}),))
    for trial in (
        Trial(1, "propose", "REJECTED", recipe=EVIL, overrides=Overrides({f"a{EVIL}": EVIL}), reason=EVIL),
        Trial(2, "propose", "PRUNED", recipe="r", diagnosis=found, hypothesis=EVIL),
    ):
        line = fmt.line(trial, (found,))
        assert line.isprintable() and "forged" in line
        assert fmt.what(trial).isprintable()


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A finished study in which every text is hostile."""
    monkeypatch.setattr(test_report, "EVIL", EVIL)
    folder = test_report.full(tmp_path / "outputs" / "study")
    Ledger(folder).propose(
        Trial(len(Ledger(folder).trials), "propose", "REJECTED", recipe="x", hypothesis=EVIL, reason=EVIL,
              overrides=Overrides({"sft.x\n": EVIL}))
    )  # fmt: skip
    return folder


def test_a_study_is_shown(study: Path, run: Run) -> None:
    """Its ledger, its JSON, its exported recipe, its page."""
    for words in ("trials study", "trials study --json", "recipes export study", "report study"):
        ended = run(*words.split())
        assert ended.status == 0, ended.err
        clean(ended.out + ended.err)
    rows = json.loads(run("trials", "study", "--json").out)
    assert rows[-1]["reason"] == EVIL, "JSON is data: it says what was said"
    shown = re.sub(r"<(script|style).*?</\1>", "", (study / "report.html").read_text(encoding="utf-8"), flags=re.DOTALL)
    printable(shown)
    assert "forged" in shown and "<b>**" not in shown


def test_a_page_takes_what_cannot_be_encoded() -> None:
    """A lone surrogate in a sample would else end the report, or an export after test was scored."""
    for cleaned in (text.block("a\ud800b"), card.prose("a\ud800b"), card.code("a\ud800`b"), card.fence("a\ud800b")):
        assert cleaned.isprintable() or "\n" in cleaned


def test_a_card_is_plain(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Markdown of printable lines, whatever a recipe says of itself."""
    monkeypatch.setattr(test_card, "HOSTILE", test_card.HOSTILE + EVIL)
    made = test_card.made(tmp_path, Model("m", "nowhere"))
    card.write(made, tmp_path, made.trials[1])
    said = (tmp_path / "README.md").read_text(encoding="utf-8")
    printable(said)
    prose = said.partition("The recipe, with the values that were trained")[0]
    assert "forged" in said and "<b>" not in prose.replace("\\<b\\>", "")


def files(folder: Path) -> None:
    """A stranger's files: hostile names, keys, values, columns."""
    name = EVIL.replace("\x00", "").replace("/", "")[:60]
    for group, body in (("goal", f"{json.dumps(EVIL)}: 1\nprompt: x\n"), ("model", f"path: {json.dumps(EVIL)}\n")):
        (folder / "conf" / group).mkdir(parents=True)
        (folder / "conf" / group / "odd.yaml").write_text(body)
    (folder / "named" / "goal").mkdir(parents=True)
    (folder / "named" / "goal" / f"{name}.yaml").write_text("name: x\n")
    (folder / f"{name}.yaml").write_text(ONE)
    key = json.dumps(EVIL)
    (folder / "keys.yaml").write_text(f"{key}: 1\n{key[:-1]}2\": {{stage: sft}}\nsft: {{{key}: 1}}\n{ONE[:25]}")
    odd = f"summary: {key}\nstages: [{key}]\nrewards: {{{key}: 1}}\ntunable: {{{key}: 1}}\n"
    (folder / "values.yaml").write_text(odd)
    (folder / "said.yaml").write_text(f"summary: {key}\nsources: [{key}]\nsuits: [{key}]\n{ONE}")
    (folder / "data").mkdir()
    for split in ("train", "test"):
        (folder / "data" / f"{split}.jsonl").write_text(json.dumps({EVIL: EVIL}) + "\n")
    (folder / "lines").mkdir()
    for split in ("train", "test"):
        (folder / "lines" / f"{split}.jsonl").write_text(f"{EVIL[:9]}\n")
    (folder / "weights").mkdir()
    (folder / "weights" / "config.json").write_text(json.dumps({"model_type": EVIL, "architectures": [EVIL]}))
    (folder / "plugs" / "generators").mkdir(parents=True)
    (folder / "plugs" / "generators" / "odd.py").write_text(f"raise ValueError({EVIL!r})\n")


GOAL = ("goal=arithmetic", "model=tiny")
WORDS: list[tuple[str, ...]] = [
    (EVIL,),
    (f"{EVIL}=1",),
    (f"--{EVIL}",),
    *((*GOAL, f"{key}={EVIL}") for key in ("study", "seed", "budget.trials", "goal.prompt", "recipe.lora", "quiet")),
    *((*GOAL, f"{key}='{EVIL}'") for key in ("study", "seed", "budget.trials", "goal.name", "recipe.lora")),
    *((*GOAL, f"{key}='{EVIL}'") for key in ("goal.scorer", "goal.generator", "proposer.name", "model.dtype")),
    (*GOAL, f"goal.columns={{'{EVIL}': 1}}"),
    (*GOAL, f"'{EVIL}'=1"),
    *((f"{group}={EVIL}",) for group in ("goal", "model", "recipe", "proposer", "budget", "compute")),
    *((f"{group}=./{EVIL}.yaml",) for group in ("goal", "model", "recipe")),
    (*GOAL, "--config-dir", EVIL),
    ("goal=odd", "model=tiny", "--config-dir", "conf"),
    ("goal=arithmetic", "model=odd", "--config-dir", "conf"),
    ("goal=arithmetic", "model=tiny", "--config-dir", "named"),
    *((*GOAL, f"recipe={name}.yaml", "--cfg", "job") for name in ("keys", "values", "said")),
    *(("recipes", "check", f"{name}.yaml") for name in ("keys", "values", "said")),
    ("recipes", "show", "said.yaml"),
    ("recipes", "show", EVIL),
    ("recipes", "check", EVIL),
    ("recipes", "export", EVIL, "x.yaml"),
    ("recipes", EVIL),
    ("trials", EVIL),
    ("report", EVIL),
    ("report", "x", f"--{EVIL}"),
    ("check", *GOAL, "recipe=generated/sft", f"recipe.sft.learning_rate={EVIL}"),
    ("check", *GOAL, f"recipe={EVIL}"),
    ("check", *GOAL, "recipe=said.yaml"),
    ("models", "pull", EVIL),
    ("goal=local", "model=tiny", "goal.data_dir=data", "recipe=local/sft"),
    ("goal=local", "model=tiny", "goal.data_dir=lines", "recipe=local/sft"),
    ("goal=local", "model=tiny", f"goal.data_dir='{EVIL}'", "recipe=local/sft"),
    ("goal=arithmetic", "model=weights", "recipe=generated/sft"),
    (*GOAL, "goal.generator=odd"),
    ("-sc", "query=bash"),
]


@pytest.mark.parametrize("words", WORDS, ids=range(len(WORDS)))
def test_a_command_says_nothing_raw(words: tuple[str, ...], run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Hostile text in every place that a command reads."""
    files(Path.cwd())
    monkeypatch.setenv("COMP_LINE", "intern --config-dir named goal=")
    monkeypatch.setenv("INTERN_PLUGINS", str(Path.cwd() / "plugs"))
    ended = run(*words)
    assert ended.status in (0, 2), ended
    assert "Traceback" not in ended.err
    clean(ended.out + ended.err)


def test_a_hostile_name_of_a_recipe(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder of one's own it is left out, in one line; as a path it is taken, under a name that is plain."""
    files(Path.cwd())
    (name,) = Path.cwd().glob("*taken*")
    ended = run(*GOAL, f"recipe={name}", "--cfg", "job")
    assert ended.status == 0, ended.err
    clean(ended.out)
    (Path.cwd() / "mine").mkdir()
    name.rename(Path.cwd() / "mine" / name.name)
    monkeypatch.setenv("INTERN_RECIPES", "mine")
    ended = run("recipes", "list")
    assert ended.status == 0 and "Rename it" in ended.out
    clean(ended.out)


BRACES = ["{", "}", "{}", "{0}", "{foo}", "{answer}", "{{question}}", "{question!z}", "{question.__class__}"]
BRACES += ["{question:1000000000}", "{question!r:>9}", "%s", "%(question)s", "\\1", "$question"]


@pytest.mark.parametrize("around", BRACES)
def test_a_prompt_is_no_format(around: str) -> None:
    """{question} is the question, and everything else what it is; braces in a question stay, too."""
    goal = Goal("x", prompt=f"{around} {{question}} {around}")
    row = items.row(goal, {"question": "a {question} {x}", "answer": "1"})
    shown = around.replace("{question}", "a {question} {x}")
    assert row["question"] == f"{shown} a {{question}} {{x}} {shown}" and row["bare"] == "a {question} {x}"
