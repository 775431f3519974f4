"""The values of a config's dataclasses: as leaves, as those that were set, and as those that decide what runs."""

from collections.abc import Iterator
from copy import copy
from dataclasses import asdict, field, fields, is_dataclass
from typing import Any


def told(default: Any = None) -> Any:
    """Declare a field of a goal or a model that is there for those who choose, and changes nothing of what runs."""
    return field(default_factory=lambda: copy(default), metadata={"told": True})


def decisive(section: Any) -> dict[str, Any]:
    """Return a section as plain values, without what is there for those who choose alone."""
    idle = [f.name for f in fields(section) if f.metadata.get("told")]
    return {key: value for key, value in asdict(section).items() if key not in idle}


def flat(node: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted key, value) of every leaf of a nest of dataclasses; lists and mappings are leaves."""
    for f in fields(node):
        value, key = getattr(node, f.name), prefix + f.name
        if is_dataclass(value):
            yield from flat(value, key + ".")
        else:
            yield key, value


def given(settings: Any) -> dict[str, Any]:
    """Return the fields of a stage's settings that were set, under the library's own names."""
    return {f.name: value for f in fields(settings) if (value := getattr(settings, f.name)) is not None}
