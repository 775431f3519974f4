"""Other formats than train.jsonl and test.jsonl: one line says what is there and what is read; its command mends it."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from intern.config.schema import Goal
from intern.data import formats, local
from intern.errors import UserError

ROWS: list[dict[str, Any]] = [{"question": f'Say "{n}\'s" é,\tnow', "answer": f"00{n}"} for n in range(40)]
READ = "One JSON object a line is expected, in train.jsonl and test.jsonl"


def write(path: Path, rows: list[dict[str, Any]] = ROWS) -> None:
    """Write rows in the format that a file's name says."""
    import pandas

    path.parent.mkdir(parents=True, exist_ok=True)
    table = pandas.DataFrame(rows)
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix in (".csv", ".tsv"):
        table.to_csv(path, index=False, sep="\t" if path.suffix == ".tsv" else ",")
    elif path.suffix == ".json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def told(place: Path) -> str:
    """The one line that refuses a goal.data_dir."""
    with pytest.raises(UserError) as error:
        local.read(Goal("mine", data_dir=str(place)), place)
    assert "\n" not in str(error.value)
    return str(error.value)


def convert(line: str) -> None:
    """Run the command that a line ends with."""
    command = shlex.split(line[line.index("python -c") :])
    subprocess.run([sys.executable, *command[1:]], check=True)


def read(folder: Path) -> dict[str, list[tuple[str, str]]]:
    """The questions and answers of each split, as a goal reads them."""
    splits, _ = local.read(Goal("mine", data_dir=str(folder)), folder)
    return {name: [(row["question"], row["answer"]) for row in rows] for name, rows in splits.items()}


