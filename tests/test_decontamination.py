"""Copies of held-out items go in every disguise, and rows that have nothing in common with them never do."""

import importlib
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from commandline import Run, run  # noqa: F401
from conftest import SHARED
from hypothesis import given, settings
from hypothesis import strategies as st

from intern.config.schema import ROOT, Goal, Task
from intern.data import held_out, items
from intern.data.decontamination import Decontamination, HeldOut, Match, deny
from intern.data.decontamination.vocabulary import in_digits, tokens, wholes
from intern.data.items import Row
from intern.errors import UserError

THINGS = "plums kettles ribbons lanterns canoes pillows violins tractors candles saddles mirrors ladders".split()  # noqa: SIM905
PLACES = "harbour orchard museum bakery garage chapel meadow stadium cellar viaduct lagoon bazaar".split()  # noqa: SIM905
WORDS = [f"{a}{b}{c}" for a in ("bra", "clo", "dri", "fle", "gru") for b in ("mon", "pit", "sel") for c in PLACES]
LETTERS = st.text("abcdefghijklm", min_size=1, max_size=9)
ITEM = st.lists(st.one_of(LETTERS, st.integers(0, 9999).map(str)), min_size=1, max_size=40).map(" ".join)


def row(question: str, **more: Any) -> Row:
    """A row as a source gives it."""
    return {"question": question, "answer": "0", "target": "ANSWER: 0", "key": items.normal(question), **more}


def held(*questions: str) -> list[HeldOut]:
    """Items of test."""
    return [HeldOut(f"test {i}", (text,), items.normal(text)) for i, text in enumerate(questions)]


def stories(count: int = 60) -> list[str]:
    """Different word problems, of words that others have, too."""
    rng = random.Random(0)
    made = []
    for _ in range(count):
        a, b, c, d, e, f, g, h, k, m = rng.sample(WORDS, 10)
        p, q, r = (rng.randrange(3, 400) for _ in range(3))
        made.append(
            f"Nora {a} {p} {b} and {q} {c} from the {d} {e} to the {f}. After Omar had {g} {r} {h} there, half of the "
            f"{b} were {k}. How many {b} and {c} did Nora still {m} in the {f}?"
        )
    return made


@pytest.fixture(scope="module")
def guard() -> Decontamination:
    """What holds rows against the stories."""
    return Decontamination(held(*stories()), [row(f"Which {a} is in the {x}?") for a in THINGS for x in PLACES])


@settings(max_examples=40, deadline=None)
@given(st.lists(ITEM, min_size=1, max_size=4), st.data())
def test_copies_in_other_case_marks_and_spaces_always_go(texts: list[str], data: st.DataObject) -> None:
    """Whatever the items are, however many and however short."""
    words = data.draw(st.sampled_from(texts)).split(" ")
    between = st.sampled_from([" ", "  ", "\t", ", ", " ; ", "! ", ": ", "? ", "… ", " – "])
    case = data.draw(st.sampled_from([str.upper, str.title, str.swapcase, str.casefold]))
    spaces = data.draw(st.lists(between, min_size=len(words), max_size=len(words)))
    copy = case("".join(word + space for word, space in zip(words, spaces, strict=True)))
    match = Decontamination(held(*texts), [row(copy)]).match(row(copy))
    assert match and match.drop and match.reason == "whole"


@settings(max_examples=40, deadline=None)
@given(st.lists(ITEM, min_size=1, max_size=4), st.lists(st.text("nopqrstuvwxyz", min_size=1), max_size=60))
def test_what_shares_no_word_with_an_item_never_goes(texts: list[str], words: list[str]) -> None:
    """Nor does it nearly match."""
    question = " ".join(words)
    numberless = [text for text in texts if not any(map(str.isdigit, text))]
    innocent = row(question, answer="z", target="z")
    assert Decontamination(held(*numberless), [innocent]).match(innocent) is None


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 10**6).map(random.Random))
def test_the_order_of_rows_does_not_matter(rng: random.Random) -> None:
    """Neither for what is rare nor for what goes."""
    rows = [row(text.replace("Nora", "Ida")) for text in stories(80)] + [row(f"Which {a}?") for a in THINGS] * 2
    places = list(range(len(rows)))
    before = list(Decontamination(held(*stories(40)), rows).matches(rows))
    rng.shuffle(places)
    mixed = [rows[place] for place in places]
    after = list(Decontamination(held(*stories(40)), mixed).matches(mixed))
    assert [before[place] for place in places] == after
    assert sum(match is not None and match.drop for match in after) >= 40


