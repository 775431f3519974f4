"""How one of our columns is made of a foreign row: by the name of theirs, by a regex, or by a template.

    answer: label                   their column; dotted if it is nested, such as choices.text
    answer: {regex: "#### (.+)"}    the last match in the column of our name; its first group, if it has one
    answer: {column: solution, regex: "= *(\\d+)"}       the same in another column
    question: {template: "{{ Body }} {{ Question }}"}    Jinja: loops, conditions, four filters; no calls, no attributes

A regex and a template may be a stranger's: a match has a second, a template cannot call anything, and what it writes is
bounded.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any

from intern.errors import UserError, quote, unknown

Spec = str | Mapping[str, str]
LONGEST = 5_000_000  # characters that a value or a text made of a row may have; a novel has one million
SECONDS = 1.0  # that a regex may take for a text
LENGTH = 4000  # characters of a regex or a template
KEYS = ("column", "regex", "template")
FILTERS = ("trim", "lower", "upper", "join")
TAKEN = ("key", "bare", "source", "verifier")  # of a row, beside its columns
OURS = ("question", "answer", "target")
NEAR = 0.8  # how like one of these a name is that was meant to be it: "anwser" 0.83, "text" 0.6
NODES = {  # of Jinja, and no other: nothing calls, sets, imports, multiplies or reads an attribute
    *("Template", "Output", "TemplateData", "Name", "Const", "If", "For", "CondExpr", "Compare", "Operand", "And"),
    *("Or", "Not", "Getitem", "Slice", "Filter", "Concat", "Add", "Sub", "Neg", "List", "Tuple"),
}
FORM = "a column's name, {regex: …} with or without {column: …}, or {template: …}"


class Unmade(ValueError):
    """A column cannot be made of a row; says why."""


def checked(spec: Any) -> Any:
    """Return what makes a column, as it was given, numbers as text.

    Raises:
        ValueError: with what is wrong with it.
    """
    if isinstance(spec, int | float) and not isinstance(spec, bool):
        return str(spec)
    if isinstance(spec, str):
        if not spec.strip() or not spec.isprintable() or len(spec) > LENGTH:
            raise ValueError(f"{quote(spec)} is not a text of one line that is not blank")
        return spec
    if not isinstance(spec, Mapping) or not spec or not all(isinstance(value, str) for value in spec.values()):
        raise ValueError(f"{quote(spec)} is not {FORM}")
    if strange := [key for key in spec if key not in KEYS]:
        raise ValueError(unknown("key", str(strange[0]), KEYS))
    if ("template" in spec) == ("regex" in spec) or ("template" in spec and "column" in spec):
        raise ValueError(f"{quote(dict(spec))} is not {FORM}")
    if any(not value or len(value) > LENGTH for value in spec.values()):
        raise ValueError(f"a column, regex or template has 1 to {LENGTH:,} characters")
    if "template" in spec:
        template(spec["template"])
    else:
        pattern(spec["regex"])
    return dict(spec)


def checked_all(columns: Mapping[Any, Any]) -> Any:
    """Return what makes each of our columns.

    Raises:
        ValueError: with every fault; two of ours that are one of theirs are a fault, but for answer and target.
    """
    made, faults, plain = {}, [], dict[str, str]()
    for ours, spec in columns.items():
        try:
            made[str(ours)] = checked(spec)
        except ValueError as error:
            faults.append(f"{ours}: {error}")
    for ours, spec in made.items():
        other = plain.setdefault(spec, ours) if isinstance(spec, str) else ours
        if other != ours and {ours, other} != {"answer", "target"}:
            faults.append(f"{other} and {ours} are both the column {quote(spec)}: name another one for one of them")
        if ours in TAKEN:
            faults.append(f"{ours}: the name is taken, take another one for this column")
        if near := [name for name in get_close_matches(ours, OURS, n=1, cutoff=NEAR) if ours not in OURS]:
            faults.append(f'{ours}: no column is called so. Did you mean "{near[0]}"?')
    if faults:
        raise ValueError("; ".join(faults))
    return made


def needs(ours: str, spec: Spec) -> list[str]:
    """Return the columns of theirs, nested ones dotted, that one of ours is made of."""
    if isinstance(spec, str):
        return [spec]
    return list(template(spec["template"])[1]) if "template" in spec else [spec.get("column", ours)]


def value(ours: str, spec: Spec, row: Mapping[str, Any]) -> Any:
    """Return the value of one of our columns.

    Raises:
        Unmade: if the row has no such column, the regex does not match, or the template fails.
    """
    if isinstance(spec, str):
        return picked(row, spec)
    if "template" in spec:
        return rendered(spec["template"], row)
    return matched(ours, spec, row)[1]


def matched(ours: str, spec: Mapping[str, str], row: Mapping[str, Any]) -> tuple[str, str]:
    """Return (the text before the last match of a regex, its first group or the whole match).

    Raises:
        Unmade: if there is no text or no match.
        UserError: if the regex takes too long, which every other row would do, too.
    """
    name = spec.get("column", ours)
    text = picked(row, name)
    if not isinstance(text, str | int | float):
        raise Unmade(f"the column {name} is {type(text).__name__}, and the regex needs a text")
    try:
        last = next(iter(deque(pattern(spec["regex"]).finditer(str(text), timeout=SECONDS), maxlen=1)), None)
    except TimeoutError:
        slow = f"The regex {quote(spec['regex'])} takes more than {SECONDS:g} s for one row's column {name}"
        raise UserError(f"{slow}. Make it simpler: one repetition inside of another is what takes long.") from None
    if last is None or last[min(1, last.re.groups)] is None:
        raise Unmade(f"the regex {quote(spec['regex'])} matches nothing in column {name}")
    return str(text)[: last.start()], str(last[min(1, last.re.groups)])


def picked(row: Any, name: str) -> Any:
    """Return the value of a column; None below one that is null.

    Raises:
        Unmade: if there is no such column.
    """
    if isinstance(row, Mapping) and name in row:
        return row[name]
    for part in name.split("."):
        if row is None:
            return None
        if not isinstance(row, Mapping) or part not in row:
            raise Unmade(f"there is no column {name}")
        row = row[part]
    return row


@cache
def pattern(regex: str) -> Any:
    """Return a regex, compiled.

    Raises:
        ValueError: if it is none.
    """
    import regex as engine  # unlike re, it can be given a time

    try:
        return engine.compile(regex)
    except engine.error as error:
        raise ValueError(f"regex {quote(regex)}: {error}") from None


@cache
def template(text: str) -> tuple[Any, tuple[str, ...]]:
    """Return a template, compiled, and the columns that it names.

    Raises:
        ValueError: if it is none, or has something that is not allowed.
    """
    import jinja2
    from jinja2 import meta, nodes
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(undefined=jinja2.StrictUndefined)
    environment.globals.clear()
    environment.tests.clear()
    environment.filters = {"trim": str.strip, "lower": str.lower, "upper": str.upper, "join": joined}
    try:
        tree = environment.parse(text)
        faults = [fault for fault in outlawed(tree, nodes) if fault]
        if faults:
            raise ValueError(f"template {quote(text)}: {'; '.join(dict.fromkeys(faults))}")
        names = tuple(sorted(meta.find_undeclared_variables(tree)))
        return environment.from_string(text), names
    except (jinja2.TemplateError, RecursionError) as error:
        raise ValueError(f"template {quote(text)}: {error}") from None


def outlawed(tree: Any, nodes: Any) -> Iterator[str]:
    """Yield what a template has that it may not."""
    for node in tree.find_all(nodes.Node):
        kind = type(node).__name__
        if isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield unknown("filter", node.name, FILTERS)
        elif isinstance(node, nodes.For) and list(node.find_all(nodes.For)):
            yield "a loop in a loop is not allowed"
        elif kind not in NODES:
            legal = f"columns, {{% if %}}, {{% for %}} and the filters {', '.join(FILTERS)}"
            yield f"{kind.lower()} is not allowed, only {legal}"


def joined(values: Any, between: str = "") -> str:
    """Return texts as one."""
    if not isinstance(values, list | tuple):
        raise Unmade("join takes a list")
    if len(values) * len(between) > LONGEST:
        raise Unmade(f"it is longer than {LONGEST:,} characters")
    return between.join(map(str, values))


def rendered(text: str, row: Mapping[str, Any]) -> str:
    """Return what a template writes of a row.

    Raises:
        Unmade: if it fails, or writes more than LONGEST characters.
    """
    compiled, names = template(text)
    length, parts = 0, []
    try:
        for part in compiled.generate({name: row[name] for name in names if name in row}):
            length += len(part)
            if length > LONGEST:
                raise Unmade(f"the template writes more than {LONGEST:,} characters")
            parts.append(part)
    except Unmade:
        raise
    except Exception as error:  # whatever a stranger's template makes of a stranger's row
        raise Unmade(f"the template fails: {str(error)[:200]}") from None
    return "".join(parts)
