"""A person's files in every format: which are read as what, the same rows give the same items, every mistake has one
message with its file and place, and none is lost."""

import json
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import conformance.sources
import pytest
from conftest import SHARED, scope
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from intern.config.column import LONGEST
from intern.config.library import Library
from intern.config.schema import Goal
from intern.data import folder, items, local
from intern.data.likeness import likeness
from intern.errors import UserError
from intern.study import identity

ROWS: list[dict[str, Any]] = [{"question": f'Say "{n}\'s" é,\tnow;\nplease', "answer": f"00{n}"} for n in range(40)]
FORMATS = ("jsonl", "json", "csv", "tsv", "parquet", "arrow")


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> Path:
    """Write rows in the format that a file's name says."""
    import pandas

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pandas.DataFrame(rows)
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".arrow":
        import pyarrow

        with pyarrow.ipc.new_stream(path, (made := pyarrow.Table.from_pandas(table)).schema) as stream:
            stream.write_table(made)
    elif path.suffix in (".csv", ".tsv"):
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows, indent=1))
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return path


def read(place: Path, **goal: Any) -> dict[str, list[tuple[str, str]]]:
    """The questions and answers of each split, as a goal reads them."""
    splits, _, _ = local.read(Goal("mine", data_dir=str(place), **goal), place)
    return {name: pairs(rows) for name, rows in splits.items()}


def pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Their questions and answers."""
    return [(row["question"], row["answer"]) for row in rows]


def told(place: Path, **goal: Any) -> str:
    """What a goal.data_dir is refused for."""
    with pytest.raises(UserError) as error:
        local.splits(Goal("mine", data_dir=str(place), **goal), place)
    return str(error.value)


@pytest.mark.parametrize("suffix", FORMATS)
def test_one_file(tmp_path: Path, suffix: str) -> None:
    """Given as it is or alone in a folder: dev and test are shares of it, no question is in two of them."""
    file = write(tmp_path / "it's here" / f"all.{suffix}")
    assert read(file) == read(file.parent) == {"train": pairs(ROWS)}
    made = local.splits(Goal("mine", data_dir=str(file), dev_share=0.2, test_share=0.3), file)
    again = local.splits(Goal("mine", data_dir=str(file), dev_share=0.2, test_share=0.3), file.parent)
    assert made.rows == again.rows and "items, carved from all." in made.notes[0]
    questions = [{row["key"] for row in made.rows[split]} for split in ("train", "dev", "test")]
    assert sum(map(len, questions)) == len(set.union(*questions)) == 40 and all(len(each) >= 2 for each in questions)
    conformance.sources.check_file(folder.reader(file).__name__.rpartition(".")[2], file, ROWS)
    alone, inside = (identity.data_hash(Goal("mine", data_dir=str(place))) for place in (file, file.parent))
    assert alone == inside


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("form", ["{}", "{}-00000-of-00001", "data/{}-00000-of-00001", "{}/data-00000-of-00001"])
def test_a_file_for_each_split(tmp_path: Path, suffix: str, form: str) -> None:
    """By their names or their folders', as people, the Hub and `datasets` give them."""
    for name, rows in (("train", ROWS[:20]), ("validation", ROWS[20:30]), ("test", ROWS[30:])):
        write(tmp_path / f"{form.format(name)}.{suffix}", rows)
    (tmp_path / "dataset_dict.txt").write_text("")
    assert read(tmp_path) == {"train": pairs(ROWS[:20]), "dev": pairs(ROWS[20:30]), "test": pairs(ROWS[30:])}
    assert local.count(Goal("mine", data_dir=str(tmp_path))) == 20


def test_several_files(tmp_path: Path) -> None:
    """All of a split's are read; of two formats one, which is said."""
    for number in range(3):
        write(tmp_path / f"train-0000{number}-of-00003.parquet", ROWS[10 * number : 10 * number + 10])
    write(tmp_path / "test.csv", ROWS[30:35])
    assert read(tmp_path) == {"train": pairs(ROWS[:30]), "test": pairs(ROWS[30:35])}
    write(tmp_path / "test.jsonl", ROWS[30:])
    splits, _, notes = local.read(Goal("mine"), tmp_path)
    assert pairs(splits["test"]) == pairs(ROWS[30:]) and notes == ["test.csv: not read, for test is test.jsonl"]