@settings(max_examples=40, deadline=None)
@given(st.lists(st.text(max_size=200), max_size=3), st.text(max_size=400))
def test_any_text_can_be_compared(texts: list[str], text: str) -> None:
    """Every character, blank texts, and no item at all."""
    copies = [row(text), *map(row, texts)]
    matches = list(Decontamination(held(*texts), copies).matches(copies))
    assert [bool(match and match.drop) for match in matches[1:]] == [bool(text.strip()) for text in texts] or not texts


DISGUISES: dict[str, tuple[Callable[[str], str], str]] = {
    "in a longer text": (lambda text: f"Read this with care, then sit down. {text} Write the result here.", "ngram"),
    "other numbers": (lambda text: text.translate(str.maketrans("0123456789", "4581976203")), "masked"),
    "renamed": (lambda text: text.replace("Nora", "Priya").replace("Omar", "Bo"), "ngram"),
    "sentences reordered": (lambda text: " ".join(reversed(text.split(". "))), "ngram"),
    "other words": (lambda text: text.replace("from", "out of").replace("After", "When").replace("had", "was done and")
                    .replace("half", "some 50 %").replace("there,", "yonder,").replace("still", "yet"), "paraphrase"),
    "wrong letters": (lambda text: text.replace("mon", "mn").replace("pit", "piit").replace("sel", "sle"), "ngram"),
}  # fmt: skip


@pytest.mark.parametrize("name", DISGUISES)
def test_disguises(guard: Decontamination, name: str) -> None:
    """A copy goes, for the item that it is of; nearly all for the reason that one expects."""
    disguise, reason = DISGUISES[name]
    copies = [row(disguise(text)) for text in stories()]
    matches = [match for match in guard.matches(copies) if match and match.drop]
    assert len(matches) == len(copies)
    assert sum(match.matched == f"test {i}" for i, match in enumerate(matches)) >= 0.9 * len(copies)
    assert sum(match.reason == reason for match in matches) > 0.5 * len(copies)


def test_innocent_rows_stay(guard: Decontamination) -> None:
    """Of the same words, and of the same numbers."""
    rows = [row(f"Which {a} did Nora paint in the {x}: 17, 20 or 311?") for a in THINGS for x in PLACES]
    assert [match for match in guard.matches(rows) if match and match.drop] == []


def test_a_target_that_asks(guard: Decontamination) -> None:
    """A question in a completion is in the training data, too."""
    match = guard.match(row("Make up a problem.", target=f"Here is one. {stories()[5]}"))
    assert match and match.drop and match.matched == "test 5"


def test_short_questions_with_their_answers() -> None:
    """The same question in other words counts if the answer is the same, and does not if it is another."""
    questions = [("Which sea lies between Sweden and Finland?", "Bothnian gulf"), ("Who painted the lagoon?", "Ida")]
    short = [HeldOut(f"test {i}", (text,), items.normal(text), answer) for i, (text, answer) in enumerate(questions)]
    rows = [
        row("Name it: which sea lies between Sweden and Finland", answer="Bothnian gulf"),
        row("Which road lies between Sweden and Norway?", answer="the E18"),
        row("Who painted the chapel?", answer="Omar"),
    ]
    guard = Decontamination(short, rows + [row(text) for text in stories()])
    assert [bool(match and match.drop) for match in guard.matches(rows)] == [True, False, False]


