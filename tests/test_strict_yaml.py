"""YAML of strangers: what it cannot be read as is said in one line, with file, line and column."""

from pathlib import Path

import pytest

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
}


@pytest.mark.parametrize(("text", "part"), FAULTS.items(), ids=[text[:20] for text in FAULTS])
def test_values_that_are_not_of_their_tag(tmp_path: Path, text: str, part: str) -> None:
    """What PyYAML finds out in the middle of its work is told as any other fault, and a long value is cut."""
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as told:
        strict_yaml.read(path)
    assert str(told.value).startswith(f"{path}{part}") and len(str(told.value)) < 300 + len(str(path))
    assert "\n" not in str(told.value)


def test_values_that_are(tmp_path: Path) -> None:
    """Dates, numbers and text come as YAML has them."""
    path = tmp_path / "mine.yaml"
    path.write_text("a: '2024-02-30'\nb: 0x1f\nc: 1.0e+3\nd: {e: [yes, ~]}\n")
    assert strict_yaml.read(path) == {"a": "2024-02-30", "b": 31, "c": 1000.0, "d": {"e": [True, None]}}