def pairs(rows: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Their questions and answers."""
    return [(row["question"], row["answer"]) for row in rows]


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "json"])
def test_one_file(tmp_path: Path, suffix: str) -> None:
    """Given as goal.data_dir, or alone in the folder: train and test are drawn of it, every row once, as it was."""
    folder = tmp_path / "it's here"
    write(folder / f"all.{suffix}")
    for place in (folder / f"all.{suffix}", folder):
        line = told(place)
        assert f"goal.data_dir={place} " in line and READ in line and "one row in 5" in line
        assert f"all.{suffix}" in line
        if place != folder:
            assert f"Give goal.data_dir={folder}." in line
        convert(line)
        splits = read(folder)
        assert len(splits["test"]) == 8 and sorted(splits["train"] + splits["test"]) == sorted(pairs(ROWS))
        assert splits["train"] != sorted(splits["train"])  # drawn, not cut off
        for name in formats.NEEDED:
            (folder / f"{name}.jsonl").unlink()


@pytest.mark.parametrize("suffix", ["csv", "tsv", "parquet", "json"])
@pytest.mark.parametrize("form", ["{}", "{}-00000-of-00001", "data/{}-00000-of-00001"])
def test_a_file_for_each_split(tmp_path: Path, suffix: str, form: str) -> None:
    """By their names, as people and the Hub give them."""
    files = [tmp_path / f"{form.format(name)}.{suffix}" for name in ("train", "test")]
    for file, rows in zip(files, (ROWS[:30], ROWS[30:]), strict=True):
        write(file, rows)
    line = told(tmp_path)
    assert all(str(file.relative_to(tmp_path)) in line for file in files) and READ in line
    if "/" not in form:
        assert ", and a folder is needed. " in told(files[0]) and f"Give goal.data_dir={tmp_path}." in told(files[0])
    convert(line)
    assert read(tmp_path) == {"train": pairs(ROWS[:30]), "test": pairs(ROWS[30:])}


def test_several_shards(tmp_path: Path) -> None:
    """All of a split's."""
    for number in range(3):
        write(tmp_path / f"train-0000{number}-of-00003.parquet", ROWS[10 * number : 10 * number + 10])
    write(tmp_path / "test.jsonl", ROWS[30:])
    convert(told(tmp_path))
    assert read(tmp_path) == {"train": pairs(ROWS[:30]), "test": pairs(ROWS[30:])}


def test_what_datasets_saved(tmp_path: Path) -> None:
    """A folder of save_to_disk."""
    from datasets import Dataset, DatasetDict

    made = {"train": Dataset.from_list(ROWS[:30]), "test": Dataset.from_list(ROWS[30:])}
    DatasetDict(made).save_to_disk(str(tmp_path))
    convert(told(tmp_path))
    assert read(tmp_path) == {"train": pairs(ROWS[:30]), "test": pairs(ROWS[30:])}


@pytest.mark.parametrize(
    ("suffix", "what"), [("csv", "CSV"), ("tsv", "TSV"), ("parquet", "Parquet"), ("json", "one JSON array")]
)
def test_a_wrong_name(tmp_path: Path, suffix: str, what: str) -> None:
    """Called train.jsonl, and of another format: it is made what it is called."""
    write(tmp_path / "test.jsonl", ROWS[30:])
    write(tmp_path / f"train.{suffix}", ROWS[:30])
    (tmp_path / f"train.{suffix}").rename(tmp_path / "train.jsonl")
    line = told(tmp_path)
    assert line.startswith(f"{tmp_path / 'train.jsonl'} is {what}. One JSON object a line is expected.")
    convert(line)
    assert read(tmp_path) == {"train": pairs(ROWS[:30]), "test": pairs(ROWS[30:])}


def test_lines_called_json(tmp_path: Path) -> None:
    """Numbers keep all their digits, as from Parquet."""
    rows = [{"question": f"{n}?", "answer": f"{n}", "weight": 0.1234567890123 + n} for n in range(20)]
    (tmp_path / "train.json").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    write(tmp_path / "test.parquet", rows[:5])
    convert(told(tmp_path))
    for name, wanted in (("train", rows), ("test", rows[:5])):
        lines = (tmp_path / f"{name}.jsonl").read_text().splitlines()
        assert [json.loads(line)["weight"] for line in lines] == pytest.approx([r["weight"] for r in wanted], abs=1e-14)


def test_what_cannot_be_told(tmp_path: Path) -> None:
    """Nothing there, something else, one of the two, files of unknown parts: what there is, and what is missing."""
    assert told(tmp_path / "none").endswith(f"none: there is no such folder. {READ} (and perhaps dev.jsonl), as UTF-8.")
    assert "has nothing. " in told(tmp_path) and told(tmp_path).endswith("Missing: train.jsonl and test.jsonl.")
    for number in range(7):
        (tmp_path / f"{number}.txt").write_text("")
    assert "has 0.txt, 1.txt, 2.txt, 3.txt, 4.txt and 2 more. " in told(tmp_path)
    for name in ("a.csv", "b.csv"):
        write(tmp_path / name)
    assert told(tmp_path).endswith("Name them train.… and test.…: the same command then says how to convert them.")
    write(tmp_path / "train.jsonl")
    assert told(tmp_path).endswith("Missing: test.jsonl.") and "python -c" not in told(tmp_path / "train.jsonl")
    (tmp_path / "odd.json").write_text('{"data":\n [1]}\n')
    assert told(tmp_path / "odd.json").endswith("as UTF-8.") and "odd.json is a file, and a folder" in told(
        tmp_path / "odd.json"
    )


def test_a_long_first_line(tmp_path: Path) -> None:
    """It is not cut and then taken for a table; what is torn is named as such, whatever its length."""
    rows = [{"question": "a, b " * 300_000, "answer": "1"}, *ROWS]
    for name in formats.NEEDED:
        write(tmp_path / f"{name}.jsonl", rows)
    assert read(tmp_path) == {"train": pairs(rows), "test": pairs(rows)}
    for length in (50_000, 300_000):  # longer than what csv takes, and than what is looked at
        (tmp_path / "train.jsonl").write_text(json.dumps(rows[0])[: 5 * length])
        with pytest.raises(UserError, match=r"train.jsonl has lines that are not JSON:\n  - line 1: "):
            local.read(Goal("mine", data_dir=str(tmp_path)), tmp_path)
    assert formats.table_of(",".join(["a" * 200_000, "b"])) is None


def test_old_line_ends(tmp_path: Path) -> None:
    """A carriage return ends a line as well: the format is told, and the command converts it."""
    write(tmp_path / "all.csv", [{**row, "question": row["question"].replace("\t", " ")} for row in ROWS])
    lines = (tmp_path / "all.csv").read_text()
    (tmp_path / "all.csv").write_text(lines.replace("\n", "\r"), newline="")
    assert formats.form(tmp_path / "all.csv") == "CSV"
    (tmp_path / "all.csv").rename(tmp_path / "train.jsonl")
    write(tmp_path / "test.jsonl")
    line = told(tmp_path)
    assert "train.jsonl is CSV." in line
    convert(line)
    assert len(read(tmp_path)["train"]) == len(ROWS)
    write(tmp_path / "lines.jsonl")
    (tmp_path / "lines.jsonl").write_text((tmp_path / "lines.jsonl").read_text().replace("\n", "\r"), newline="")
    assert formats.form(tmp_path / "lines.jsonl") == "JSON lines"


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, '{"a": ' + "1" * 5000 + "}"])
def test_json_that_python_cannot_read(tmp_path: Path, text: str) -> None:
    """Nested too deeply, or a number of too many digits: no format that can be converted."""
    (tmp_path / "x.json").write_text(text)
    assert formats.form(tmp_path / "x.json") is None


def test_torn_lines_are_no_table(tmp_path: Path) -> None:
    """A broken row is named as such, whatever commas it has."""
    for torn in ('{"question": "a", "answer": \n', '"question": "a", "answer": "b"\n', "[1, 2\n"):
        write(tmp_path / "test.jsonl")
        (tmp_path / "train.jsonl").write_text(torn)
        with pytest.raises(UserError, match=r"train.jsonl has lines that are not JSON:\n  - line 1: "):
            local.read(Goal("mine", data_dir=str(tmp_path)), tmp_path)
