"""What a stage says of its own work, so that its memory and its time can be foretold by whoever knows the model and the
machine. Rows are counted here; how long they are, `Lengths` says."""

import math
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Training:
    """A training, in rows."""

    steps: int | None
    """Optimiser steps; None: not known before the rows are."""
    batch: int
    """Rows of a step."""
    at_once: int
    """Rows of a forward and a backward pass."""
    longest: int | None
    """Tokens at which a row is cut; None: it is not."""
    written: int | None = None
    """Tokens of a completion at most, if the model writes them itself; None: a row's target is learnt."""
    checkpointing: bool = True
    """Whether the activations within a block are computed again in the backward pass."""
    passes: int = 0
    """Further forward passes over a row, as for old and for reference log-probabilities."""
    reference: bool = False
    """Whether an untouched copy of the model is kept beside it."""


@dataclass(frozen=True)
class Writing:
    """Answers that a stage lets the model write."""

    answers: int | None
    """How many in all; None: not known before the rows are."""
    at_once: int
    """Written together."""
    longest: int
    """Tokens of an answer at most; 0: choices are compared, and nothing is written."""
    shots: int = 0
    """Worked examples in the prompt."""
    engine: float = 0.0
    """Share of the device's memory that a faster engine takes for them; 0: the library's own loop writes them."""


@dataclass(frozen=True)
class Cost:
    """The work of one stage."""

    training: Training | None = None
    """What it trains."""
    writing: Writing | None = None
    """What it lets the model write, with the weights under training if it trains."""


@dataclass(frozen=True)
class Lengths:
    """Tokens of a goal's rows, chat template included."""

    prompt: float
    """Of a prompt, on average."""
    target: float
    """Of a target, on average."""
    most: float
    """Of the longest prompt and target."""
    spread: float = 1.0
    """Each may be so many times longer, or shorter: 1 if they were counted, more if nothing is known of the rows."""

    def asked(self, shots: int) -> tuple[float, float]:
        """Return the tokens of a prompt with so many worked examples: at least on average, and at most."""
        average = self.prompt + shots * (self.prompt + self.target)
        return average / self.spread, self.most * (1 + shots) * self.spread


@dataclass(frozen=True)
class Span:
    """A range in which a figure is expected, of bytes or of seconds."""

    low: float
    """Its lower end."""
    high: float
    """Its upper end."""

    @property
    def middle(self) -> float:
        """The geometric mean of the ends: a figure is as likely to be too high by a factor as too low by it."""
        return math.sqrt(self.low * self.high)

    def __add__(self, other: "Span") -> "Span":
        return Span(self.low + other.low, self.high + other.high)

    def times(self, low: float, high: float | None = None) -> "Span":
        """Return the range times a factor, or times a range of factors."""
        return Span(self.low * low, self.high * (low if high is None else high))


def total(spans: Iterable[Span | None]) -> Span:
    """Return the sum of the ranges that are known."""
    return sum((span for span in spans if span is not None), Span(0.0, 0.0))
