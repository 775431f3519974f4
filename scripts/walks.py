"""Count how far a value travels through the rooms of the code, by reading it: no module is imported or run.

A walk starts at a parameter of a function and goes along with it: into every function that it is passed to, in the
order in which the code is written, with whatever is made of it. Printed are the rooms (folders under intern/; a file at
its top is ground, and counts as none), the climbs (calls from a room into one above it) and the returns (calls into a
room that the walk had been in before and had left). A value's own methods travel with it: they are followed, and to
call one is no move.

    python scripts/walks.py                                           # the two walks that the design names
    python scripts/walks.py study/scheduler.py:Scheduler.begin:decision [--path] [--tree FOLDER]
"""

import argparse
import ast
from dataclasses import dataclass, field
from pathlib import Path

WALKS = {
    "a proposal, from the decision to the trial's folder": "study/scheduler.py:Scheduler.attempt:proposal",
    "a study's folder, from the reader to the report": "report/page.py:write:folder",
}
FLOORS = [
    *("cli", "report", "study", "proposers", "launchers", "search", "stats", "trial", "stages", "diagnosis", "data"),
    *("rewards", "generators", "config"),
]
DEEPEST = 40  # calls below each other
COMMON = {name for kind in (str, list, dict, set, tuple, Path) for name in dir(kind)}  # may be anybody's method


@dataclass
class Code:
    """A package's functions, and what each module calls them."""

    functions: dict[str, ast.FunctionDef] = field(default_factory=dict)
    """"module:Class.name" → its definition."""
    names: dict[str, dict[str, str]] = field(default_factory=dict)
    """Module → name used there → module, or "module:name"."""
    classes: dict[str, str] = field(default_factory=dict)
    """Class name → its module, for those that are defined once."""


def read(package: Path) -> Code:
    """Read every module of a package."""
    code = Code()
    for path in sorted(package.rglob("*.py")):
        module = path.relative_to(package).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        code.names[module] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == package.name:
                for alias in node.names:
                    code.names[module][alias.asname or alias.name] = target(package, node.module or "", alias.name)
        for node in tree.body:
            if isinstance(node, ast.FunctionDef):
                code.functions[f"{module}:{node.name}"] = node
            elif isinstance(node, ast.ClassDef):
                code.classes[node.name] = module
                for member in node.body:
                    if isinstance(member, ast.FunctionDef):
                        code.functions[f"{module}:{node.name}.{member.name}"] = member
    return code


def target(package: Path, module: str, name: str) -> str:
    """Return the file that `from module import name` means, or "file:name" inside one."""
    place = package.parent / module.replace(".", "/")
    for file in (place / f"{name}.py", place / name / "__init__.py"):
        if file.exists():
            return file.relative_to(package).as_posix()
    file = place.with_suffix(".py") if place.with_suffix(".py").exists() else place / "__init__.py"
    return f"{file.relative_to(package).as_posix()}:{name}"


