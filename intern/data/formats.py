"""Other formats in the place of train.jsonl and test.jsonl: what is there, what is read, and the command that converts.

CSV and Parquet are converted with pandas, a folder that `datasets` saved with datasets, JSON with Python alone.
"""

import csv
import json
import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from intern.errors import UserError

NEEDED = ("train", "test")
WANTED = "One JSON object a line is expected"
READ = f"{WANTED}, in train.jsonl and test.jsonl (and perhaps dev.jsonl), as UTF-8."
TABLES = {  # format → how pandas reads a file; as text, so that "007" stays what it is
    "CSV": "pandas.read_csv({}, dtype=str, keep_default_na=False)",
    "TSV": 'pandas.read_csv({}, sep="\\t", dtype=str, keep_default_na=False)',
    "Parquet": "pandas.read_parquet({})",
}
ROWS = {  # format → how Python reads it
    "one JSON array": 'json.load(open({}, encoding="utf-8-sig"))',
    "JSON lines": 'map(json.loads, open({}, encoding="utf-8-sig"))',
}
SUFFIXES = {".csv": "CSV", ".tsv": "TSV", ".parquet": "Parquet"}
SAVED = "dataset_dict.json"  # is beside what `datasets` saved
ONE_IN = 5  # rows of a file that is not split becomes a test item
MOST = 5  # files that are named
LONGEST = 10**6  # bytes of a first line that is looked at


def check(folder: Path) -> None:
    """Check that a person's folder has train.jsonl and test.jsonl.

    Raises:
        UserError: with what is there, what is read and, if it can be told, the command that converts, on one line.
    """
    if missing(folder):
        if not folder.exists():
            raise UserError(f"goal.data_dir={folder}: there is no such folder. {READ}")
        told = of_file(folder) if folder.is_file() else of_folder(folder)
        raise UserError(f"goal.data_dir={folder} {told}")


def missing(folder: Path) -> list[str]:
    """Return the splits that a folder needs and lacks."""
    return [name for name in NEEDED if not (folder / f"{name}.jsonl").exists()]


def of_file(file: Path) -> str:
    """Say what to do with a file that stands in a folder's place."""
    what, beside = form(file) or "a file", by_split(file.parent)
    head = f"is {what}, and a folder is needed. {READ}"
    if file.stem.startswith(NEEDED) and all(beside.values()):
        return f"{head} Give goal.data_dir={file.parent}.{each(beside, file.parent)}"
    if form(file) and missing(file.parent) == [*NEEDED]:
        return f"{head} Give goal.data_dir={file.parent}.{divided([file], file.parent)}"
    return head


def of_folder(folder: Path) -> str:
    """Say what a folder has, and how to make of it what is needed."""
    known = legible(folder)
    there = known or sorted(folder.glob("*"))
    seen = ", ".join(str(file.relative_to(folder)) for file in there[:MOST]) or "nothing"
    more = f" and {len(there) - MOST} more" if len(there) > MOST else ""
    splits = by_split(folder)
    if (folder / SAVED).exists():
        way = saved(folder)
    elif all(splits.values()):
        way = each(splits, folder)
    elif missing(folder) == [*NEEDED] and (splits["train"] or len(known) == 1):
        way = divided(splits["train"] or known, folder)
    elif known and not any(splits.values()):
        way = " Name them train.… and test.…: the same command then says how to convert them."
    else:
        way = f" Missing: {' and '.join(f'{name}.jsonl' for name in missing(folder))}."
    return f"has {seen}{more}. {READ}{way}"


def legible(folder: Path) -> list[Path]:
    """Return the files of a folder, and of one called data in it, that can be converted."""
    return sorted(file for file in (*folder.glob("*"), *folder.glob("data/*")) if file.is_file() and form(file))


def by_split(folder: Path) -> dict[str, list[Path]]:
    """Return the files of each split that is needed: its own, or those whose names begin with it."""
    splits = {}
    for name in NEEDED:
        files = [file for file in legible(folder) if file.name.startswith(name)]
        own = [file for file in files if file.name == f"{name}.jsonl"]
        splits[name] = own or [file for file in files if form(file) == form(files[0])]
    return splits


