"""What of the training rows goes and why: the bare question counts, common words do not, the canonical key always."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import SHARED

from intern.config.column import Unmade
from intern.config.schema import Goal
from intern.data import held_out, items, local
from intern.data.cleaning import Cleaning, clean
from intern.data.columns import Columns
from intern.data.decontamination import MANY, SHARE, Decontamination
from intern.data.items import Row

INSTRUCTION = " ".join(f"please{i}" for i in range(16))
LEAKED = " ".join(f"w{i}" for i in range(20))
PROMPTS = (
    "{question}",
    "Read the following problem with care, work it out in small steps, and then answer it: {question}",
    "Please think step by step about this problem, and put the final answer in \\boxed{} at the very end. {question}",
)


def rows_of(questions: list[str], prompt: str = "{question}") -> list[Row]:
    """Rows with a number for answer."""
    goal = Goal("g", prompt=prompt)
    return [items.row(goal, {"question": text, "answer": i}) for i, text in enumerate(questions)]


def cleaned(train: list[Row], held: list[Row]) -> tuple[list[Row], Cleaning]:
    """What the data stage makes of rows."""
    return clean(train, Decontamination([*held_out.own("test", held)], train))


def test_a_row_keeps_its_bare_question() -> None:
    """The prompt is the user's turn alone; without one the row is as it always was."""
    (plain,) = rows_of(["What is  IT?"])
    assert plain == {"question": "What is  IT?", "answer": 0, "target": "ANSWER: 0", "key": "what is it?"}
    (asked,) = rows_of(["What is  IT?"], INSTRUCTION + " {question}")
    assert asked == {**plain, "question": f"{INSTRUCTION} What is  IT?", "bare": "What is  IT?"}


@pytest.mark.parametrize("prompt", ["{question}", INSTRUCTION + " {question}", "{question} " + INSTRUCTION])
def test_the_prompt_is_no_contamination(prompt: str) -> None:
    """Ten rows stay; the leaked run and the item itself go under every prompt."""
    train = rows_of([*(f"Which is {i}?" for i in range(10)), f"So {LEAKED}?", "is IT  held?"], prompt)
    kept, cleaning = cleaned(train, rows_of([f"If {LEAKED} then?", "Is it held?"], prompt))
    assert kept == train[:10]
    assert cleaning.dropped == {"whole": 1, "ngram": 1} and cleaning.near == {}
    whole, run = cleaning.lines()
    assert whole == "1 row: the question is a held-out item; such as “is IT held?” (test 1: “Is it held?”)"
    example = f"“So {LEAKED}?” (test 0: “If {LEAKED} then?”)"
    assert run == f"1 row: runs of words are shared with a held-out item; such as {example}"
    told = "12 rows were held against 2 test items (decontamination 1): 2 went, 0 nearly matched"
    assert cleaning.receipt() == told


@pytest.mark.parametrize(
    ("templated", "others", "spared"), [(10, 0, False), (11, 0, True), (11, 1000, True), (11, 1100, False)]
)
def test_boilerplate_of_many_questions_does_not_count(templated: int, others: int, spared: bool) -> None:
    """A run in more than 10 questions and more than 1 % of them is spared; in fewer of either it is contamination."""
    assert (MANY, SHARE) == (10, 0.01)
    train = rows_of([f"{INSTRUCTION} {i}?" for i in range(templated)] + [f"Which is {i}?" for i in range(others)])
    kept, cleaning = cleaned(train, rows_of([f"{INSTRUCTION} x?"]))
    assert len(kept) == others + templated * spared
    assert sum(cleaning.dropped.values()) == templated * (not spared)


def test_what_one_item_of_many_has_is_no_boilerplate() -> None:
    """Half of the rows are one item in disguise: among a hundred items a template would be in more than one."""
    held = [f"Item {i} asks of {' '.join(f'thing{i}x{j}' for j in range(12))}?" for i in range(100)]
    others = [f"Which {' '.join(f'other{i}y{j}' for j in range(12))}?" for i in range(40)]
    kept, _ = cleaned(rows_of([f"{i} times: {held[7]}" for i in range(40)] + others), rows_of(held))
    assert [row["question"] for row in kept] == others


def grid(rng: random.Random, size: int = 40) -> str:
    """A puzzle in two digits: any two share a run of thirteen by chance now and then."""
    return " ".join(rng.choice("01") for _ in range(size))