class Walk:
    """One value's way."""

    def __init__(self, code: Code) -> None:
        self.code = code
        self.steps: list[tuple[str, str]] = []
        """(calling function, called function), in order."""
        self.seen: set[tuple[str, frozenset[str]]] = set()

    def follow(self, function: str, mine: set[str], depth: int = 0) -> None:
        """Go through a function with the names that stand for the value in it."""
        if (function, frozenset(mine)) in self.seen or depth > DEEPEST:
            return
        self.seen.add((function, frozenset(mine)))
        for node in ordered(self.code.functions[function]):
            if isinstance(node, ast.Assign | ast.AnnAssign | ast.NamedExpr | ast.For) and mentions(source(node), mine):
                mine |= assigned(node)
            elif isinstance(node, ast.Call):
                self.call(function, node, mine, depth)

    def call(self, function: str, node: ast.Call, mine: set[str], depth: int) -> None:
        """Follow a call that the value is handed to."""
        handed = [place for place, value in enumerate(node.args) if mentions(value, mine)]
        named = [word.arg for word in node.keywords if word.arg and mentions(word.value, mine)]
        receiver = isinstance(node.func, ast.Attribute) and mentions(node.func.value, mine)
        called = self.resolve(function, node.func)
        if called is None or not (handed or named or receiver):
            return
        definition = self.code.functions[called]
        parameters = [a.arg for a in (*definition.args.posonlyargs, *definition.args.args)]
        method = parameters[:1] in (["self"], ["cls"])
        taken = {parameters[place + method] for place in handed if place + method < len(parameters)}
        taken |= set(named) | ({"self"} if receiver and method else set())
        if not receiver:
            self.steps.append((function, called))
        self.follow(called, taken, depth + 1)

    def resolve(self, function: str, called: ast.expr) -> str | None:
        """Return the function that an expression names, if it is one of the package's."""
        module, _, name = function.partition(":")
        if isinstance(called, ast.Name):
            found = self.code.names[module].get(called.id, f"{module}:{called.id}")
            return self.known(found)
        if isinstance(called, ast.Attribute) and isinstance(called.value, ast.Name):
            if called.value.id in ("self", "cls"):
                return self.known(f"{module}:{name.partition('.')[0]}.{called.attr}")
            if called.value.id in self.code.names[module]:
                return self.known(f"{self.code.names[module][called.value.id]}:{called.attr}")
        if isinstance(called, ast.Attribute) and called.attr not in COMMON:
            owners = [key for key in self.code.functions if key.endswith(f".{called.attr}")]
            return owners[0] if len(owners) == 1 else None
        return None

    def known(self, name: str) -> str | None:
        """Return a function's or a class's own name, as far as it is one of the package's."""
        if name in self.code.functions:
            return name
        return f"{name}.__init__" if f"{name}.__init__" in self.code.functions else None


def ordered(function: ast.FunctionDef) -> list[ast.AST]:
    """Return the assignments and calls of a function in the order in which they are written."""
    found = [node for node in ast.walk(function) if hasattr(node, "lineno") and node is not function]
    return sorted(found, key=lambda node: (node.end_lineno, node.end_col_offset))  # type: ignore[attr-defined]


def mentions(node: ast.AST | None, names: set[str]) -> bool:
    """Return whether an expression has one of the names in it."""
    return node is not None and any(isinstance(n, ast.Name) and n.id in names for n in ast.walk(node))


def source(node: ast.AST) -> ast.AST | None:
    """Return what an assignment or a loop takes its values from."""
    return node.iter if isinstance(node, ast.For) else node.value  # type: ignore[attr-defined,no-any-return]


def assigned(node: ast.AST) -> set[str]:
    """Return the names that an assignment or a loop sets."""
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]  # type: ignore[attr-defined]
    return {n.id for t in targets for n in ast.walk(t) if isinstance(n, ast.Name)}


def room(function: str) -> str:
    """Return the room of a function; "" for the ground."""
    module = function.partition(":")[0]
    return module.partition("/")[0] if "/" in module else ""


def count(walk: Walk, start: str) -> tuple[list[str], int, int]:
    """Return the rooms in the order in which they were first entered, the climbs and the returns."""
    rooms, climbs, returns = [room(start)], 0, 0
    here = room(start)
    for caller, called in walk.steps:
        there = room(called)
        if there in ("", room(caller)):
            continue
        climbs += FLOORS.index(there) < FLOORS.index(room(caller))
        returns += there in rooms and there != here
        if there not in rooms:
            rooms.append(there)
        here = there
    return rooms, climbs, returns


def main() -> None:
    """Print a row for each walk."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else "")
    parser.add_argument("start", nargs="*", help="FILE:FUNCTION:PARAMETER, with FILE under intern/")
    parser.add_argument("--path", action="store_true", help="print every call between rooms")
    parser.add_argument("--tree", type=Path, default=Path(__file__).resolve().parents[1], help="another checkout")
    options = parser.parse_args()
    code = read(options.tree / "intern")
    walks = {start: start for start in options.start} or WALKS
    print(f"{'walk':<55} {'rooms':>5} {'climbs':>6} {'returns':>7}")
    for title, start in walks.items():
        function, _, parameter = start.rpartition(":")
        walk = Walk(code)
        walk.follow(function, {parameter})
        rooms, climbs, returns = count(walk, function)
        print(f"{title:<55} {len(rooms):>5} {climbs:>6} {returns:>7}   {' → '.join(rooms)}")
        if options.path:
            for caller, called in walk.steps:
                if room(called) not in ("", room(caller)):
                    print(f"    {caller}  →  {called}")


if __name__ == "__main__":
    main()