@pytest.mark.parametrize("copy", ["Which?\n(A) a kettle\n(B) 7", "Which? B) a kettle A) 7", "WHICH\n7\na kettle"])
def test_options_in_any_order(copy: str) -> None:
    """In lines or not, with their letters or without."""
    match = Decontamination(held("Which?\n(A) 7\n(B) a kettle"), []).match(row(copy))
    assert match and match.reason == "whole"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("What is 17 + 5?", "What is 17 - 5?"),
        ("What is 1 + 75?", "What is 17 + 5?"),
        ("Sort: 31 5 7", "Sort: 3 15 7"),
        ("Sort: 31 5 7", "Sort: 5 31 7"),
        ("Is 8 / 2 whole?", "Is 8 - 2 whole?"),
        ("x < 3?", "x > 3?"),
    ],
)
def test_marks_and_digits_that_matter(one: str, other: str) -> None:
    """Problems that differ by a sign or by where a number ends are not the same."""
    assert Decontamination(held(one), []).match(row(other)) is None
    assert set(wholes(one)).isdisjoint(wholes(other))


@pytest.mark.parametrize("generator", ["arithmetic", "mixed", "sorting", "stories"])
def test_generated_goals_lose_nothing(generator: str) -> None:
    """Their canonical keys keep them apart; numbers and templates are no evidence."""
    goal = Goal(generator, generator=generator)
    drawn = {split: items.take(items.generated(goal, split, 0), 150) for split in ("train", "dev", "test")}
    against = [*held_out.own("dev", drawn["dev"]), *held_out.own("test", drawn["test"])]
    assert list(Decontamination(against, drawn["train"]).matches(drawn["train"])) == [None] * 150
    matches = list(Decontamination(against, drawn["test"]).matches(drawn["test"]))
    assert all(match and match.drop and match.reason == "whole" for match in matches)


def test_reasons_that_are_only_told_of() -> None:
    """A goal may keep what is like an item with other numbers; what is like it otherwise goes."""
    rows = [row(stories()[3].translate(str.maketrans("0123456789", "4581976203"))), row(stories()[4])]
    first, second = Decontamination(held(*stories()), rows, warn=["masked"]).matches(rows)
    assert first and first.reason == "masked" and not first.drop and first.score >= 0.35
    assert second == Match("whole", "test 4", 1.0, True, stories()[4])


def test_numbers_in_words() -> None:
    """They count as their digits."""
    text = "Forty-eight of two hundred and five, 3 million, two thousand five hundred six, one two, nineteen hundred"
    assert tokens(in_digits(text)) == ["48", "of", "205", "3000000", "2506", "1", "2", "1900"]


@pytest.fixture(scope="module")
def disguises() -> ModuleType:
    """The disguises of the benchmark."""
    sys.path.insert(0, str(ROOT / "scripts"))
    try:
        return importlib.import_module("disguises")
    finally:
        sys.path.pop(0)


def test_real_problems(disguises: ModuleType) -> None:
    """A part of what scripts/bench_decontamination.py measures, with the bars of the whole."""
    if not (SHARED / "gsm8k").exists():
        pytest.skip(f"{SHARED / 'gsm8k'} is not here")
    read = lambda name: [json.loads(line) for line in (SHARED / "gsm8k" / f"{name}.jsonl").open()]  # noqa: E731
    test, train = read("test")[660:760], read("train")[3736:5736]
    against, innocent = held(*(item["question"] for item in test)), [row(entry["question"]) for entry in train]
    gone: dict[str, list[bool]] = {}
    guard = Decontamination(against, innocent)
    for name, disguise in {**disguises.LISTED, **disguises.OTHERS}.items():
        rng = random.Random(name)
        copies = [row(disguise(item, rng)) for item in test]
        gone[name] = [bool(match and match.drop) for match in guard.matches(copies)]
    alike = [hit for name in disguises.VERBATIM_LIKE for hit in gone[name]]
    assert sum(alike) >= 0.99 * len(alike)
    for group in (disguises.LISTED, disguises.OTHERS):
        hits = [hit for name in group for hit in gone[name]]
        assert sum(hits) >= 0.9 * len(hits)
    assert sum(match is not None and match.drop for match in guard.matches(innocent)) <= 0.001 * len(innocent)