def test_common_words_tell_of_an_item_only_together() -> None:
    """Thirteen digits that two grids share by chance are no leak; a grid with its ends changed is one."""
    rng = random.Random(0)
    train, held_out = [f"Mend this: {grid(rng)}." for _ in range(400)], [f"Mend this: {grid(rng)}." for _ in range(100)]
    leaked = [f"Repair this: {text[11:-2]}2." for text in held_out[:20]]
    kept, cleaning = cleaned(rows_of([*train, *leaked]), rows_of(held_out))
    assert {row["question"] for row in kept} <= set(train) and len(kept) > 380
    assert cleaning.dropped["ngram"] >= 20
    assert cleaning.gathered == len(kept) + sum(cleaning.dropped.values())


@pytest.mark.parametrize("zebras", [10, 11])
def test_a_rare_word_tells_of_an_item(zebras: int) -> None:
    """A run of common words counts if one word is rare, in ten questions at most; it is a small part of its item."""
    common = " ".join(f"please{i}" for i in range(12))
    others = [f"{common} {i}?" for i in range(30)] + [f"A zebra! {i}" for i in range(zebras - 1)]
    leaked = f"Now {common} zebra!"
    kept, cleaning = cleaned(rows_of([*others, leaked]), rows_of([f"And {common} zebra! Or {grid(random.Random(1))}"]))
    rare = zebras == 10
    assert (leaked in [row["question"] for row in kept]) != rare
    assert cleaning.dropped == ({"ngram": 1} if rare else {})


def test_a_repeated_question_is_one_question() -> None:
    """A leaked item with fifty answers of its own is no boilerplate."""
    goal = Goal("g")
    train = [items.row(goal, {"question": f"So {LEAKED}?", "answer": i, "target": f"way {i}"}) for i in range(50)]
    kept, cleaning = cleaned(train + rows_of(["Else?"]), rows_of([f"If {LEAKED} then?"]))
    assert len(kept) == 1 and cleaning.dropped == {"ngram": 50}
    assert len(cleaning.examples["ngram"]) == 10


def test_the_key_counts_among_boilerplate() -> None:
    """An item that is boilerplate and three letters more is still not trained on; its neighbours are."""
    train = rows_of([f"{INSTRUCTION} {i}?" for i in range(40)])
    kept, cleaning = cleaned(train, rows_of([f"{INSTRUCTION} 7?"]))
    assert [row["answer"] for row in kept] == [i for i in range(40) if i != 7]
    assert cleaning.dropped == {"whole": 1}


def test_generated_rows_keep_their_canonical_key() -> None:
    """With a prompt, too, so that no sum of dev or test is trained on."""
    goal = Goal("g", generator="arithmetic", prompt=INSTRUCTION + " {question}")
    drawn = {split: items.take(items.generated(goal, split, 0), 50) for split in ("train", "dev")}
    plain = items.take(items.generated(Goal("g", generator="arithmetic"), "train", 0), 50)
    assert [row["key"] for row in drawn["train"]] == [row["key"] for row in plain]
    assert [items.bare(row) for row in drawn["train"]] == [row["question"] for row in plain]
    assert all("bare" not in row for row in plain)
    assert len(cleaned(drawn["train"], drawn["dev"])[0]) == 50
    assert cleaned(drawn["dev"], drawn["dev"])[1].dropped == {"whole": 50}


def test_multiple_choice() -> None:
    """Our form around the choices is not compared; the question and a long choice are."""
    columns = Columns("mcq", {"question": "q", "choices": "c", "answer": "a"})
    texts = [("Which?", ["x", f"{LEAKED}"]), (f"So {LEAKED}?", ["x", "y"]), ("Who is it?", ["x", "y"])]
    train = [columns.row(Goal("g"), {"q": q, "c": c, "a": 1}) for q, c in texts]
    assert train[0]["question"].startswith("What is the correct answer")
    assert items.bare(train[0]) == f"Which?\nx\n{LEAKED}"
    kept, cleaning = cleaned(train, rows_of([f"If {LEAKED} then?"]))
    assert kept == train[2:] and sum(cleaning.dropped.values()) == 2


