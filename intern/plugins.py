"""Plug-ins by file name: the file is the registry, listing imports nothing.

A plug-in of kind `rewards` named `mine` is `intern/rewards/mine.py`, or `rewards/mine.py` in a folder that
INTERN_PLUGINS names (several are separated as in PATH), or a module that a package names in its entry points under
`intern.rewards`. Files are imported as `intern.rewards.mine` wherever they lie, so that one may use another.

    INTERN_PLUGINS=~/mine python -m intern goal=sums recipe=mine.yaml
"""

import ast
import hashlib
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib import import_module, metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

from intern.errors import UserError, unknown
from intern.text import one_line

HERE = Path(__file__).parent
KINDS = {
    "rewards": "reward",
    "generators": "generator",
    "sources": "data source",
    "stages": "stage",
    "diagnosis": "diagnosis rule",
    "launchers": "launcher",
    "proposers": "proposer",
}
ROOMS = {"sources": "data.sources"}  # the package of a kind, where it is not the kind itself


def names(kind: str) -> list[str]:
    """Return the names of all plug-ins of a kind, sorted."""
    return sorted(files(kind, os.environ.get("INTERN_PLUGINS", "")))


def load(kind: str, name: str) -> ModuleType:
    """Import the plug-in of that name.

    Raises:
        UserError: if there is none; it names those that exist.
    """
    paths = files(kind, os.environ.get("INTERN_PLUGINS", ""))
    if name not in paths:
        raise UserError(unknown(KINDS[kind], name, paths))
    return imported(room(kind), name, paths[name])


def path(kind: str, name: str) -> Path:
    """Return the file of a plug-in."""
    return files(kind, os.environ.get("INTERN_PLUGINS", ""))[name]


def ours(kind: str, name: str) -> bool:
    """Return whether a plug-in comes with this package."""
    return path(kind, name).is_relative_to(HERE)


def source(kind: str, name: str) -> str:
    """Return the SHA-256 of a plug-in's code and of the plug-ins that it imports; comments and docstrings do not count.

    It is part of the key of every output that the plug-in had a hand in, so that an edited one is never mistaken for
    what it was.
    """
    total = hashlib.sha256()
    for file in sorted(closure(kind, name), key=lambda file: (file.name, file.parent.name)):  # not by where they lie
        total.update(code(file, file.stat().st_mtime_ns).encode())
    return total.hexdigest()


def room(kind: str) -> str:
    """Return the package that a kind's modules are imported from."""
    return f"intern.{ROOMS.get(kind, kind)}"


@cache
def files(kind: str, folders: str) -> dict[str, Path]:
    """Return the file of each plug-in of a kind; the package first, then `folders`, then entry points.

    Raises:
        UserError: if a name would stand for two files.
    """
    paths: dict[str, Path] = {}
    for place in (HERE / ROOMS.get(kind, kind).replace(".", "/"), *(folder / kind for folder in own(folders))):
        for file in sorted(place.glob("*.py")):
            if not file.stem.startswith("_"):
                add(paths, kind, file.stem, file)
    for point in entry_points().select(group=f"intern.{kind}"):
        spec = util.find_spec(point.module)
        if spec and spec.origin:
            add(paths, kind, point.name, Path(spec.origin))
    return paths


@cache
def entry_points() -> Any:
    """Return the entry points of all installed packages, which take 10 ms to read."""
    return metadata.entry_points()


def add(paths: dict[str, Path], kind: str, name: str, file: Path) -> None:
    """Add a name that is not taken yet."""
    if name in paths and paths[name] != file:
        raise UserError(f"Two plug-ins are the {KINDS[kind]} {name}: {paths[name]} and {file}. Rename one of them.")
    paths[name] = file


def own(folders: str) -> list[Path]:
    """Return the folders that INTERN_PLUGINS names."""
    named = [Path(part).expanduser().resolve() for part in folders.split(os.pathsep) if part]
    if missing := [str(folder) for folder in named if not folder.is_dir()]:
        raise UserError(
            f"INTERN_PLUGINS names no folder: {', '.join(missing)}. Make it, or mend the variable: "
            f'paths separated by "{os.pathsep}".'
        )
    return named


def imported(package: str, name: str, file: Path) -> ModuleType:
    """Return the module of a file under its package, wherever the file lies."""
    full = f"{package}.{name}"
    known = sys.modules.get(full)
    if known is not None and known.__file__ == str(file):
        return known
    if (HERE.parent / f"{full.replace('.', '/')}.py") == file:
        return import_module(full)
    spec = util.spec_from_file_location(full, file)
    assert spec and spec.loader
    module = util.module_from_spec(spec)
    sys.modules[full] = module  # before it runs: its dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except Exception as fault:
        del sys.modules[full]
        why = one_line(f"{type(fault).__name__}: {fault}", 500)
        raise UserError(f"{file} cannot be imported: {why}. Mend it, or move it away.") from fault
    setattr(import_module(package), name, module)
    return module


def closure(kind: str, name: str) -> set[Path]:
    """Return the files of a plug-in and of the plug-ins that it imports, of any kind."""
    paths: set[Path] = set()
    left = [path(kind, name)]
    while left:
        file = left.pop()
        if file not in paths:
            paths.add(file)
            left += uses(file)
    return paths


def uses(file: Path) -> Iterator[Path]:
    """Yield the file of each plug-in that a file imports, and of each of our modules beside it."""
    for target in imports(ast.parse(file.read_text(encoding="utf-8"))):
        for kind in KINDS:
            name = target.removeprefix(f"{room(kind)}.").partition(".")[0]
            if target.startswith(f"{room(kind)}.") and name in names(kind):
                yield path(kind, name)
            private = HERE / ROOMS.get(kind, kind).replace(".", "/") / f"{name}.py"
            if target.startswith(f"{room(kind)}._") and private.exists():
                yield private


def imports(tree: ast.Module) -> Iterator[str]:
    """Yield the dotted names that a module imports anywhere; `from a import b` gives a.b."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@cache
def code(file: Path, changed: int) -> str:
    """Return a file's syntax tree without docstrings; `changed` is the time of its last change."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
            first = node.body[:1]
            if first and isinstance(first[0], ast.Expr) and isinstance(first[0].value, ast.Constant):
                node.body = node.body[1:]
    return ast.dump(tree)
