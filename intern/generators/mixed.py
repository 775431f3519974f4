"""Three-digit sums and differences and two-digit products, worked out column by column.

More columns, borrows, carried products and negative answers: a model of a million parameters gets
some and not all of them right after a minute of training, so that a search has room to show itself.
Written as scratchpads are (arXiv:2112.00114).

    python -c "import random; from intern.generators import mixed as m; print(m.draw(random.Random(0)))"
"""

import random
import re


def draw(rng: random.Random) -> dict[str, str]:
    """Return one item: question (the whole user turn), answer, and a solution that ends with the answer line."""
    sign = rng.choice("+-*")
    if sign == "*":
        a, b = rng.randint(12, 99), rng.randint(3, 9)
    else:
        a, b = rng.randint(100, 999), rng.randint(100, 999)
    answer = {"+": a + b, "-": a - b, "*": a * b}[sign]
    return {
        "question": f"What is {a} {sign} {b}?",
        "answer": str(answer),
        "solution": f"{working(a, sign, b)}\nANSWER: {answer}",
    }


def working(a: int, sign: str, b: int) -> str:
    """Return the columns from the right, each with its carry or borrow: 612-458 is `12-8=4, 11-5-1=5, 6-4-1=1`.

    A negative difference is worked the other way round; only its answer has the minus."""
    if sign == "*":
        units = a % 10 * b
        mark = f"+{units // 10}" if units >= 10 else ""
        return f"{a % 10}*{b}={units}, {a // 10}*{b}{mark}={a // 10 * b + units // 10}"
    high, low = (max(a, b), min(a, b)) if sign == "-" else (a, b)
    columns, carry = [], 0
    for place in range(len(str(max(high, low)))):
        top, bottom = high // 10**place % 10, low // 10**place % 10
        mark = f"{sign}1" if carry else ""
        if sign == "+":
            value = top + bottom + carry
            carry = 1 if value >= 10 else 0
        else:
            borrow = 1 if top < bottom + carry else 0
            top += 10 * borrow
            value = top - bottom - carry
            carry = borrow
        columns.append(f"{top}{sign}{bottom}{mark}={value}")
    return ", ".join(columns)


def key(question: str) -> str:
    """Return the item's canonical name: factors sorted within a product, added terms sorted before taken ones.

    `What is 47 * 3?` is `3*47`; a sum of two numbers has the name that `arithmetic` gives it."""
    expression = "".join(re.findall(r"\d+|[-+*]", question))
    terms = re.findall(r"([+-]?)(\d+(?:\*\d+)*)", expression)
    named = [(sign == "-", sorted(map(int, product.split("*")))) for sign, product in terms]
    return "".join(
        ("-" if taken else "+") + "*".join(map(str, factors)) for taken, factors in sorted(named)
    ).removeprefix("+")
