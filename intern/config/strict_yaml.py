"""YAML files as people share them: plain values, no aliases, no doubled keys; a fault names file, line and column."""

from pathlib import Path
from typing import Any

import yaml

from intern.errors import UserError, quote


class Loader(yaml.SafeLoader):
    """YAML without aliases, which could nest a stranger's file without end, and without doubled keys."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return a node of the file.

        Raises:
            yaml.composer.ComposerError: for an alias.
        """
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        """Return the value of a node.

        Raises:
            yaml.constructor.ConstructorError: for a value that is not of its tag, such as a 30th of February.
        """
        try:
            value = super().construct_object(node, deep)
            if isinstance(value, int):
                str(value)  # raises ValueError beyond 4,300 digits, which a message could not show
        except (ValueError, LookupError, AttributeError):  # PyYAML's own constructors do not look first
            kind = node.tag.rpartition(":")[2]
            problem = f"{quote(node.value)} cannot be read as {kind}; if it is meant as text, put it into quotes"
            raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark) from None
        return value

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """Return a mapping as a dict.

        Raises:
            yaml.constructor.ConstructorError: for a key that stands twice.
        """
        seen: set[str] = set()
        for key, _ in node.value if isinstance(node, yaml.MappingNode) else ():  # PyYAML refuses what is tagged so
            if str(key.value) in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read(path: Path) -> object:
    """Return what a YAML file holds.

    Raises:
        UserError: that names file, line and column, if it cannot be read.
    """
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f":{mark.line + 1}:{mark.column + 1}" if mark else ""
        problem = getattr(error, "problem", None) or error
        raise UserError(f"{path}{where} is not valid YAML: {problem}. Mend the file and run again.") from None
    except RecursionError:
        raise UserError(f"{path} is nested too deeply to be read.") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 text (byte {error.start}). Save it as UTF-8.") from None
    except OSError as error:
        raise UserError(f"Cannot read {path}: {error.strerror}.") from None
