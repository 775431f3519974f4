"""Errors that a person can act on: what was wrong, the value, the legal choices, the fix."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml


class UserError(Exception):
    """A mistake in what was asked, not in the program: shown without a traceback, exit status 2."""


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """` Did you mean "x"?` for a near name, else nothing."""
    near = difflib.get_close_matches(name, list(choices), n=1, cutoff=0.6)
    return f' Did you mean "{near[0]}"?' if near else ""


def unknown(kind: str, name: str, choices: Iterable[str]) -> str:
    """One sentence for an unknown name: the nearest legal one, then all of them."""
    legal = sorted(choices)
    return f'Unknown {kind} "{name}".{did_you_mean(name, legal)} Available: {", ".join(legal) or "none"}.'


class Plain(yaml.SafeLoader):
    """YAML without aliases, which could nest a stranger's file without end, and without doubled keys."""

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        """A node of the file; raises ComposerError for an alias."""
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "aliases (*name) are not allowed", mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        """The mapping as a dict; raises ConstructorError for a key that stands twice."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value} stands twice", key.start_mark)
            seen.add(str(key.value))
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> object:
    """The parsed YAML file; a syntax fault becomes a UserError that names file, line and column."""
    try:
        return yaml.load(path.read_text(encoding="utf-8"), Plain)
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