def test_what_is_called_otherwise(tmp_path: Path) -> None:
    """An array called lines, lines called JSON, Parquet called either: read as what they are; a table is refused."""
    for suffix, name in (("json", "train.jsonl"), ("jsonl", "train.json"), ("parquet", "train.jsonl")):
        write(tmp_path / f"x.{suffix}").rename(tmp_path / name)
        assert read(tmp_path / name) == {"train": pairs(ROWS)}
    write(tmp_path / "x.csv").rename(tmp_path / "train.jsonl")
    assert told(tmp_path / "train.jsonl").endswith("train.jsonl is CSV. Call it train.csv, and it is read as such.")


def test_what_cannot_be_told(tmp_path: Path) -> None:
    """Nothing there, something else, files of unknown parts: what there is, and what is read."""
    assert "none: there is no such folder or file. JSON lines (.jsonl), one JSON array" in told(tmp_path / "none")
    assert "has nothing, and no file for train: " in told(tmp_path)
    for number in range(7):
        (tmp_path / f"{number}.txt").write_text("")
    assert "has 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more, and no file for train" in told(tmp_path)
    assert "0.txt is of no format that is read. " in told(tmp_path / "0.txt")
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name)
    assert "has a.csv, b.csv, and no file for train: name one train.…" in told(tmp_path)


GOOD = {"question": "1 + 1", "answer": "2"}
LINE = json.dumps(GOOD) + "\n"
BAD = {
    "no column": ("a.jsonl", LINE + '{"question": "3"}\n', "a.jsonl has lines that cannot be used:\n  - line 2: there "
                  "is no column answer (it has: question)"),
    "no column anywhere": ("a.csv", "ask,label\na,1\nb,2\n", "a.csv, all 2 rows: columns cannot be made as goal"),
    "lists": ("a.jsonl", LINE + "[1, 2]\n", "  - line 2: a list, and an object is needed: '[1, 2]'"),
    "ragged": ("a.csv", "question,answer\na,1\nb,2,3\n\"c\nc\",3\nd\n", "has lines that cannot be read:\n  - line "
               "3: 3 values, and there are 2 columns (question, answer)"),
    "ragged after a line end": ("a.csv", 'question,answer\n"c\nc",3\nd\n', "  - line 4: 1 values"),
    "a quote that is open": ("a.csv", 'question,answer\na,1\n"b,2\nc,3\n', "  - line 3: unexpected end of data"),
    "a column twice": ("a.csv", "question,answer,answer\na,1,2\n", "a.csv names the column 'answer' twice"),
    "a column without a name": ("a.csv", "question,,answer\na,1,2\n", "has a column without a name"),
    "null": ("a.json", json.dumps([GOOD, {"question": "b", "answer": None}]), "row 2: the answer is null, not text"),
    "empty": ("a.jsonl", "", "a.jsonl is empty: no row is in it"),
    "an empty array": ("a.json", " [ ] ", "a.json is empty"),
    "an empty table": ("a.csv", "", "a.csv is empty"),
    "no rows": ("a.csv", "question,answer\n", "a.csv is empty"),
    "a long line": ("a.jsonl", LINE + '{"question": "' + "a" * 10**7 + '", "answer": "1"}\n' + "x\n", "- line 2: more "
                    "than 5,000,000 characters, the most that a row may have\n  - line 3: Expecting value"),
    "a long value": ("a.csv", "question,answer\n" + "a" * 10**7 + ",1\nb,2\n", "  - line 2: "),
    "a long element": ("a.json", json.dumps([GOOD, {**GOOD, "more": "a" * 6 * 10**6}]), "row 2 (line 1): more than 5,"),
    "control characters": ("a.json", json.dumps([GOOD, {"question": "\x1b[2J", "answer": "1"}]), "row 2: the question "
                           "has the control character '\\x1b'"),
    "a raw control character": ("a.jsonl", LINE + '{"question": "\x00"}\n', "line 2: Invalid control char"),
    "not UTF-8": ("a.csv", b"question,answer\na,\xe9\n", "  - line 2: byte 0xe9 at character 2 is not UTF-8"),
    "an object": ("a.json", '{"rows": [1]}', "a.json, line 1: columns cannot be made"),
    "an object of many lines": ("a.json", json.dumps({"rows": [1]}, indent=1), "a.json begins with '{\\n \"rows\"", ),
    "text": ("a.json", "hello", "a.json begins with 'hello', and JSON lines or one array of objects are needed"),
    "an array that is cut": ("a.json", json.dumps([GOOD, GOOD], indent=1)[:-10], "  - row 2 (line 6): "),
    "no comma": ("a.json", "[{} {}]", "  - row 2 (line 1): a comma or the array's end is missing"),
    "numbers": ("a.json", "[1,\n2]", "  - row 2 (line 2): int, and an object is needed"),
    "deep": ("a.json", "[" * 100_000, "  - row 1 (line 1): "),
    "no Parquet": ("a.parquet", "nothing", "a.parquet cannot be read as Parquet: "),
    "cut Parquet": ("a.parquet", b"PAR1" + b"\0" * 90, "a.parquet cannot be read as Parquet: "),
    "no Arrow": ("a.arrow", b"\0" * 90, "a.arrow cannot be read as Arrow: "),
    "not finite": ("a.jsonl", LINE + '{"question": "b", "answer": NaN}\n', "line 2: the answer is nan"),
    "one row": ("a.jsonl", LINE, "no train items are left, and 1 are needed"),
    "only copies": ("a.jsonl", LINE * 9, "no train items are left"),
}  # fmt: skip


