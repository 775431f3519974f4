"""Sums of two two-digit numbers, with the carry written out as `mixed` writes it.

Small enough to enumerate (4,095 unordered pairs), so that dev and test are held out by item and not
only by luck; and the working makes the sum learnable for a model of a million parameters
(scratchpads, arXiv:2112.00114).

    python -c "import random; from intern.generators import arithmetic as a; print(a.draw(random.Random(0)))"
"""

import random

from intern.generators.mixed import key, working

__all__ = ["draw", "key"]


def draw(rng: random.Random) -> dict[str, str]:
    """Return one item: question (the whole user turn), answer, and a solution that ends with the answer line."""
    a, b = rng.randint(10, 99), rng.randint(10, 99)
    return {
        "question": f"What is {a} + {b}?",
        "answer": str(a + b),
        "solution": f"{working(a, '+', b)}\nANSWER: {a + b}",
    }
