"""The run-time nouns of a study: frozen records that pass between its parts and go to disk as JSON."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import Field, TypeAdapter

from intern import damage, files
from intern.overrides import Overrides

Asked = Literal["propose", "sweep", "remedy", "ablate", "repeat"]  # what a proposer may ask for
Kind = Literal[Asked, "baseline", "rollback", "confirm"]
State = Literal["COMPLETE", "PRUNED", "FAIL", "RUNNING", "REJECTED"]
Call = Literal["keep", "discard", "undecided"]
Text = Annotated[str, Field(strict=True)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
OPTIMISER = "heuristic"  # who thought of a trial, where a language model proposes too
UNADVISED = ("", OPTIMISER)  # who thought of the trials that no language model did
UNCOUNTED = ("baseline", "rollback", "confirm")  # kinds that no proposer asks for and no budget of trials counts
Record = TypeVar("Record")
ADAPTERS: dict[Any, TypeAdapter[Any]] = {}


@dataclass(frozen=True)
class Score:
    """One task's result for one checkpoint; the outcome of each item lies beside it on disk."""

    task: str
    """lm-eval's name of the task."""
    split: str
    """"dev" (select on it) or "test" (touched for the baseline and the exported winner only)."""
    metric: str
    """lm-eval's name of the metric."""
    value: float
    """Mean over the items, in [0, 1]."""
    stderr: float
    """Standard error of that mean."""
    n: int
    """Number of items."""
    shots: int = 0
    """Worked examples in the prompt: 0, or the goal's few_shot for the second baseline."""
    parse_rate: float | None = None
    """Share of responses in which the evaluator found an answer; None for log-likelihood tasks."""
    truncation_rate: float | None = None
    """Share of responses cut at max_new_tokens; None for log-likelihood tasks."""


@dataclass(frozen=True)
class Diagnosis:
    """A rule that fired on a run's metrics."""

    rule: str
    """File name under intern/diagnosis."""
    stage: str
    """Name, in the recipe, of the stage that was stopped."""
    step: int
    """Optimiser step at which the rule fired."""
    symptom: str
    """What was seen, with its numbers."""
    remedies: tuple[Overrides, ...]
    """Competing remedies, each a change inside the recipe's contract."""
    closed: tuple[str, ...] = ()
    """Keys that the rule would change too, if the recipe's contract opened them."""


@dataclass(frozen=True)
class Proposal:
    """What a proposer wants tried next: overrides, never code."""

    recipe: Text
    """Name of the recipe, as in recipe=<name>."""
    overrides: Overrides = Overrides()
    """What differs from the recipe's file, inside its contract."""
    kind: Asked = "propose"
    """Why it is tried."""
    parent: Annotated[int, Field(ge=0, strict=True)] | None = None
    """Number of the trial that it varies."""
    seed: Annotated[int, Field(ge=0, lt=2**32, strict=True)] = 0
    """Seed of every stage."""
    sweep: Annotated[tuple[Text, ...], Field(max_length=100)] = ()
    """Contract keys whose values Optuna fills in."""
    within: Annotated[tuple[tuple[Text, Finite, Finite], ...], Field(max_length=100)] = ()
    """(key, low, high) for keys of `sweep` that are searched more narrowly than the contract allows."""
    fidelity: Annotated[float, Field(gt=0, le=1, strict=True)] = 1.0
    """Share of the recipe's training steps, in (0, 1]: a cheap trial ranks recipes."""
    hypothesis: Text = ""
    """One sentence: why this should help."""
    by: Text = ""
    """Who thought of it, if that is not the proposer that the study names alone."""
    expected: Annotated[float, Field(ge=-1, le=1, strict=True)] | None = None
    """By how much it should beat the incumbent's mean on dev, in [-1, 1]; None: nothing was foretold."""
    spread: Annotated[float, Field(ge=0, le=1, strict=True)] | None = None
    """Standard deviation of that foretelling."""
    evidence: Annotated[tuple[Text, ...], Field(max_length=20)] = ()
    """Identifiers of what it rests on."""
    faults: tuple[str, ...] = ()
    """Why it cannot be tried: said by whoever vets it, not by the proposer."""


@dataclass(frozen=True)
class Verdict:
    """The paired comparison of a trial with another on the same dev items."""

    call: Call
    """keep: better; discard: worse; undecided: the items cannot tell."""
    against: int
    """Number of the other trial."""
    wins: int
    """Items that only the candidate got right."""
    losses: int
    """Items that only the other got right."""
    p: float
    """Two-sided exact p-value of the sign test on the discordant items."""


@dataclass(frozen=True)
class StageRun:
    """One stage of a trial, as it ran."""

    name: str
    """Its name in the recipe, or "score", or "export"."""
    stage: str
    """File name under intern/stages."""
    out: str
    """Its output's name in the store."""
    reused: bool
    """Whether the output was there already."""
    seconds: float
    """Wall time."""
    split: str = ""
    """For a score: "dev" or "test"."""
    shots: int = 0
    """For a score: worked examples in the prompt."""
    parts: int = 1
    """Into so many passes each of its settings was split, since the memory did not suffice for all rows at once."""


