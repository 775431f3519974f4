"""Word problems of one or two steps: what to compute has to be read first, then worked out step by step.

The hardest of the embedded goals. An item is its computation, whoever has the things and whatever they are;
one-step stories have three-digit numbers and two-step ones add or take two digits, so that no step in the
solution of a training item is a held-out item.

    python -c "import random; from intern.generators import stories as s; print(s.draw(random.Random(0)))"
"""

import random
import re
from collections.abc import Iterator

from intern.generators import mixed

NAMES = "Ann Ben Eva Leo Mia Tom Zoe Sam".split()  # noqa: SIM905
THINGS = "pens cards nuts shells coins books stamps beads".split()  # noqa: SIM905
GAINS = "gets finds buys wins".split()  # noqa: SIM905
LOSES = "loses sells uses drops".split()  # noqa: SIM905
SIGNS = {"another": "+", "in each of": "*", **dict.fromkeys(GAINS, "+"), **dict.fromkeys(LOSES, "-")}
TEMPLATES = {  # the signs of the steps, and the ways to tell them
    "+": (
        "{name} has {a} {thing} and {gains} {b}. How many now?",
        "{name} has {a} {thing} and {other} another {b}. How many together?",
    ),
    "-": ("{name} has {a} {thing} and {loses} {b}. How many are left?",),
    "+-": ("{name} has {a} {thing}, {gains} {b} and {loses} {c}. How many are left?",),
    "-+": ("{name} has {a} {thing}, {loses} {b} and {gains} {c}. How many now?",),
    "*+": ("{name} has {a} {thing} in each of {b} bags and {gains} {c}. How many now?",),
    "*-": ("{name} has {a} {thing} in each of {b} bags and {loses} {c}. How many are left?",),
}


def draw(rng: random.Random) -> dict[str, str]:
    """Return one item: question (the whole user turn), answer, and a solution that ends with the answer line."""
    signs = rng.choice(list(TEMPLATES))
    numbers = operands(rng, signs)
    name, other = rng.sample(NAMES, 2)
    words = {"thing": rng.choice(THINGS), "gains": rng.choice(GAINS), "loses": rng.choice(LOSES)}
    question = rng.choice(TEMPLATES[signs]).format(
        name=name, other=other, **words, **dict(zip("abc", numbers, strict=False))
    )
    *_, (_, _, _, answer) = steps(expression(question))
    return {"question": question, "answer": str(answer), "solution": f"{working(question)}\nANSWER: {answer}"}


def operands(rng: random.Random, signs: str) -> list[int]:
    """Return numbers for these steps; no step has a negative result."""
    if len(signs) == 1:
        return sorted(rng.sample(range(100, 1000), 2), reverse=signs == "-")
    if signs[0] == "*":
        return [rng.randint(12, 99), rng.randint(3, 9), rng.randint(10, 35)]
    low, high = sorted(rng.sample(range(10, 100), 2))
    return [high, low, rng.randint(10, 99 if signs == "-+" else min(99, low + high))]


def expression(question: str) -> str:
    """Return what a story asks to compute, steps in order: `Mia has 47 pens and gets 38.` is 47+38."""
    signed = re.sub("|".join(SIGNS), lambda match: SIGNS[match[0]], question)
    return "".join(re.findall(r"\d+|[-+*]", signed))


def steps(expression: str) -> Iterator[tuple[int, str, int, int]]:
    """Yield (number, sign, number, result) of each step of an expression, from left to right."""
    first, *others = re.findall(r"[-+*]?\d+", expression)
    value = int(first)
    for sign, number in ((other[0], int(other[1:])) for other in others):
        result = {"+": value + number, "-": value - number, "*": value * number}[sign]
        yield value, sign, number, result
        value = result


def working(question: str) -> str:
    """Return one line a step, its columns as `mixed` writes them: `47*8: 7*8=56, 4*8+5=37, 376`."""
    return "\n".join(f"{a}{sign}{b}: {mixed.working(a, sign, b)}, {value}" for a, sign, b, value in
                     steps(expression(question)))


def key(question: str) -> str:
    """Return the item's canonical name, that of its computation, which all generators share: `38+47-12`."""
    return mixed.key(expression(question))
