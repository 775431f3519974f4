"""What a study will take, before anything is spent.

    python -m intern plan goal=gsm8k model=qwen3-1.7b recipe=words/sft compute=h100
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from intern.cli.parameters import AsJson, Folders, SomeKeys
from intern.config.cost import Span
from intern.errors import UserError
from intern.text import say

if TYPE_CHECKING:
    from intern.config.gate import Scope
    from intern.study.plan import Plan, Row

USAGE = "goal=GOAL model=MODEL [recipe=RECIPE] [compute=DEVICE] [KEY=VALUE ...] [--json]"
COLUMNS = ("stage", "memory", "fits", "rows", "tokens/s", "time", "dollars", "from")
UNITS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"))
STYLES = {"yes": "green", "tight": "yellow", "no": "red"}


def plan(
    words: SomeKeys = None,
    config_dir: Folders = None,
    as_json: AsJson = False,
) -> int:
    """Foretell memory, speed, hours and dollars of a study, and run nothing.

    compute= is the machine that it is foretold for: this one if it is left out, or one of a table (h100, h200, a100,
    l4, rtx4090). Each figure is a range; where earlier studies of the goal and model lie under outputs/, what their
    stages took replaces what is computed. `rows` are those at once and the passes of a step, as the machine will run
    them. Exit status 2 if something would not fit.

    \b
    python -m intern plan goal=arithmetic model=tiny recipe=generated/sft
    python -m intern plan goal=gsm8k goal.data_dir=DIR model=qwen3-1.7b recipe=local/sft compute=h100
    """
    from intern.machine.target import target
    from intern.study.plan import Planner

    scope = asked(words or [], config_dir or ())
    made = Planner(scope, target(scope.config.compute)).plan()
    if as_json:
        say(json.dumps(asdict(made), indent=1))
    else:
        show(made, scope.config.budget.hours)
    rows = [row for rows in (made.base, *made.recipes.values()) for row in rows]
    return 2 if any(row.fits == "no" for row in rows) else 0


def asked(words: Sequence[str], folders: Sequence[Path]) -> "Scope":
    """Return what words set, with a model whose sizes are known.

    Raises:
        UserError: if they are not.
    """
    from intern import checkpoints
    from intern.cli.compose import compose, scope_of
    from intern.cli.words import once
    from intern.config import choices

    once(list(words))
    choices.search(list(folders))
    library = choices.registered()
    scope = scope_of(compose(list(words), library), words, library)
    if not scope.config.model.shape.known:
        model = scope.config.model
        checkpoints.check(model.path)
        raise UserError(
            f"The sizes of model {model.name} ({model.path}) are not known: they are read from the config.json of a "
            "folder (model=FOLDER), or given, such as model.shape.layers=28; also hidden, heads, kv_heads, "
            "head_size, intermediate, vocabulary."
        )
    return scope


def show(made: "Plan", hours: float) -> None:
    """Print a table of what is done once and one for each recipe, what helps, and the sum."""
    from intern.cli import table

    machine = made.target
    told = "by its data sheet" if machine.gpu else f"measured just now; other work slows it {machine.busy:.1f} times"
    speed = f"{machine.peak / 1e12:.3g} TFLOP/s, {machine.bandwidth / 1e9:,.0f} GB/s"
    say(f"{machine.name}: {machine.memory / 1e9:.1f} GB for a trial, {speed}, {told}")
    for title, rows in (("once, for the base model and the winner", made.base), *made.recipes.items()):
        say(f"\n{title}")
        table.show(COLUMNS, [cells(row, machine.dollars) for row in rows], STYLES)
        for row in rows:
            if row.help:
                say(f"  {row.title} {'needs' if row.fits == 'no' else 'runs as'}: {row.help}")
    say(f"\n{summary(made, hours)}")


def cells(row: "Row", dollars: float | None) -> tuple[str, ...]:
    """Return the cells of one stage."""
    cost = "" if row.seconds is None or dollars is None else money(row.seconds.times(dollars / 3600))
    source = f"{row.runs} runs" if row.runs else "computed"
    rate = "" if row.rate is None else f"{row.rate:,.0f}"
    return (row.title, gigabytes(row.memory), row.fits, row.rows, rate, duration(row.seconds), cost, source)


def summary(made: "Plan", hours: float) -> str:
    """Return what the whole study takes, and what the budget's hours make of it."""
    few, many = made.trials
    trials = f"{few:g}" if few == many else f"{few:g} to {many:g}"
    head = f"The study, with {trials} trials: {duration(made.seconds)}"
    if made.dollars:
        head += f", {money(made.dollars)}"
    if made.unknown:
        head += f", and {', '.join(made.unknown)}, whose items are counted when they are loaded"
    if made.seconds.high > 3600 * hours:
        left = "ends it before" if made.seconds.low > 3600 * hours else "may end it before"
        head += f"; budget.hours={hours:g} {left}"
    return f"{head}. Ranges are no bounds: beside other programs all takes longer."


def gigabytes(span: Span) -> str:
    """Return a range of bytes."""
    return f"{span.low / 1e9:.1f}-{span.high / 1e9:.1f} GB"


def money(span: Span) -> str:
    """Return a range of dollars."""
    return f"${span.low:.2f}-{span.high:.2f}"


def duration(span: Span | None) -> str:
    """Return a range of seconds in the unit of its upper end; "?" if it is not known."""
    if span is None:
        return "?"
    size, unit = next((size, unit) for size, unit in UNITS if span.high >= size or size == 1)
    return f"{span.low / size:.1f}-{span.high / size:.1f} {unit}"
