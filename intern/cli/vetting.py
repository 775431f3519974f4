"""Overrides, vetted beside what a person sets as a study vets a proposal: what they change, or why they are refused."""

from collections.abc import Iterator, Mapping, Sequence

from intern.cli.compose import checked, compose
from intern.cli.words import adopted
from intern.config import fit, gate
from intern.config.gate import Rejection, Scope
from intern.config.library import Library
from intern.config.schema import Config, Recipe
from intern.data import local

IDLE = ("proposer", "compute")  # decide nothing of a config; their plug-ins take a tenth of a second to import


class Shelf(Mapping[str, Recipe]):
    """All recipes by name, each read and fitted to the goal and the model when it is looked up."""

    def __init__(self, library: Library, config: Config) -> None:
        self.library, self.config = library, config
        self.rows = local.count(config.goal)

    def __getitem__(self, name: str) -> Recipe:
        if name not in self.library.names():
            raise KeyError(name)
        return fit.recipe(self.library.load(name), self.config, self.rows)

    def __iter__(self) -> Iterator[str]:
        return iter(self.library.names())

    def __len__(self) -> int:
        return len(self.library.names())


def vetted(words: Sequence[str], library: Library) -> list[str] | Rejection:
    """Return what the words under `recipe` change, a line each, where all other words are a person's.

    Raises:
        UserError: with the faults of those.
    """
    proposed = [word for word in words if word.lstrip("+~").startswith("recipe")]
    tree = compose([word for word in words if word not in proposed], library)
    idle = [part for part in IDLE if not any(word.lstrip("+~").startswith(part) for word in words)]
    config = checked({key: value for key, value in tree.items() if key not in idle})
    shelf = Shelf(library, config)
    found = gate.vet_lines(Scope(config, shelf), [named(word, library) for word in proposed])
    if isinstance(found, Rejection):
        return found
    lines = [f"ok: {found.recipe} with {' '.join(found.overrides.lines()) or 'its own values'}"]
    for key, before, now in gate.difference(shelf[found.recipe], found.config.recipe):
        lines.append(f"  {key}: {before} -> {now}")
    for key, _, now in gate.difference(library.load(found.recipe), shelf[found.recipe]):
        lines.append(f"  {key}: {now} by the model's width or the number of rows, if nobody sets it")
    return lines


def named(word: str, library: Library) -> str:
    """Return `recipe=FILE` with the name that the library gives the file; any other word as it is."""
    key, _, value = word.partition("=")
    return f"{key}={adopted(value, library)}" if key == "recipe" else word
