"""The generated goals: right answers, one name per item, all three splits."""

import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from intern.generators import arithmetic, mixed
from intern.items import split_of

GENERATORS = pytest.mark.parametrize("generator", [arithmetic, mixed], ids=["arithmetic", "mixed"])
seeds = st.integers(0, 2**32)


def evaluated(expression: str) -> int:
    """The value of `a + b - c * d`, products first, by a reader that shares no code with the generators."""
    total = 0
    for sign, product in re.findall(r"([+-]?)\s*(\d+(?:\s*\*\s*\d+)*)", expression):
        value = 1
        for factor in product.split("*"):
            value *= int(factor)
        total += -value if sign == "-" else value
    return total


@GENERATORS
@given(seed=seeds)
def test_the_answer_is_the_value_of_the_question(generator, seed):
    item = generator.draw(random.Random(seed))
    expression = re.fullmatch(r"What is (.+)\?", item["question"]).group(1)
    assert int(item["answer"]) == evaluated(expression)


@GENERATORS
@given(seed=seeds)
def test_the_solution_ends_with_the_answer_line_and_every_step_holds(generator, seed):
    item = generator.draw(random.Random(seed))
    *working, last = item["solution"].splitlines()
    assert last == f"ANSWER: {item['answer']}"
    assert len(item["solution"]) < 48  # bytes are tokens, and one more closes the turn
    for step in ", ".join(working).split(", "):
        left, right = step.split("=")
        assert evaluated(left) == int(right)


@GENERATORS
@given(seed=seeds)
def test_the_key_ignores_order_where_order_does_not_matter(generator, seed):
    question = generator.draw(random.Random(seed))["question"]
    a, sign, b = re.fullmatch(r"What is (\d+) (.) (\d+)\?", question).groups()
    swapped = generator.key(f"What is {b} {sign} {a}?")
    assert (generator.key(question) == swapped) == (sign != "-" or a == b)


@GENERATORS
@given(seed=seeds)
def test_the_key_of_a_key_is_itself(generator, seed):
    key = generator.key(generator.draw(random.Random(seed))["question"])
    assert generator.key(key) == key


@given(seed=seeds)
def test_both_generators_call_a_sum_by_the_same_name(seed):
    question = arithmetic.draw(random.Random(seed))["question"]
    assert arithmetic.key(question) == mixed.key(question)


@GENERATORS
def test_a_draw_depends_on_its_random_state_alone(generator):
    assert generator.draw(random.Random(7)) == generator.draw(random.Random(7))


@GENERATORS
def test_every_split_is_drawn_in_its_share(generator):
    rng = random.Random(0)
    splits = [split_of(generator.key(generator.draw(rng)["question"])) for _ in range(4_000)]
    assert 0.07 < splits.count("dev") / len(splits) < 0.13
    assert 0.11 < splits.count("test") / len(splits) < 0.19
    assert splits.count("train") / len(splits) > 0.70


@pytest.mark.parametrize(("question", "name"), [
    ("What is 5 + 3?", "3+5"),
    ("What is 47 * 3?", "3*47"),
    ("What is 12 - 40?", "12-40"),
    ("What is 38 * 2 - 5 + 4 * 3?", "2*38+3*4-5"),
])
def test_names_of_longer_expressions(question, name):
    assert mixed.key(question) == name
