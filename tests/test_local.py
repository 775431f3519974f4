"""A person's own files: every form that is read, every fault that is named, and which rows become which split."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from conftest import SHARED

from intern.config.schema import Goal
from intern.data import folder, local
from intern.data.items import share_of
from intern.data.local import Splits
from intern.errors import UserError
from intern.rewards import exact_answer

Value = dict[str, Any]


def ask(i: int, **more: Any) -> Value:
    """A row."""
    return {"question": f"Which is {i}?", "answer": str(i), **more}


def written(folder: Path, **files: list[Any]) -> Path:
    """Write each list as JSON lines."""
    for name, rows in files.items():
        (folder / f"{name}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return folder


def split(place: Path, **goal: Any) -> Splits:
    """The splits of a folder."""
    return local.splits(Goal("local", data_dir=str(place), **goal), place)


def faults(folder: Path, **goal: Any) -> str:
    """What the folder is refused for."""
    with pytest.raises(UserError) as refused:
        split(folder, **goal)
    return str(refused.value)


TEST = [ask(1000 + i) for i in range(5)]
TRAIN = [ask(i) for i in range(60)]
SOLVED = "He has 48/2 = <<48/2=24>>24 clips.\nSo 48+24 = $<<48+24=72>>72.\n#### 72"
WORKED = "He has 48/2 = 24 clips.\nSo 48+24 = $72.\nANSWER: 72"


def test_plain_rows(tmp_path: Path) -> None:
    """The answer line is the target; dev is carved by the hash of the key, and every row lands in one split."""
    made = split(written(tmp_path, train=TRAIN, test=TEST))
    dev = [row for row in TRAIN if share_of(row["question"].casefold()) < 0.1]
    assert dev and [row["question"] for row in made.rows["dev"]] == [row["question"] for row in dev]
    assert [row["question"] for row in made.rows["train"]] == [r["question"] for r in TRAIN if r not in dev]
    assert all(row["target"] == f"ANSWER: {row['answer']}" for rows in made.rows.values() for row in rows)
    left = 60 - len(dev)
    assert list(made.notes) == [f"dev: {len(dev)} items, carved from train.jsonl, of which {left} rows are left"]


@pytest.mark.parametrize("named", [False, True])
def test_a_target_column(tmp_path: Path, named: bool) -> None:
    """One that is called target is used and told; any can be named; test needs none."""
    column = "solution" if named else "target"
    train = [ask(i, **{column: f"I count.\nANSWER: {i}"}) for i in range(60)]
    columns = {"question": "question", "answer": "answer", **({"target": "solution"} if named else {})}
    made = split(written(tmp_path, train=train, test=TEST), columns=columns)
    assert all(row["target"] == f"I count.\nANSWER: {row['answer']}" for row in made.rows["train"])
    assert {row["target"] for row in made.rows["test"]} == {f"ANSWER: {row['answer']}" for row in TEST}
    told = "train.jsonl: its column target is what is trained on (another: goal.columns.target=<its name>)"
    assert (told in made.notes) != named
    if named:
        told = faults(written(tmp_path, train=TRAIN), columns=columns)
        assert "all 60 rows: columns cannot be made" in told and "there is no column solution (the first has" in told
        written(tmp_path, train=[*train[1:], TRAIN[0]])
        assert "line 60: there is no column solution" in faults(tmp_path, columns=columns)


def test_a_column_called_target_may_be_the_answer(tmp_path: Path) -> None:
    """A person who maps it so is believed."""
    rows = {name: [{"question": row["question"], "target": row["answer"]} for row in rows]
            for name, rows in {"train": TRAIN, "test": TEST}.items()}  # fmt: skip
    made = split(written(tmp_path, **rows), columns={"question": "question", "answer": "target"})
    assert all(row["target"] == f"ANSWER: {row['answer']}" for row in made.rows["train"])


def test_an_answer_at_the_end_of_its_solution(tmp_path: Path) -> None:
    """As GSM8K has it, and with our own line: the answer is the end, the target the solution without annotations."""
    for solved in (SOLVED, WORKED, SOLVED + "\n"):
        rows = {name: [{**row, "answer": solved} for row in rows] for name, rows in (("train", TRAIN), ("test", TEST))}
        made = split(written(tmp_path, **rows))
        for row in (row for rows in made.rows.values() for row in rows):
            assert (row["answer"], row["target"]) == ("72", WORKED)
            assert exact_answer.outcome(row["target"], row) == 1.0
        assert made.notes[0].startswith("train.jsonl, test.jsonl: its answers end with `")


def test_a_target_of_its_own_stays(tmp_path: Path) -> None:
    """Beside `#### 72` too."""
    train = [{**row, "answer": SOLVED, "target": "Well.\nANSWER: 72"} for row in TRAIN]
    made = split(written(tmp_path, train=train, test=TEST))
    assert all((row["answer"], row["target"]) == ("72", "Well.\nANSWER: 72") for row in made.rows["train"])


@pytest.mark.parametrize(("lacking", "read"), [(3, False), (4, True)])
def test_nearly_all_solutions(tmp_path: Path, lacking: int, read: bool) -> None:
    """Three of sixty without the sign are mistakes, which are named; of more there is no such form."""
    train = [row if i < lacking else {**row, "answer": SOLVED} for i, row in enumerate(TRAIN)]
    written(tmp_path, train=train, test=TEST)
    if read:
        assert {row["answer"] for row in split(tmp_path).rows["train"]} > {SOLVED}
    else:
        told = faults(tmp_path)
        assert "line 1: the answer does not end with `#### …`" in told and "line 4" not in told


def test_real_solutions() -> None:
    """Every answer of GSM8K is a number, which its own target gives; no annotation is left."""
    if not (SHARED / "gsm8k").exists():
        pytest.skip(f"{SHARED / 'gsm8k'} is not here")
    made = split(SHARED / "gsm8k", test_items=2000)
    rows = [row for name in ("train", "dev", "test") for row in made.rows[name]]
    assert len(rows) == 8792 and len(made.rows["test"]) == 1319 and len(made.rows["dev"]) == 400
    assert all(exact_answer.outcome(row["target"], row) == 1.0 for row in rows)
    assert not any("<<" in row["target"] or "####" in row["target"] for row in rows)
    assert all(float(row["answer"].replace(",", "")) is not None for row in rows)


def chat(*turns: str) -> Value:
    """A conversation; the first letter of a turn says whose it is."""
    roles = {"s": "system", "u": "user", "a": "assistant"}
    return {"messages": [{"role": roles[turn[0]], "content": turn[2:]} for turn in turns]}


def test_conversations(tmp_path: Path) -> None:
    """The last user turn and the reply to it; a column of answers is taken, else the reply is the answer."""
    before = ("s:Be brief.", "u:Hello", "a:Hello")
    train = [chat(*before, f"u:Which is {i}?", f"a:It is {i}.\nANSWER: {i}") for i in range(60)]
    answered = [{**chat(f"u:Which is {1000 + i}?"), "answer": i} for i in range(3)]
    made = split(written(tmp_path, train=train, test=answered))
    for row in made.rows["train"]:
        assert row["question"] == f"Which is {row['answer']}?"
        assert row["target"] == f"It is {row['answer']}.\nANSWER: {row['answer']}"
    assert [(row["answer"], row["target"]) for row in made.rows["test"]] == [(str(i), f"ANSWER: {i}") for i in range(3)]
    assert made.notes[0].startswith("train.jsonl: its rows are conversations (messages): the last user turn is the q")
    assert made.notes[0].endswith("all other turns are left out (60 rows have some)")

    short = [chat(f"u:Which is {i}?", f"a:{i}") for i in range(60)]
    made = split(written(tmp_path, train=short, test=answered))
    assert all(row["target"] == f"ANSWER: {row['answer']}" for row in made.rows["train"])

    train = [{**row, "answer": i} for i, row in enumerate(short)]
    made = split(written(tmp_path, train=train, test=answered))
    assert all(row["target"] == str(row["answer"]) for row in made.rows["train"])

    asked = [{**row, "question": f"Own {i}?"} for i, row in enumerate(train)]
    made = split(written(tmp_path, train=asked, test=TEST))
    assert all(row["question"].startswith("Own") for row in made.rows["train"])


def test_broken_conversations(tmp_path: Path) -> None:
    """Each by its line."""
    broken = [chat("a:Hello"), chat("u:Which?"), {"messages": "hello"}, {"messages": [{"from": "human", "value": "?"}]}]
    told = faults(written(tmp_path, train=[chat("u:a", "a:b")] * 9 + broken, test=TEST))
    assert "line 10: messages has no turn of the user" in told
    assert "line 11: messages ends with no turn of the assistant, and there is no column answer" in told
    assert "line 12: messages is not of the form [{" in told and "line 13: messages is not of the form" in told


@pytest.mark.parametrize(
    ("bad", "said"),
    [({"answer": None}, "the answer is null"), ({"question": None}, "the question is null"),
     ({"answer": {"a": 1}}, "the answer is an object"), ({"question": ["a"]}, "the question is a list"),
     ({"answer": ["1", None]}, "the answer is null"), ({"answer": []}, "the answer is a list")],
)  # fmt: skip
@pytest.mark.parametrize("name", ["train", "dev", "test"])
def test_a_value_that_is_none(tmp_path: Path, bad: Value, said: str, name: str) -> None:
    """By its line, blank lines counted, in every file."""
    written(tmp_path, train=TRAIN, test=TEST, dev=[ask(500), ask(501)])
    with (tmp_path / f"{name}.jsonl").open("a") as file:
        file.write("\n" + json.dumps({**ask(7777), **bad}) + "\n")
    line = {"train": 62, "dev": 4, "test": 7}[name]
    assert f"{name}.jsonl has lines that cannot be used:\n  - line {line}: {said}" in faults(tmp_path)


def test_a_blank_answer(tmp_path: Path) -> None:
    """In dev or test it could never be right; in train it is left to the cleaning."""
    written(tmp_path, train=[*TRAIN, ask(77, answer=" ")], test=TEST)
    assert split(tmp_path).rows["train"][-1]["target"] == ""
    assert "line 6: the answer is blank" in faults(written(tmp_path, test=[*TEST, ask(77, answer="")]))


def test_lists_of_answers(tmp_path: Path) -> None:
    """Any is right, the first is trained on, and every row has a list: the libraries want one type in a column."""
    train = [*TRAIN, *(ask(i, answer=[i, f"number {i}"]) for i in range(100, 110))]
    made = split(written(tmp_path, train=train, test=TEST))
    row = made.rows["train"][-1]
    assert (row["answer"], row["target"]) == (["109", "number 109"], "ANSWER: 109")
    scored = [exact_answer.outcome(f"ANSWER: {said}", row) for said in ("109.0", "Number 109.", "10", "")]
    assert scored == [1.0, 1.0, 0.0, None]
    assert all(isinstance(row["answer"], list) for rows in made.rows.values() for row in rows)


def test_rows_of_train_that_are_items(tmp_path: Path) -> None:
    """They go, and are counted aloud; so do dev rows that are items of test."""
    dev = [*(ask(i) for i in range(500, 530)), TEST[0]]
    train = [*TRAIN, TEST[1], {**TEST[2], "question": " which is  1002?"}, dev[0]]
    made = split(written(tmp_path, train=train, test=TEST, dev=dev))
    assert [row["answer"] for row in made.rows["train"]] == [row["answer"] for row in TRAIN]
    assert len(made.rows["dev"]) == 30
    assert list(made.notes) == [
        "train: 3 of 63 rows (4.8%) are items of test or dev, too, and are left out",
        "dev: 1 of 31 rows (3.2%) are items of test, too, and are left out",
    ]


def test_a_dev_that_is_test(tmp_path: Path) -> None:
    """Nothing may be chosen on the items that prove it: if all are alike, refused; some are counted and left out."""
    masked = [{**row, "question": row["question"].replace("i", "і") + "\u200b"} for row in TEST]
    for dev in (TEST, TEST[::-1] * 3, masked):
        told = faults(written(tmp_path, train=TRAIN, test=TEST, dev=dev))
        assert "every item of dev.jsonl is one of test.jsonl, too" in told and "\n" not in told
    dev = [*TEST[:4], masked[4], *(ask(i) for i in range(500, 515))]
    made = split(written(tmp_path, dev=dev))
    assert [row["answer"] for row in made.rows["dev"]] == [str(i) for i in range(500, 515)]
    assert list(made.notes) == ["dev: 5 of 20 rows (25.0%) are items of test, too, and are left out"]


def test_copies_count_once(tmp_path: Path) -> None:
    """Forty of one item are one: a paired test on them would prove anything."""
    copies = [{**ask(2000), "question": " " * n + "WHICH is 2000?" + "\u200d" * (n % 2)} for n in range(40)]
    made = split(written(tmp_path, train=TRAIN, test=[*TEST, *copies], dev=[ask(500), ask(501), *[ask(502)] * 9]))
    assert len(made.rows["test"]) == 6 and len(made.rows["dev"]) == 3
    assert list(made.notes) == [
        "dev: 8 of 11 rows (72.7%) repeat an earlier question, and are left out",
        "test: 39 of 45 rows (86.7%) repeat an earlier question, and are left out",
    ]
    assert "1 test items are left, and 2 are needed" in faults(written(tmp_path, test=copies))
    (tmp_path / "dev.jsonl").unlink()
    made = split(written(tmp_path, train=TRAIN * 3, test=TEST))
    keys = [row["key"] for row in made.rows["dev"]]
    assert keys and len(keys) == len(set(keys)) and len(made.rows["train"]) == 180 - 3 * len(keys)


def test_caps(tmp_path: Path) -> None:
    """dev_items and test_items hold: the lowest hashes, whoever asks; what was carved beyond goes back to train."""
    train, test = [ask(i) for i in range(900)], [ask(i) for i in range(900, 1000)]
    written(tmp_path, train=train, test=test)
    most = split(tmp_path, dev_items=40, test_items=50)
    less = split(tmp_path, dev_items=20, test_items=30)
    for name, count in (("dev", 20), ("test", 30)):
        keys = {row["key"] for row in less.rows[name]}
        assert len(keys) == count and keys < {row["key"] for row in most.rows[name]}
        assert max(map(share_of, keys)) < min(share_of(r["key"]) for r in most.rows[name] if r["key"] not in keys)
    assert len(most.rows["train"]) == 860 and len(less.rows["train"]) == 880
    used = {row["question"] for name in ("train", "dev") for row in less.rows[name]}
    assert used == {row["question"] for row in train}
    assert "test: 30 of 100 items are used (all of them: goal.test_items=100)" in less.notes

    with_dev = split(written(tmp_path, dev=[ask(i) for i in range(2000, 2100)]), dev_items=20, test_items=30)
    assert len(with_dev.rows["dev"]) == 20 and len(with_dev.rows["train"]) == 900
    assert "dev: 20 of 100 items are used (all of them: goal.dev_items=100)" in with_dev.notes


def test_many_rows_are_quick(tmp_path: Path) -> None:
    """Two hundred thousand give a dev of dev_items."""
    written(tmp_path, train=[ask(i) for i in range(2000, 202_000)], test=TEST)
    begun = time.process_time()
    made = split(tmp_path, dev_items=300)
    assert len(made.rows["dev"]) == 300 and len(made.rows["train"]) == 199_700
    assert time.process_time() - begun < 20  # 3 on the machine that this was written on


def test_a_byte_order_mark(tmp_path: Path) -> None:
    """As Windows writes it, is read over."""
    written(tmp_path, train=TRAIN, test=TEST)
    path = tmp_path / "train.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(split(tmp_path).rows["train"]) > 40


def test_columns_that_name_too_little(tmp_path: Path) -> None:
    """Question and answer are needed."""
    with pytest.raises(UserError, match="goal.columns=.* lacks answer: goal.columns.answer="):
        split(written(tmp_path, train=TRAIN, test=TEST), columns={"question": "question"})


def test_line_ends_inside_of_texts(tmp_path: Path) -> None:
    """JSON lets U+2028, U+0085 and others stand as they are: only what ends a line of a file ends one here."""
    odd = ask(3000, question="one\u2028two\u2029three\u0085four\x0b\x1c?")
    text = "\r\n".join(json.dumps(row, ensure_ascii=False) for row in [odd, *TEST])
    written(tmp_path, train=TRAIN)
    (tmp_path / "test.jsonl").write_text(text, encoding="utf-8", newline="")
    assert [row["question"] for row in split(tmp_path).rows["test"]] == [row["question"] for row in [odd, *TEST]]
    (tmp_path / "test.jsonl").write_text(text.replace("\r\n", "\r"), encoding="utf-8", newline="")
    assert len(split(tmp_path).rows["test"]) == 6


@pytest.mark.parametrize("name", ["train", "dev", "test"])
def test_half_a_character(name: str, tmp_path: Path) -> None:
    """What UTF-8 cannot hold is told with its line before anything is written; a whole pair is a character."""
    rows = {"train": TRAIN, "dev": [ask(500), ask(501)], "test": TEST}
    whole = '{"question": "\\uD83D\\uDE00?", "answer": "1"}\n'
    for bad in ('{"question": "a\\ud83d", "answer": "1"}', '{"question": "b", "answer": ["\\uDE00"]}'):
        written(tmp_path, **rows)
        with (tmp_path / f"{name}.jsonl").open("a") as file:
            file.write(f"{whole}{bad}\n")
        told = faults(tmp_path)
        line = len(rows[name]) + 2
        assert f"{name}.jsonl has lines that cannot be read:\n  - line {line}: the text has half a" in told
    written(tmp_path, **rows)
    with (tmp_path / f"{name}.jsonl").open("a") as file:
        file.write(whole)
    assert split(tmp_path).rows[name][-1]["question"] == "\U0001f600?"


def test_numbers_that_json_does_not_have(tmp_path: Path) -> None:
    """Python writes and reads them; as an answer they are none."""
    written(tmp_path, train=TRAIN, test=TEST)
    with (tmp_path / "test.jsonl").open("a") as file:
        file.write('{"question": "a", "answer": NaN}\n{"question": "b", "answer": 1e999, "more": NaN}\n')
    told = faults(tmp_path)
    assert "line 6: the answer is nan, not text" in told and "line 7: the answer is inf, not text" in told


def test_a_pipe(tmp_path: Path) -> None:
    """Nobody waits for who writes into it."""
    written(tmp_path, train=TRAIN)
    os.mkfifo(tmp_path / "test.jsonl")
    assert "test.jsonl is no file, but a pipe or a device" in faults(tmp_path)


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 100_000 + "]" * 100_000])
def test_json_that_python_does_not_read(tmp_path: Path, value: str) -> None:
    """A number of thousands of digits, a value nested too deep: one line each, with its number."""
    (tmp_path / "own.jsonl").write_text(f'{{"question": "a", "answer": 1}}\n{{"question": "b", "answer": {value}}}\n')
    with pytest.raises(UserError, match=r"lines that cannot be read:\n  - line 2: ") as told:
        folder.read(tmp_path / "own.jsonl")
    assert len(str(told.value)) < 400