@dataclass(frozen=True)
class Trial:
    """One vetted config with a seed: a number in the study."""

    number: int
    """Place in the ledger, from 0 (the untouched base model)."""
    kind: Kind
    """Why it was run."""
    state: State
    """Optuna's vocabulary, and REJECTED for a proposal that the gate refused."""
    parent: int | None = None
    """The trial that it varies, if any."""
    recipe: str | None = None
    """Recipe name; None for the baseline."""
    overrides: Overrides = Overrides()
    """All that differs from the recipe's file, pins of the command line included."""
    seed: int = 0
    """Seed of every stage."""
    scores: tuple[Score, ...] = ()
    """Empty until it is COMPLETE."""
    diagnosis: Diagnosis | None = None
    """Set when PRUNED."""
    verdict: Verdict | None = None
    """Set when it was compared with the incumbent."""
    recovery: Verdict | None = None
    """For a remedy: the comparison with the stopped stage's input checkpoint."""
    fidelity: float = 1.0
    """Share of the recipe's training steps."""
    seconds: float | None = None
    """Wall time over all attempts that reached a result."""
    dollars: float = 0.0
    """What its stages have paid."""
    reason: str | None = None
    """Why it FAILed or was REJECTED."""
    hypothesis: str = ""
    """The proposer's sentence."""
    stages: tuple[StageRun, ...] = ()
    """The stages that ended, in order."""
    by: str = ""
    """Who thought of it, if several may."""
    expected: float | None = None
    """By how much it was foretold to beat the incumbent of its time, on dev."""
    spread: float | None = None
    """Standard deviation of that."""
    evidence: tuple[str, ...] = ()
    """What it rests on."""

    @property
    def void(self) -> bool:
        """Whether it failed for want of disk or memory, which says nothing of its config."""
        if self.state != "FAIL":
            return False
        return files.for_want_of_space(self.reason) or files.for_want_of_memory(self.reason)

    def mean(self, split: str, shots: int = 0) -> float | None:
        """Return the mean value over the tasks of a split, or None if it was not scored."""
        values = [s.value for s in self.scores if s.split == split and s.shots == shots]
        return sum(values) / len(values) if values else None

    def stderr(self, split: str, shots: int = 0) -> float:
        """Return the standard error of that mean: the tasks share no item."""
        errors = [s.stderr for s in self.scores if s.split == split and s.shots == shots]
        return math.hypot(*errors) / max(len(errors), 1)

    def public(self) -> dict[str, Any]:
        """Return the documented interface of `trials --json`."""
        row = dump(self)
        return row | {"verdict": row["verdict"] and row["verdict"]["call"]}


@dataclass(frozen=True)
class Left:
    """What remains of a budget."""

    trials: float
    """Trials that may still be proposed; one of fidelity 0.3 counts as 0.3."""
    hours: float
    """Wall time that trials may still take."""

    def lack(self, fidelity: float = 0.0) -> str | None:
        """Say which part is used up, or does not suffice for a trial of that fidelity; None if there is enough."""
        if self.trials <= 0:
            return "all trials of the budget are used"
        if self.hours <= 0:
            return "the hours of the budget are used"
        short = f"{self.trials:g} of the budget's trials is left, and the next one counts {fidelity:g}"
        return short if self.trials < fidelity else None


def adapter(kind: Any) -> TypeAdapter[Any]:
    """Return pydantic's reader and writer of a record type, which takes milliseconds to make."""
    if kind not in ADAPTERS:
        ADAPTERS[kind] = TypeAdapter(kind)
    return ADAPTERS[kind]


def load(kind: type[Record], value: Any) -> Record:
    """Return the record that JSON holds.

    Raises:
        pydantic.ValidationError: if a field is missing or of another type.
    """
    record: Record = adapter(kind).validate_python(value)
    return record


def read(kind: type[Record], path: Path) -> Record:
    """Return the record that a JSON file holds.

    Raises:
        UserError: if it holds none.
    """
    with damage.noticed(path):
        record: Record = adapter(kind).validate_python(damage.value(path.read_bytes()))
    return record


def dump(record: Any) -> dict[str, Any]:
    """Return a record as JSON."""
    values: dict[str, Any] = adapter(type(record)).dump_python(record, mode="json")
    return values


def dump_set(record: Any) -> dict[str, Any]:
    """Return a record as JSON, without the fields that are as their defaults."""
    values: dict[str, Any] = adapter(type(record)).dump_python(record, mode="json", exclude_defaults=True)
    return values


def spread(entries: Sequence[Record], most: int) -> list[Record]:
    """Return at most so many of the entries, at equal distances; all of them if there are no more."""
    kept = min(most, len(entries))
    return [entries[place * len(entries) // kept] for place in range(kept)]
