"""What a client may set, all of it: names that exist, numbers below the server's own, keys of a recipe's contract.

The words of a study are made here from what is vetted; no text of a client's is one of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from intern import proposers
from intern.cli.compose import checked, compose, scope_of, values_of
from intern.cli.words import once, opened
from intern.config import choices, composition, gate
from intern.config.gate import Rejection, Scope
from intern.config.schema import MISSING, Budget
from intern.errors import UserError, unknown
from intern.overrides import Overrides
from intern.text import as_lines, shell

GROUPS = ("goal", "model", "recipe", "proposer")
ITEMS = ("generator", "dev", "hub", "data_dir")  # of a goal: where its items come from
AMOUNTS = tuple(field.name for field in fields(Budget))


@dataclass(frozen=True)
class Wanted:
    """What a client wants of a study; None is as the server has it."""

    goal: str | None = None
    """Name of a goal."""
    model: str | None = None
    """Name of a model."""
    recipe: str | None = None
    """Name of a recipe; None: all that suit the goal."""
    proposer: str | None = None
    """Name of a proposer."""
    overrides: tuple[str, ...] = ()
    """recipe.KEY=VALUE for keys of the recipe's contract, which hold for the whole study."""
    trials: float | None = None
    """Trials of the budget."""
    hours: float | None = None
    """Hours of the budget."""
    dollars: float | None = None
    """Dollars of the budget."""
    seed: int | None = None
    """The study's seed."""


@dataclass(frozen=True)
class Planned:
    """What would run."""

    words: list[str]
    """The words of its command line."""
    scope: Scope
    """What they set."""
    own: Overrides
    """The client's overrides."""

    @property
    def command(self) -> str:
        """The command that a person would type."""
        return shell(["python", "-m", "intern", *self.words])


class Limits:
    """The words that a person has given the server: they hold for every study, and its budget is the most of one.

    Raises:
        UserError: with every fault of the words.
    """

    def __init__(self, words: Sequence[str]) -> None:
        once(words)
        self.given = {word.lstrip("+").partition("=")[0]: word for word in words}
        if "study" in self.given:
            raise UserError("study=…: every study gets a name of its own. Leave this out.")
        self.library = choices.registered()
        tree = compose(words, self.library)
        config = checked({key: value for key, value in tree.items() if key != "recipe"})
        self.budget, self.outputs = config.budget, Path(config.outputs).expanduser()

    def names(self, group: str) -> list[str]:
        """Return the names of a group that need no further word; those that the server's words complete count too."""
        legal = choices.options(group, self.library)
        if group == "recipe":
            return [name for name in legal if name != "none"]
        chosen = self.given.get(group, "").partition("=")[2]
        return [name for name in legal if name == chosen or self.whole(group, name)]

    def whole(self, group: str, name: str) -> bool:
        """Return whether an option has a value of each of its keys, and a goal somewhere to take its items from."""
        tree = choices.values(group, name)
        lacks = group == "goal" and not any(tree.get(key) for key in ITEMS)
        return not lacks and all(value != MISSING for _, value in values_of(tree))

    def planned(self, wanted: Wanted, study: str, spent: float = 0.0) -> Planned:
        """Return what a study of that name would run.

        Args:
            wanted: what the client wants.
            study: the study's name.
            spent: dollars that other studies of this server's have cost.

        Raises:
            UserError: with every reason why it may not, or cannot, run.
        """
        if faults := [*self.name_faults(wanted), *self.amount_faults(wanted)]:
            raise UserError(as_lines(faults))
        words = self.words(wanted, study, spent)
        seen = opened(words, self.library)
        scope = scope_of(composition.compose(seen), seen, self.library)
        self.refuse_unpaid(scope, spent)
        if not wanted.overrides:
            return Planned(words, scope, Overrides())
        if len(scope.recipes) > 1:
            raise UserError(f"overrides: name the recipe whose keys they set, one of {', '.join(scope.recipes)}")
        (name,) = scope.recipes
        vetted = gate.vet_lines(scope, [f"recipe={name}", *wanted.overrides])
        if isinstance(vetted, Rejection):
            raise UserError(as_lines(vetted.reasons))
        own = vetted.overrides.without(scope.pins.get(name, ()))
        words = [*words, *own.lines()]
        seen = opened(words, self.library)
        return Planned(words, scope_of(composition.compose(seen), seen, self.library), own)

    def name_faults(self, wanted: Wanted) -> Iterator[str]:
        """Yield why a name, or the seed, cannot be taken."""
        for group in GROUPS:
            name = getattr(wanted, group)
            if name is not None and name not in self.names(group):
                yield unknown(group, name, self.names(group))
        for key in (*GROUPS, "seed"):
            value, fixed = getattr(wanted, key), self.given.get(key)
            if value is not None and fixed and fixed.partition("=")[2] != str(value):
                yield f"{key}: {value} cannot be chosen: this server was started with {fixed}"

    def amount_faults(self, wanted: Wanted) -> Iterator[str]:
        """Yield why an amount of the budget is more than may be given."""
        for name in AMOUNTS:
            asked, most = getattr(wanted, name), getattr(self.budget, name)
            if asked is not None and most is not None and asked > most:
                yield f"budget.{name}: {asked:g} is more than this server may give to a study, {most:g}"
            if asked is not None and most is None:
                yield f"budget.{name}: this server has none to give; a person starts it with budget.{name}=…"

    def words(self, wanted: Wanted, study: str, spent: float) -> list[str]:
        """Return the words of a study, without overrides: the server's, where the client says nothing."""
        said = {group: getattr(wanted, group) for group in (*GROUPS, "seed")}
        said |= {f"budget.{name}": getattr(wanted, name) for name in AMOUNTS}
        if self.budget.dollars is not None and self.budget.dollars > spent:
            said["budget.dollars"] = min(wanted.dollars or self.budget.dollars, self.budget.dollars - spent)
        said = {key: plain(value) for key, value in said.items() if value is not None}
        fixed = [word for key, word in self.given.items() if key not in said]
        return [*fixed, *(f"{key}={value}" for key, value in said.items()), f"study={study}"]

    def refuse_unpaid(self, scope: Scope, spent: float) -> None:
        """Raise UserError if the proposer asks a language model that nobody has given money for."""
        name, dollars = scope.config.proposer.name, self.budget.dollars
        if proposers.source(name) is None:
            return
        if dollars is None:
            lack = "and this server has no dollars to give; a person starts it with budget.dollars=…"
        elif dollars <= spent:
            lack = f"and the {dollars:g} dollars of this server are used"
        else:
            return
        raise UserError(f"proposer={name} asks a language model, {lack}. Take another proposer.")


def plain(value: Any) -> Any:
    """Return an amount as a person writes it, without a fraction that is zero; any other value as it is."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def more(wanted: Wanted, trials: float | None, hours: float | None, dollars: float | None) -> Wanted:
    """Return the same with another budget, where one is given."""
    return replace(
        wanted,
        trials=wanted.trials if trials is None else trials,
        hours=wanted.hours if hours is None else hours,
        dollars=wanted.dollars if dollars is None else dollars,
    )
