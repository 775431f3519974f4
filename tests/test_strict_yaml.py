"""YAML of strangers: what it cannot be read as is said in one line, with file, line and column."""

import os
import time
from pathlib import Path

import pytest
import yaml

from intern.config import strict_yaml
from intern.errors import UserError

FAULTS = {
    "name: 2024-02-30\n": ":1:7 is not valid YAML: '2024-02-30' cannot be read as timestamp",
    "a: 1\nb: [x, {c: !!int abc}]\n": ":2:12 is not valid YAML: 'abc' cannot be read as int",
    "a: !!int ''\n": ":1:4 is not valid YAML: '' cannot be read as int",
    "a: !!float x\n": ":1:4 is not valid YAML: 'x' cannot be read as float",
    "a: !!bool x\n": ":1:4 is not valid YAML: 'x' cannot be read as bool",
    "a: !!timestamp x\n": ":1:4 is not valid YAML: 'x' cannot be read as timestamp",
    "a: !!map x\n": ":1:4 is not valid YAML: expected a mapping node",
    f"a: {'1' * 5000}\n": ":1:4 is not valid YAML: '111",
    f"a: 0x{'f' * 5000}\n": ":1:4 is not valid YAML: '0xf",
    f"? 0x{'f' * 5000}\n: 1\n": ":1:3 is not valid YAML: '0xf",
    f"a: {10**20}\n": ":1:4 is not valid YAML: 100000000000000000000 is too large a number",
    f"a: 1{':59' * 60_000}\n": ":1:4 is not valid YAML: '1:59",  # PyYAML alone: minutes
    f"a: 1{':59' * 300}.5\n": ":1:4 is not valid YAML: '1:59",
    "? [a, b]\n: 1\n": ":1:3 is not valid YAML: a key is text, not a list",
    "a: {? {b: 1} : 1}\n": ":1:7 is not valid YAML: a key is text, not a mapping",
    'a: "\\ud800"\n': ":1:4 is not valid YAML: the text has '\\ud800', which cannot be printed",
    '"\\ud800": 1\n': ":1:1 is not valid YAML: the text has '\\ud800'",
    'a: ["b\\ec"]\n': ":1:5 is not valid YAML: the text has '\\x1b'",
    'a: "b\\rc"\n': ":1:4 is not valid YAML: the text has '\\r'",
    'a: "b\\Lc"\n': ":1:4 is not valid YAML: the text has '\\u2028'",  # a line break of YAML: would end a comment
    'a: "\\U00110000"\n': " is not valid YAML: chr() arg not in range",
    "a: \x1b\n": " is not valid YAML: unacceptable character #x001b",
    f"%YAML 1.{'1' * 5000}\n---\na: 1\n": " is not valid YAML: Exceeds the limit",
    f"a: {'[' * 300}{']' * 300}\n": ":1:23 is not valid YAML: nested too deeply: 20 levels",
    f"{'? ' * 10_000}\n": ":1:41 is not valid YAML: nested too deeply",
    f"a: [{'b, ' * 60_000}]\n": ":1:14996 is not valid YAML: too long: 5,000 keys and values",
    "".join(f"k{i}: 1\n" for i in range(20_000)): ":2500:8 is not valid YAML: too long",
    f"a: {'b' * 10**6}\n": " is too long: 200,000 bytes are read",
}


@pytest.mark.parametrize(("text", "part"), FAULTS.items(), ids=[text[:20] for text in FAULTS])
def test_values_that_are_not_of_their_tag(tmp_path: Path, text: str, part: str) -> None:
    """What PyYAML finds out in the middle of its work is told as any other fault, and a long value is cut."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    begun = time.monotonic()
    with pytest.raises(UserError) as told:
        strict_yaml.read(path)
    assert time.monotonic() - begun < 5
    assert str(told.value).startswith(f"{path}{part}") and len(str(told.value)) < 300 + len(str(path))
    assert "\n" not in str(told.value)


def test_values_that_are(tmp_path: Path) -> None:
    """Dates, numbers and text come as YAML has them."""
    path = tmp_path / "mine.yaml"
    path.write_text("a: '2024-02-30'\nb: 0x1f\nc: 1.0e+3\nd: {e: [yes, ~]}\n")
    assert strict_yaml.read(path) == {"a": "2024-02-30", "b": 31, "c": 1000.0, "d": {"e": [True, None]}}


LONGEST = {
    "comments": "# a\n" * 50_000,
    "blank lines": "\n" * 200_000,
    "words": f"a: {'b ' * 99_000}\n",
    "lines": "a: |\n" + " b\n" * 66_000,
    "escapes": 'a: "' + "\\n" * 99_000 + '"\n',
    "tags": "".join(f"%TAG !a{n}! x\n" for n in range(12_000)) + "---\na: 1\n",
    "values": "a: [" + "b, " * 4_900 + "]\n",
}


@pytest.mark.parametrize("text", LONGEST.values(), ids=LONGEST)
def test_the_longest_are_quick(tmp_path: Path, text: str) -> None:
    """Whatever fills the bounds is read in a second, some more on a busy machine."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    begun = time.monotonic()
    strict_yaml.read(path)
    assert time.monotonic() - begun < 8


def test_what_is_no_file(tmp_path: Path) -> None:
    """Of a pipe that nobody writes into, an endless device, a folder and links nothing is read, and none waits."""
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "zero.yaml").symlink_to("/dev/zero")
    (tmp_path / "folder.yaml").mkdir()
    (tmp_path / "nothing.yaml").symlink_to(tmp_path / "gone")
    (tmp_path / "circle.yaml").symlink_to(tmp_path / "circle.yaml")
    kinds = {"pipe": "no file", "zero": "no file", "folder": "directory", "nothing": "No such", "circle": "symbolic"}
    for name, part in kinds.items():
        with pytest.raises(UserError, match=part) as told:
            strict_yaml.read(tmp_path / f"{name}.yaml")
        assert str(tmp_path / f"{name}.yaml") in str(told.value)


def test_own_files_have_no_bounds(tmp_path: Path) -> None:
    """A trial's config is as long as what it was made of, together."""
    path = tmp_path / "config.yaml"
    tree = {"deep": [[["a"] * 3]], "long": ["b"] * 6000, "text": "c" * 200_000, "sign": "d\x1b\re\x85"}
    path.write_text(yaml.safe_dump(tree, allow_unicode=True), encoding="utf-8")
    assert strict_yaml.read(path, own=True) == tree
    with pytest.raises(UserError, match="too long"):
        strict_yaml.read(path)
