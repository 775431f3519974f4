"""The generated goals: right answers, working that holds, one name per item, splits that share nothing."""

import random
import re
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from intern.config import typed
from intern.config.schema import ROOT, Goal
from intern.data import items
from intern.data.items import split_of
from intern.errors import UserError
from intern.generators import arithmetic, mixed, sorting, stories

GENERATORS = {"arithmetic": arithmetic, "mixed": mixed, "sorting": sorting, "stories": stories}
every = pytest.mark.parametrize("generator", GENERATORS.values(), ids=GENERATORS)
expressions = pytest.mark.parametrize("generator", [arithmetic, mixed], ids=["arithmetic", "mixed"])
seeds = st.integers(0, 2**32)

GAINS, LOSES = ("gets", "finds", "buys", "wins", "another"), ("loses", "sells", "uses", "drops")
NAMES = ("Ann", "Ben", "Eva", "Leo", "Mia", "Tom", "Zoe", "Sam")
THINGS = ("pens", "cards", "nuts", "shells", "coins", "books", "stamps", "beads")


def evaluated(expression: str) -> int:
    """The value of `a + b - c * d`, products first, by a reader that shares no code with the generators."""
    total = 0
    for sign, product in re.findall(r"([+-]?)\s*(\d+(?:\s*\*\s*\d+)*)", expression):
        value = 1
        for factor in product.split("*"):
            value *= int(factor)
        total += -value if sign == "-" else value
    return total


def told(story: str) -> int:
    """What is there at the end of a story, followed word by word."""
    total, verb = 0, "has"
    for word in re.findall(r"\w+", story):
        if word in (*GAINS, *LOSES, "each"):
            verb = word
        elif word.isdigit():
            number = int(word)
            total = {"has": number, "each": total * number}.get(
                verb, total + number if verb in GAINS else total - number
            )
    return total


def solved(question: str) -> str:
    """The right answer to any generated question."""
    numbers = [int(number) for number in re.findall(r"\d+", question)]
    if question.startswith("Sort"):
        return " ".join(str(n) for n in sorted(numbers))
    if question.startswith("Which"):
        return str(max(numbers) if "larger" in question else min(numbers))
    expression = re.fullmatch(r"What is (.+)\?", question)
    return str(evaluated(expression[1]) if expression else told(question))


@every
@given(seed=seeds)
def test_the_answer_is_right_and_ends_the_solution(generator: ModuleType, seed: int) -> None:
    """By a reader of the question alone; the evaluator reads the last answer line."""
    item = generator.draw(random.Random(seed))
    assert item["answer"] == solved(item["question"])
    assert item["solution"].splitlines()[-1] == f"ANSWER: {item['answer']}"
    assert item["solution"].count("ANSWER") == 1


@pytest.mark.parametrize("generator", [arithmetic, mixed, stories], ids=["arithmetic", "mixed", "stories"])
@given(seed=seeds)
def test_every_step_of_the_working_holds(generator: ModuleType, seed: int) -> None:
    """Each column is an equation that is true, and each line of a story ends with the value of its head."""
    *working, _ = generator.draw(random.Random(seed))["solution"].splitlines()
    assert working
    for line in working:
        head, _, columns = line.rpartition(": ")
        *columns, last = columns.split(", ")
        if head:
            assert int(last) == evaluated(head)
        for left, right in (column.split("=") for column in ([*columns] if head else [*columns, last])):
            assert evaluated(left) == int(right)


@given(seed=seeds)
def test_sorting_takes_the_smallest_of_what_is_left(seed: int) -> None:
    """Each part of a sorted list's working names the smallest number left, and keeps the others in their order."""
    item = sorting.draw(random.Random(seed))
    working, left = item["solution"].splitlines()[0], re.findall(r"\d+", item["question"])
    if item["question"].startswith("Which"):
        assert working == "<".join(sorted(left, key=int))
        return
    for part in working.split(", "):
        low, _, rest = part.partition(": ")
        assert low == min(left, key=int)
        left.remove(low)
        assert rest.split() == left


@every
@given(seed=seeds)
def test_a_solution_fits_the_tokens_of_its_goal(generator: ModuleType, seed: int) -> None:
    """Bytes are tokens, and one more closes the turn."""
    name = generator.__name__.rpartition(".")[2]
    limit = yaml.safe_load((ROOT / "conf" / "goal" / f"{name}.yaml").read_text())["max_new_tokens"]
    assert len(generator.draw(random.Random(seed))["solution"]) + 1 <= limit


@expressions
@given(seed=seeds)
def test_the_key_ignores_order_where_order_does_not_matter(generator: ModuleType, seed: int) -> None:
    """Terms of a sum and factors of a product may change places; those of a difference may not."""
    question = generator.draw(random.Random(seed))["question"]
    a, sign, b = re.fullmatch(r"What is (\d+) (.) (\d+)\?", question).groups()
    swapped = generator.key(f"What is {b} {sign} {a}?")
    assert (generator.key(question) == swapped) == (sign != "-" or a == b)


@given(seed=seeds)
def test_a_shuffled_list_is_the_same_item(seed: int) -> None:
    """Whatever the order, and whichever end of a pair is asked for; another number makes another item."""
    rng = random.Random(seed)
    question = sorting.draw(rng)["question"]
    numbers = re.findall(r"\d+", question)
    shuffled = " ".join(rng.sample(numbers, len(numbers)))
    assert sorting.key(question) == sorting.key(f"Sort {shuffled}.")
    assert sorting.key(question) == sorting.key(question.replace("larger", "smaller"))
    assert sorting.key(question) != sorting.key(question.replace(numbers[0], "1000"))