@pytest.mark.parametrize(("name", "text", "said"), BAD.values(), ids=BAD)
def test_a_mistake(tmp_path: Path, name: str, text: str | bytes, said: str) -> None:
    """One message with the file and the place, however large the file is."""
    (tmp_path / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    message = told(tmp_path / name)
    assert said in message and len(message) < 2500 and name in message


def test_the_same_mistake_often(tmp_path: Path) -> None:
    """Ten are shown, and the others counted."""
    (tmp_path / "a.csv").write_text("question,answer\n" + "a,1\nb\n" * 5000)
    assert "  - line 3: 1 values" in (message := told(tmp_path / "a.csv")) and "… and 4990 more" in message


@pytest.mark.parametrize("suffix", ["jsonl", "json", "parquet", "csv"])
def test_few_and_many_rows(tmp_path: Path, suffix: str) -> None:
    """Twenty rows have two items of each split at least; of many all are used."""
    for count, most in ((20, 4), (5000, 300)):
        rows = [{"question": f"Which is {n}?", "answer": n} for n in range(count)]
        file = write(tmp_path / f"a.{suffix}", rows)
        made = local.splits(Goal("mine", data_dir=str(file), dev_items=most, test_items=most), file)
        assert sum(len(made.rows[split]) for split in ("train", "dev", "test")) == count
        assert 2 <= len(made.rows["dev"]) <= most and 2 <= len(made.rows["test"]) <= most
        assert local.count(Goal("mine", data_dir=str(file))) == count


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """Whatever it is called."""
    for suffix in FORMATS:
        os.mkfifo(tmp_path / f"a.{suffix}")
        assert "is no file, but a pipe or a device" in told(tmp_path / f"a.{suffix}")


TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\r\x00"), min_size=1, max_size=20)
CELLS = TEXT.filter(lambda text: text.strip() and not set(text) & set(map(chr, [*range(32), 127])))


@given(st.dictionaries(CELLS, st.one_of(CELLS, st.integers(-(10**9), 10**9)), min_size=1, max_size=8))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_same_rows_in_every_format(tmp_path: Path, cells: dict[str, Any]) -> None:
    """They give the same items, and the same fingerprint; a number in a column of texts is its text."""
    rows = [{"question": question, "answer": str(answer)} for question, answer in cells.items()]
    typed = [{"question": question, "answer": answer} for question, answer in cells.items()]
    made = {}
    for suffix in FORMATS:
        place = write(tmp_path / f"a.{suffix}", typed if suffix in ("jsonl", "json") else rows)
        splits, _, _ = local.read(Goal("mine"), place)
        made[suffix] = splits["train"]
    assert all(rows == made["jsonl"] for rows in made.values())
    assert len({items.fingerprint(rows) for rows in made.values()}) == 1


SOLVED = [
    {"question": f"Half of {2 * n}?", "text": f"I halve <<1>>{2 * n}.\n#### {n}.0 eggs", "number": float(n),
     "q": {"b": f"{n}?"}}
    for n in range(30)
]  # fmt: skip


@pytest.mark.parametrize(
    ("columns", "row"),
    [
        ({"answer": {"column": "text", "regex": "#### ([\\d.]+)"}}, ("Half of 6?", "3.0", "I halve 6.\nANSWER: 3.0")),
        ({"answer": "number"}, ("Half of 6?", "3", "ANSWER: 3")),
        ({"answer": "number", "target": {"template": "{{ text[:7]|upper }}"}}, ("Half of 6?", "3", "I HALVE")),
        ({"question": {"template": "{{ q['b'] }} or 6"}, "answer": "number"}, ("3? or 6", "3", "ANSWER: 3")),
        ({"question": "q.b", "answer": "number"}, ("3?", "3", "ANSWER: 3")),
    ],
)  # fmt: skip
def test_columns(tmp_path: Path, columns: dict[str, Any], row: tuple[str, ...]) -> None:
    """By name, nested, by regex, by template; numbers are answers; what stands before a regex's match is the target."""
    for suffix in ("jsonl", "json", "parquet"):
        place = write(tmp_path / f"a.{suffix}", SOLVED)
        splits, _, _ = local.read(Goal("mine", columns={"question": "question", **columns}), place)
        assert tuple(splits["train"][3][name] for name in ("question", "answer", "target")) == row


def test_columns_on_the_command_line(tmp_path: Path, library: Library) -> None:
    """As a person writes them; what cannot be is one message with every fault."""
    rows = [{"Body": f"There are {n}.", "Question": "How many?", "Answer": float(n)} for n in range(30)]
    write(tmp_path / "a.csv", rows)
    words = ["goal=local", "model=tiny", f"goal.data_dir={tmp_path / 'a.csv'}", "goal.columns.answer=Answer"]
    made = scope(library, *words, 'goal.columns.question={template: "{{ Body }} {{ Question }}"}')
    splits = local.splits(made.config.goal, tmp_path / "a.csv")
    assert ("There are 7. How many?", "7.0") in pairs([row for rows in splits.rows.values() for row in rows])
    for word, said in (
        ("goal.columns.answer={regex: '('}", r"goal.columns: answer: regex '\(': missing \)"),
        ("goal.columns.answer={regx: x}", 'goal.columns: answer: Unknown key "regx". Did you mean "regex"'),
        ("goal.columns.question=Answer", "question and answer are both the column 'Answer': name another"),
        ("goal.columns.question={template: '{{ range(9) }}'}", "goal.columns: question: template .*call is not all"),
        ("goal.columns.anwser=x", 'goal.columns: anwser: no column is called so. Did you mean "answer"'),
        ("goal.columns.key=x", "goal.columns: key: the name is taken"),
        ("goal.columns.answer=[a]", "goal.columns: answer: .* is not a column's name"),
    ):
        with pytest.raises(UserError, match=said):
            scope(library, *words, word)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"regex": "(a|aa)+$"}, "The regex '.*' takes more than 1 s for one row's column answer. Make it"),
        ({"regex": "b(.)"}, "line 1: the regex 'b\\(.\\)' matches nothing in column answer"),
        ({"template": "{% for x in answer %}{{ answer ~ answer }}{% endfor %}"}, f"writes more than {LONGEST:,} char"),
        ({"template": "{{ answer['__class__']['__mro__'] }}"}, "the template fails: access to attribute '__class__'"),
        ({"template": "{{ other }}"}, "the template fails: 'other' is undefined"),
        ({"template": "{{ answer|join('x') }}"}, "join takes a list"),
    ],
)
def test_a_column_that_cannot_be_made(tmp_path: Path, spec: dict[str, str], said: str) -> None:
    """A regex has a second, a template reaches nothing and ends; the row is named."""
    rows = [{"question": "q", "answer": "a" * 2000 + "c"}, {"question": "r", "answer": "b1"}]
    place = write(tmp_path / "a.jsonl", rows)
    begun = time.process_time()
    with pytest.raises(UserError, match=said):
        local.read(Goal("mine", columns={"question": "question", "answer": spec}), place)
    assert time.process_time() - begun < 10


@pytest.mark.parametrize("name", ["gsm8k", "svamp"])
def test_real_files(name: str, library: Library) -> None:
    """Each as one file, by one command: every row but the copies of held-out ones, each question in one split."""
    file = SHARED / name / "train.jsonl"
    if not file.exists():
        pytest.skip(f"{file} is not here")
    goal = scope(library, "goal=local", f"goal.data_dir={file}", "model=tiny", "goal.test_items=9999").config.goal
    made = local.splits(goal, file)
    train, dev, test = ([likeness(row) for row in made.rows[split]] for split in ("train", "dev", "test"))
    every = Counter(likeness(json.loads(line)) for line in file.read_text().split("\n") if line)
    assert Counter(train) + Counter({key: every[key] for key in (*dev, *test)}) == every
    assert len({*dev, *test}) == len(dev) + len(test) and not {*dev, *test} & {*train}
    assert all(float(row["answer"].replace(",", "")) is not None for rows in made.rows.values() for row in rows)