@pytest.mark.parametrize(
    ("name", "split", "said"),
    [
        ("openai/gsm8k", "train", None),
        ("OpenAI/GSM8K", "test", "split test, has the items"),
        ("openai/gsm8k", "train[:10%]+test[:5]", "has the items"),
        ("MU-NLPC/Calc-gsm8k", "test", "has the items"),
        ("madrylab/gsm8k-platinum", "test", "is made of items"),
        ("reasoning-machines/gsm-hard", "train", "is made of items"),
        ("Idavidrein/gpqa", "train", None),
        ("wanfq/GPQA", "train", None),
        ("evil/set", "train", "denied as training data for goal g."),
        ("sciq", "train", "denied as training data for goal g: it holds items of allenai/sciq"),
    ],
)
def test_deny_list(name: str, split: str, said: str | None) -> None:
    """It follows copies and derivatives of what is denied, and of what the goal is scored on."""
    goal = Goal("g", hub="openai/gsm8k", deny=["Evil/Set", "allenai/sciq"])
    fault = deny.fault(goal, name, split)
    assert fault is None if said is None else said in str(fault)


def test_deny_list_of_tasks_of_lm_eval() -> None:
    """A goal that is scored by a task of lm-eval holds its data set out."""
    goal = Goal("g", dev=[Task("arc_challenge_chat", "arc")], test=[Task("gpqa_main_zeroshot", "gpqa/zeroshot")])
    told = [deny.fault(goal, *asked) for asked in (("Wanfq/gpqa", "train"), ("allenai/ai2_arc", "test"))]
    assert all(told) and deny.fault(goal, "allenai/ai2_arc", "train") is None


def test_a_copy_that_nobody_lists() -> None:
    """A source of which a tenth are items word for word is refused, with its name and what to do."""
    deny.refuse_copy("hub: a/b", 9, 20)
    deny.refuse_copy("hub: a/b", 50, 1000)
    with pytest.raises(UserError, match="100 of the 1000 rows of hub: a/b are items .* Leave it out"):
        deny.refuse_copy("hub: a/b", 100, 1000)


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A goal's own files: of its 60 test items 10 are scored on."""
    items.write(tmp_path / "test.jsonl", [{"question": text, "answer": 1} for text in stories()])
    others = [{"question": f"Which {a} is in the {x}?", "answer": 1} for a in THINGS for x in PLACES]
    items.write(tmp_path / "train.jsonl", others)
    rows = [{"question": others[0]["question"]}, {"question": stories()[41].upper(), "answer": "2"},
            {"messages": [{"role": "user", "content": stories()[9].replace("Nora", "Ida")}]}]  # fmt: skip
    items.write(tmp_path / "rows.jsonl", rows)
    return tmp_path


def test_data_check(run: Run, files: Path) -> None:  # noqa: F811
    """Which rows would go, and for which item: the whole split counts, though the goal scores on a part."""
    words = ("goal=local", f"goal.data_dir={files}", "goal.test_items=10", "goal.dev_items=2")
    ended = run("data", "check", str(files / "rows.jsonl"), *words, "--json")
    assert ended.status == 0, ended.err
    told = [entry for entry in json.loads(ended.out) if entry["row"]]
    assert [(entry["row"], entry["drop"], entry["reason"], entry["matched"]) for entry in told] == [
        (1, True, "whole", "test 41"), (2, True, "ngram", "test 9")
    ]  # fmt: skip
    assert told[0]["score"] == 1.0 and set(told[0]) == {"row", "drop", "reason", "matched", "score"}
    ended = run("data", "check", str(files / "rows.jsonl"), *words)
    assert ended.status == 0 and "3 rows held against 2 dev, 60 test items\n" in ended.out
    assert "whole   goes" in ended.out and "is like test 41" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("data", "check", "rows.jsonl"), "needs a goal: goal=GOAL, one of arithmetic"),
        (("data", "check", "none.jsonl", "goal=arithmetic"), "Cannot read none.jsonl"),
        (("data", "check", "rows.jsonl", "goal=arithmetic", "model=tiny"), 'not "model=tiny"'),
        (("data", "chek", "rows.jsonl"), 'Did you mean "check"?'),
        (("data", "check", "rows.jsonl", "goal=arithmetic", "goal.only_warn=[maskd]"), "only_warn"),
    ],
)
def test_data_check_refuses(run: Run, files: Path, words: tuple[str, ...], said: str) -> None:  # noqa: F811
    """Mistakes get a line and exit status 2."""
    (Path.cwd() / "rows.jsonl").write_text('{"question": "x"}\n')
    ended = run(*words)
    assert ended.status == 2 and said in ended.err, ended.err
