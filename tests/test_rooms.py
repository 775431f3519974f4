"""Who may know whom: imports point down the rooms, heavy libraries come late, and only a stage names a stage."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from intern import plugins
from intern.config import schema
from intern.config.stages import recipe_stages

CODE = schema.ROOT / "intern"
ROOMS = (  # top to bottom; those on one line know nothing of each other, but that a stage asks the diagnosis rules,
    ("cli", "mcp"),  # and that a command opens the other door, which asks what the commands ask
    ("report",),
    ("study",),
    ("proposers", "launchers"),
    ("search",),
    ("research",),
    ("stats",),
    ("trial",),
    ("stages", "diagnosis"),
    ("data",),
    ("rewards", "generators"),
    ("machine",),
    ("config",),
    ("llm",),
    ("root",),
)
LEVEL = {room: level for level, rooms in enumerate(ROOMS) for room in rooms}
COORDINATES = ("cli", "mcp", "report", "study", "search", "proposers", "research")
HEAVY = ("torch", "transformers", "trl", "lm_eval", "datasets", "optuna", "peft", "scipy", "numpy", "pandas")
HEAVY += ("accelerate", "altair", "vl_convert")


def dotted(path: Path) -> str:
    """A module's name under intern; a package's own for its __init__."""
    parts = path.relative_to(CODE).with_suffix("").parts
    return ".".join(part for part in parts if part != "__init__")


TREES = {dotted(path): ast.parse(path.read_text(encoding="utf-8")) for path in sorted(CODE.rglob("*.py"))}
NAMES = [name for name in TREES if name]


def room_of(name: str) -> str:
    """The room of a module; the entry point is the command line's."""
    room = "cli" if name == "__main__" else name.partition(".")[0]
    return room if (CODE / room).is_dir() else "root"


def nodes(tree: ast.AST, top: bool) -> Iterator[ast.AST]:
    """Every node, or those that run when the module is imported."""
    for node in ast.iter_child_nodes(tree):
        late = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        typing = isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        if not (top and (late or typing)):
            yield node
            yield from nodes(node, top)


def imported(name: str, top: bool = False) -> Iterator[str]:
    """Dotted names that a module imports, anywhere or when it is imported; `from a import b` gives a.b."""
    for node in nodes(TREES[name], top):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name} imports by dots"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def ours(name: str, top: bool = False) -> set[str]:
    """The modules of intern that a module imports, without the package's name."""
    found = {target.removeprefix("intern.") for target in imported(name, top) if target.startswith("intern.")}
    return {target if target in TREES else target.rpartition(".")[0] for target in found} - {name}


@pytest.mark.parametrize("name", NAMES)
def test_imports_point_down(name: str) -> None:
    """Inside functions too: into the module's own room or a lower one."""
    room = room_of(name)
    for target in ours(name):
        other = room_of(target)
        asks = (room, other) in (("stages", "diagnosis"), ("cli", "mcp"), ("mcp", "cli"))
        assert other == room or LEVEL[other] > LEVEL[room] or asks, f"{name} imports {target}"


def test_every_room_is_known() -> None:
    """A new folder has to find its place in the list."""
    assert {room_of(name) for name in NAMES} == set(LEVEL)


def test_imports_have_no_circle() -> None:
    """Whatever a module imports, even late and inside a function, never leads back to it."""
    graph = {name: ours(name) & set(NAMES) for name in NAMES}
    while leaves := {name for name, targets in graph.items() if not targets}:
        graph = {name: targets - leaves for name, targets in graph.items() if name not in leaves}
    assert not graph


@pytest.mark.parametrize("name", [name for name in NAMES if room_of(name) in COORDINATES])
def test_what_coordinates_and_what_works_meet_in_a_folder(name: str) -> None:
    """Of the other side only what a trial's folder says is known: no worker, no stage, no rule."""
    for target in ours(name):
        assert room_of(target) not in ("stages", "diagnosis"), f"{name} imports {target}"
        if room_of(target) == "trial":
            assert target in ("trial.job", "trial.reader", "trial.store"), f"{name} imports {target}"


def test_only_launchers_know_the_worker() -> None:
    """It is what they start."""
    assert {room_of(name) for name in NAMES if "trial.worker" in ours(name)} == {"launchers"}


PLUG_INS = [(kind, name) for kind in plugins.KINDS for name in plugins.names(kind)]


@pytest.mark.parametrize(("kind", "name"), PLUG_INS)
def test_plug_ins_know_nothing_above_them(kind: str, name: str) -> None:
    """A file of somebody's own, in a folder elsewhere, can do what ours do: it imports its kind and what lies below."""
    module = f"{plugins.room(kind).removeprefix('intern.')}.{name}"
    for target in ours(module):
        beside = target.rpartition(".")[0] == module.rpartition(".")[0] or module.startswith(f"{target}.")
        rows = kind == "sources" and room_of(target) == "data"  # what a source is for
        assert beside or rows or LEVEL[room_of(target)] > LEVEL[room_of(module)], f"{module} imports {target}"


@pytest.mark.parametrize("name", NAMES)
def test_plug_ins_are_found_by_name(name: str) -> None:
    """Nobody imports one but its own kind; the answer line, which targets end with, is the scorer's that reads it."""
    files = {f"{plugins.room(kind).removeprefix('intern.')}.{plug_in}" for kind, plug_in in PLUG_INS}
    for target in ours(name) & files:
        same = target.rpartition(".")[0] == name.rpartition(".")[0]
        assert same or (name, target) == ("data.items", "rewards.exact_answer"), f"{name} imports {target}"


@pytest.mark.parametrize("name", NAMES)
def test_heavy_libraries_are_imported_late(name: str) -> None:
    """Only what every trainer needs imports them at its top, and nothing else imports that at its own."""
    heavy = {target.partition(".")[0] for target in imported(name, top=True)} & set(HEAVY)
    trainers = {"stages._trainer", "stages._evaluator", "stages._watch"}
    assert not heavy or name in trainers
    assert name in trainers or not trainers & set(ours(name, top=True))


def test_importing_everything_loads_nothing_heavy() -> None:
    """The same in a real process; those that are there to load it are left out."""
    loaders = ("stages._trainer", "stages._evaluator", "stages._watch", "launchers._warm", "__main__")
    names = [f"intern.{name}" for name in NAMES if name not in loaders]
    code = f"import sys, {', '.join(names)}; print([m for m in {HEAVY!r} if m in sys.modules])"
    ended = subprocess.run([sys.executable, "-c", code], cwd=schema.ROOT, capture_output=True, text=True)
    assert ended.stdout == "[]\n", ended.stderr


STAGES = sorted(set(recipe_stages()) - {"data"})  # rows have that name too
NAMED = re.compile(rf"\b({'|'.join(STAGES)})\b")


def words(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """(line, text) of each name and each constant text in a module's code, docstrings left out."""
    said = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            said.add(node.value)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in said:
            yield node.lineno, node.value
        elif isinstance(node, ast.Attribute):
            yield node.lineno, node.attr
        elif isinstance(node, ast.Name):
            yield node.lineno, node.id
        elif isinstance(node, ast.keyword) and node.arg:
            yield node.value.lineno, node.arg
        elif isinstance(node, ast.ImportFrom | ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)


@pytest.mark.parametrize("name", [name for name in NAMES if room_of(name) != "stages"])
def test_nobody_names_a_stage(name: str) -> None:
    """What others know of a stage, its module says."""
    assert {"grpo", "rejection", "sft", "synthetic", "teacher"} <= set(STAGES)
    found = [(line, text) for line, text in words(TREES[name]) if NAMED.search(text)]
    assert not found