MASKS = {
    "zero width": lambda text: "\u200b".join(text),
    "soft hyphens": lambda text: text.replace("e", "e\u00ad"),
    "direction": lambda text: f"\u202a{text}\u202c",
    "tags": lambda text: text + "\U000e0041" * 3,
    "Cyrillic": lambda text: text.translate(str.maketrans("aceiopxyjshABEKMHOPCTX", "асеіорхујѕһАВЕКМНОРСТХ")),
    "Greek": lambda text: text.translate(str.maketrans("aeioptvxABEZHIKMNOPTYX", "αειορτνχΑΒΕΖΗΙΚΜΝΟΡΤΥΧ")),
    "full width": lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
    "mathematical": lambda text: "".join(chr(ord(c) + 0x1D41A - 97) if "a" <= c <= "z" else c for c in text),
    "accents": lambda text: text.replace("o", "ó").replace("n", "n\u0323"),
    "quotes": lambda text: text.replace("'", "’").replace("-", "–").replace('"', "”"),
    "spaces": lambda text: text.replace(" ", "\u00a0\u2009"),
    "all": lambda text: MASKS["Cyrillic"](MASKS["zero width"](text.upper())),
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS)
@pytest.mark.parametrize("masks_item", [False, True])
def test_copies_that_look_alike(mask: Callable[[str], str], masks_item: bool) -> None:
    """A masked copy goes by its key, and as a part of another question by its runs, whichever of the two is masked."""
    item = "Natalia's HEN laid 12 eggs on a Yard-long bench; how many \"big\" boxes of six does Kim need for them all?"
    train, held_out = [item, f"On Monday {item} Say so."], [item]
    masked = [mask(text) for text in (held_out if masks_item else train)]
    assert masked[0] != item
    train, held_out = (train, masked) if masks_item else (masked, held_out)
    kept, cleaning = cleaned(rows_of([*train, "Which is 7?"]), rows_of(held_out))
    assert [row["answer"] for row in kept] == [2]
    assert cleaning.dropped == {"whole": 1, "ngram": 1}


def test_other_scripts_stay_apart() -> None:
    """Of Russian, Greek, Hindi, Arabic or Japanese questions those that are the same go, and no others."""
    questions = ["Сколько будет два?", "Πόσο κάνει δύο;", "दो और दो कितने हैं?", "كم يساوي اثنان؟", "二足す二は？"]
    others = ["Сколько будет три?", "Πόσο κάνει τρία;", "दो और तीन कितने हैं?", "كم يساوي ثلاثة؟", "二足す三は？"]
    kept, cleaning = cleaned(rows_of([*questions, *others, "СКОЛЬКО будет Два?"]), rows_of(questions))
    assert [items.bare(row) for row in kept] == others and cleaning.dropped == {"whole": 6}


def test_null_is_never_text() -> None:
    """Of what a data set leaves out no row, or a blank one, is made, which cleaning drops."""
    qa = Columns("qa", {"question": "q", "answer": "a.text"})
    rows = [{"q": None, "a": {"text": "1"}}, {"q": "x", "a": {"text": None}}, {"q": "x", "a": None}]
    rows += [{"q": "x", "a": {"text": []}}, {"q": "x", "a": {"text": [None]}}, {"q": "x", "a": {"text": [None, "y"]}}]
    made = [qa.row(Goal("g"), row) for row in rows]
    assert "None" not in str(made) and [row["target"] for row in cleaned(made, [])[0]] == ["ANSWER: y"]
    mcq = Columns("mcq", {"question": "q", "choices": "c", "answer": "a"})
    whole = {"q": "x", "c": ["y", "z"], "a": 1}
    for lack in ({"q": None}, {"c": None}, {"c": ["y", None]}, {"a": None}):
        with pytest.raises(Unmade):
            mcq.row(Goal("g"), {**whole, **lack})
    assert mcq.row(Goal("g"), whole)


@pytest.mark.parametrize("name", ["gsm8k", "svamp"])
def test_real_questions_under_real_prompts(name: str) -> None:
    """The very rows that stay without a prompt stay with one: once all of them went."""
    if not (SHARED / name).exists():
        pytest.skip(f"{SHARED / name} is not here")
    kept = []
    for prompt in PROMPTS:
        goal = Goal("g", data_dir=str(SHARED / name), prompt=prompt)
        rows = local.splits(goal, Path(str(goal.data_dir))).rows
        kept.append([row["key"] for row in cleaned(rows["train"], [*rows["dev"], *rows["test"]])[0]])
    assert kept[0] == kept[1] == kept[2] and len(kept[0]) > 2000