def form(file: Path) -> str | None:
    """Return the format of a file, by its name or, of what is called JSON, by its beginning; None for all others."""
    if file.suffix not in (".json", ".jsonl"):
        return SUFFIXES.get(file.suffix)
    with file.open("rb") as opened:
        start = opened.readline(LONGEST)
    if start.startswith(b"PAR1"):
        return "Parquet"
    line, *more = re.split("[\r\n]", start.decode("utf-8-sig", errors="replace").lstrip())
    if line.startswith("["):
        return "one JSON array" if is_array(file) else None
    if len(start) == LONGEST and not more:
        return None
    try:
        return "JSON lines" if isinstance(json.loads(line), dict) else None
    except ValueError:  # also for a number of more than 4,300 digits
        return table_of(line)
    except RecursionError:
        return None


def is_array(file: Path) -> bool:
    """Return whether a file is one JSON array of objects."""
    try:
        value = json.loads(file.read_text(encoding="utf-8-sig"))
    except (ValueError, RecursionError):
        return False
    return any(isinstance(entry, dict) for entry in value)


def table_of(line: str) -> str | None:
    """Return the format of a table whose first line, with the names of its columns, this is; None if it is none."""
    for what, mark in (("TSV", "\t"), ("CSV", ",")):
        try:
            names = next(csv.reader([line], delimiter=mark), [])
        except csv.Error:  # a name of more than 131,072 characters
            return None
        if len(names) > 1 and not any(set(name) & set('{}[]":') for name in names):
            return what
    return None


def each(splits: Mapping[str, Sequence[Path]], folder: Path) -> str:
    """Return the command that makes each split that is missing of its files."""
    code: list[str] = []
    for name in missing(folder):
        code += [loaded(splits[name]), written(splits[name], "t", folder / f"{name}.jsonl")]
    return command(code)


def divided(files: Sequence[Path], folder: Path) -> str:
    """Return the command that draws train and test from the rows of files that are not split."""
    mix = "t = t.sample(frac=1, random_state=0)" if form(files[0]) in TABLES else "random.Random(0).shuffle(t)"
    code = [loaded(files), mix, f"n = len(t) // {ONE_IN}"]
    code += [written(files, f"t[{part}]", folder / f"{name}.jsonl") for name, part in (("train", "n:"), ("test", ":n"))]
    return f" No file is for test; this draws one row in {ONE_IN} for it.{command(code)}"


def saved(folder: Path) -> str:
    """Return the command that makes the splits of what `datasets` saved."""
    load = f"d = datasets.load_from_disk({quoted(folder)})"
    return command([load, f'[d[s].to_json({quoted(folder)} + "/" + s + ".jsonl") for s in d]'])


def loaded(files: Sequence[Path]) -> str:
    """Return the statement that reads files of one format into `t`."""
    names, what = ", ".join(map(quoted, files)), form(files[0]) or "JSON lines"
    if what in ROWS:
        return f"t = [r for f in [{names}] for r in {ROWS[what].format('f')}]"
    if len(files) > 1:
        return f"t = pandas.concat([{TABLES[what].format('f')} for f in [{names}]])"
    return f"t = {TABLES[what].format(names)}"


def written(files: Sequence[Path], rows: str, out: Path) -> str:
    """Return the statement that writes rows that were read from files."""
    if form(files[0]) in TABLES:
        return f'{rows}.to_json({quoted(out)}, orient="records", lines=True, double_precision=15)'
    return f'open({quoted(out)}, "w").writelines(json.dumps(r) + "\\n" for r in {rows})'


def quoted(path: Path) -> str:
    """Return a path as Python reads it, in double quotes: the command as a whole stands in single ones."""
    return json.dumps(str(path), ensure_ascii=False)


def command(code: Iterable[str]) -> str:
    """Return the command of statements, as a shell reads it."""
    text = "; ".join(code)
    used = [name for name in ("datasets", "json", "pandas", "random") if f"{name}." in text]
    imports = f"import {', '.join(used)}"
    return f" Convert: python -c {shlex.quote(f'{imports}; {text}')}"


def check_name(file: Path) -> None:
    """Check that a file called *.jsonl, if it is there, is not of another format.

    Raises:
        UserError: with its format, and the command that makes it what it is called.
    """
    what = form(file) if file.is_file() else None
    if what not in (None, "JSON lines"):
        raise UserError(f"{file} is {what}. {WANTED}.{command([loaded([file]), written([file], 't', file)])}")
