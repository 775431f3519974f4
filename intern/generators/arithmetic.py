"""Sums of two two-digit numbers, with the carry written out.

Small enough to enumerate (4,095 unordered pairs), so that dev and test are held out by item and not
only by luck; and the working makes the sum learnable for a model of a million parameters
(scratchpads, arXiv:2112.00114).

    python -c "import random; from intern.generators import arithmetic as a; print(a.draw(random.Random(0)))"
"""

import random
import re


def draw(rng: random.Random) -> dict[str, str]:
    """One item: question (the whole user turn), answer, and a solution that ends with the answer line."""
    a, b = rng.randint(10, 99), rng.randint(10, 99)
    return {
        "question": f"What is {a} + {b}?",
        "answer": str(a + b),
        "solution": f"{working(a, b)}\nANSWER: {a + b}",
    }


def working(a: int, b: int) -> str:
    """The written-out column sum of two two-digit numbers: 47+38 is `7+8=15, 4+3+1=8`."""
    carry, units = divmod(a % 10 + b % 10, 10)
    tens = a // 10 + b // 10 + carry
    return f"{a % 10}+{b % 10}={10 * carry + units}, {a // 10}+{b // 10}{'+1' if carry else ''}={tens}"


def key(question: str) -> str:
    """The item's canonical name, the smaller number first: 3+5 and 5+3 are one item, `3+5`."""
    return "+".join(map(str, sorted(int(number) for number in re.findall(r"\d+", question))))