@given(seed=seeds)
def test_a_story_of_other_people_and_things_is_the_same_item(seed: int) -> None:
    """The same computation has one name, however it is told; another number makes another item."""
    rng = random.Random(seed)
    question = stories.draw(rng)["question"]
    retold = question
    for words in (NAMES, THINGS, GAINS[:-1], LOSES):
        word = rng.choice(words)
        retold = re.sub(rf"\b({'|'.join(words)})\b", word, retold)
    assert stories.key(question) == stories.key(retold)
    assert stories.key(question) != stories.key(re.sub(r"\d+", "1000", question, count=1))


@pytest.mark.parametrize(
    ("story", "name"),
    [
        ("Mia has 412 pens and gets 138. How many now?", "138+412"),
        ("Tom has 138 nuts and Ann another 412. How many together?", "138+412"),
        ("Leo has 412 beads and sells 138. How many are left?", "412-138"),
        ("Eva has 47 coins, loses 12 and wins 38. How many now?", "38+47-12"),
        ("Eva has 38 cards, buys 47 and drops 12. How many are left?", "38+47-12"),
        ("Zoe has 47 books in each of 8 bags and uses 12. How many are left?", "8*47-12"),
    ],
)
def test_names_of_stories(story: str, name: str) -> None:
    """A story is named as `mixed` names its expression."""
    assert stories.key(story) == name == mixed.key(stories.expression(story))


@given(seed=seeds)
def test_no_step_of_a_longer_story_is_an_item_itself(seed: int) -> None:
    """Or the solution of a training item could show how to solve a held-out one."""
    steps = list(stories.steps(stories.expression(stories.draw(random.Random(seed))["question"])))
    both_long = [min(a, b) >= 100 for a, _, b, _ in steps]
    assert both_long == [True] or not any(both_long)
    assert all(value >= 0 for *_, value in steps)


@every
@given(seed=seeds)
def test_the_key_of_a_key_is_itself(generator: ModuleType, seed: int) -> None:
    """So that a name may stand for its question."""
    key = generator.key(generator.draw(random.Random(seed))["question"])
    assert generator.key(key) == key


@given(seed=seeds)
def test_all_generators_call_a_sum_by_the_same_name(seed: int) -> None:
    """A sum that is held out in one goal is held out in all."""
    question = arithmetic.draw(random.Random(seed))["question"]
    assert arithmetic.key(question) == mixed.key(question) == stories.key(question)


@every
def test_a_draw_depends_on_its_random_state_alone(generator: ModuleType) -> None:
    """The same state, the same item."""
    assert generator.draw(random.Random(7)) == generator.draw(random.Random(7))


@every
def test_every_split_is_drawn_in_its_share(generator: ModuleType) -> None:
    """A tenth dev, three twentieths test."""
    rng = random.Random(0)
    splits = [split_of(generator.key(generator.draw(rng)["question"])) for _ in range(4_000)]
    assert 0.07 < splits.count("dev") / len(splits) < 0.13
    assert 0.11 < splits.count("test") / len(splits) < 0.19
    assert splits.count("train") / len(splits) > 0.70


@pytest.mark.parametrize("name", GENERATORS)
def test_the_splits_are_full_and_share_no_item(name: str) -> None:
    """Enough items for dev and test, a training set of another seed, and no name in two of them."""
    goal, generator = Goal(name=name, generator=name), GENERATORS[name]
    wanted = {"dev": (400, 0), "test": (500, 0), "train": (2_560, 1)}
    names = [
        {generator.key(row["question"]) for row in items.take(items.generated(goal, split, seed), count)}
        for split, (count, seed) in wanted.items()
    ]
    assert [len(found) for found in names] == [400, 500, 2_560]
    assert len(set.union(*names)) == 3_460


@pytest.mark.parametrize(
    ("question", "name"),
    [
        ("What is 5 + 3?", "3+5"),
        ("What is 47 * 3?", "3*47"),
        ("What is 12 - 40?", "12-40"),
        ("What is 38 * 2 - 5 + 4 * 3?", "2*38+3*4-5"),
    ],
)
def test_names_of_longer_expressions(question: str, name: str) -> None:
    """Factors within a product, added terms before taken ones."""
    assert mixed.key(question) == name


OWN = """
from dataclasses import dataclass

GOAL = {"max_new_tokens": 4}


@dataclass
class Settings:
    most: int = 9


def draw(rng, settings):
    number = rng.randint(1, settings.most)
    return {"question": f"Say {number}", "answer": str(number)}


def key(question):
    return question.split()[-1]
"""


def test_a_generator_of_ones_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Is a file; its settings are fields of the goal, and it is drawn until it runs dry, each item once."""
    (tmp_path / "generators").mkdir()
    (tmp_path / "generators" / "says.py").write_text(OWN)
    monkeypatch.setenv("INTERN_PLUGINS", str(tmp_path))
    tree = {"goal": {"name": "says", "generator": "says", "most": 40}, "study": "x"}
    goal = typed.config(tree).goal
    splits = {split: [row["key"] for row in items.generated(goal, split, 0)] for split in ("train", "dev", "test")}
    found = [key for keys in splits.values() for key in keys]
    assert sorted(found, key=int) == [str(n) for n in range(1, 41)]
    assert all(split_of(key) == split for split, keys in splits.items() for key in keys)
    again = [row["key"] for row in items.generated(goal, "train", 0)]
    assert again == splits["train"] != [row["key"] for row in items.generated(goal, "train", 1)]
    row = next(items.generated(goal, "train", 0))
    assert row["target"] == f"ANSWER: {row['answer']}" and row["question"] == f"Say {row['key']}"
    with pytest.raises(UserError, match='goal.mos: no such key. Did you mean "goal.most"?'):
        typed.config({**tree, "goal": {**tree["goal"], "mos": 3}})
