"""Four or five numbers to put in order, or two to compare, with the working written out.

Pattern and no arithmetic: the easy end of the embedded goals. A list is worked by selection, each number
taken with what is left behind it, as a program for a transformer would do it (arXiv:2106.06981).

    python -c "import random; from intern.generators import sorting as s; print(s.draw(random.Random(0)))"
"""

import random
import re
from collections.abc import Sequence


def draw(rng: random.Random, counts: Sequence[int] = (2, 4, 5, 5)) -> dict[str, str]:
    """Return one item: question (the whole user turn), answer, and a solution that ends with the answer line."""
    count = rng.choice(counts)
    numbers = rng.sample(range(10, 100) if count > 2 else range(10, 1000), count)
    ordered = sorted(numbers)
    if count > 2:
        question, answer = f"Sort {spaced(numbers)}.", spaced(ordered)
    else:
        way, answer = rng.choice((("smaller", str(ordered[0])), ("larger", str(ordered[1]))))
        question = f"Which is {way}, {numbers[0]} or {numbers[1]}?"
    return {"question": question, "answer": answer, "solution": f"{working(numbers)}\nANSWER: {answer}"}


def working(numbers: list[int]) -> str:
    """Return each number with the larger ones, smallest first: 47 13 88 is `13: 47 88, 47: 88`; two are `13<47`."""
    ordered = sorted(numbers)
    if len(numbers) == 2:
        return "<".join(map(str, ordered))
    return ", ".join(f"{low}: {spaced([n for n in numbers if n > low])}" for low in ordered[:-1])


def spaced(numbers: list[int]) -> str:
    """Return numbers as the question and the answer write them."""
    return " ".join(map(str, numbers))


def key(question: str) -> str:
    """Return the item's canonical name, its numbers in order: every order of a list is the same item."""
    return spaced(sorted(map(int, re.findall(r"\d+", question))))
