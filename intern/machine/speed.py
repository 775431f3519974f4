"""How long the work of a stage takes, from its floating-point operations and the bytes that it moves.

A forward pass takes two operations a weight and token and those of attention, a backward pass twice as many (Kaplan et
al., arXiv:2001.08361); with LoRA it computes no gradients of the weights, half of that. Machines reach a share of their
peak, which is a range here and no measurement: tuned trainers of large models come to 40 to 55 % (PaLM,
arXiv:2204.02311), and transformers' eager loop on small ones to far less. Where studies have run on the machine, what
their stages took is better: `intern.study.measured`.
"""

import math

from intern.config.cost import Cost, Lengths, Span, Training, Writing
from intern.config.schema import Config
from intern.config.shape import Shape
from intern.machine.memory import BYTES, ends
from intern.machine.target import Target

GPU = Span(0.15, 0.45)  # share of the peak in training
CPU = Span(0.25, 1.2)  # of a product of square matrices by numpy, which torch's library outdoes on some processors
LAYER = Span(1.0e-3, 4.0e-3)  # seconds of Python and of starting kernels for a block, forward and backward
STEP = Span(0.01, 0.05)  # of the trainer for a step
DECODED = Span(0.3e-3, 1.2e-3)  # of transformers' loop for a block and a token
ENGINE = 0.1  # of that with vLLM
CHOICES = 4  # that lm-eval's own tasks compare, if they write nothing
STARTED = Span(1.0, 8.0)  # loading, saving, looks at rows held back


def seconds(cost: Cost, config: Config, lengths: Lengths, target: Target) -> Span | None:
    """Return the seconds of a stage; None if it is not known how much it does."""
    spent = STARTED if cost.training or cost.writing else Span(0.0, 0.5)
    if cost.training:
        each = step(config.model.shape, cost.training, config.recipe.lora, lengths, target)
        if cost.training.steps is None:
            return None
        spent += each.times(cost.training.steps)
    if cost.writing:
        written = writing(config, cost.writing, lengths, target, masters=cost.training is not None)
        if written is None:
            return None
        spent += written
    return spent.times(1.0, target.busy)


def tokens(cost: Cost, lengths: Lengths) -> float | None:
    """Return the tokens that a stage trains or writes, about; None if that is not known."""
    if cost.training and cost.training.steps is not None:
        return cost.training.steps * cost.training.batch * sum(ends(cost.training, lengths)[:1])
    if cost.writing and cost.writing.answers is not None:
        return cost.writing.answers * 0.6 * cost.writing.longest
    return None


def step(shape: Shape, work: Training, rank: int | None, lengths: Lengths, target: Target) -> Span:
    """Return the seconds of an optimiser step."""
    share = GPU if target.gpu else CPU
    low, high = padded(work, lengths)
    trained = shape.parameters if rank is None else shape.adapter(rank)
    computed = [work.batch * operations(shape, work, rank, length) / target.peak for length in (low, high)]
    products = Span(computed[0] / share.high, computed[1] / share.low)
    started = LAYER.times(shape.layers * work.batch / work.at_once) + STEP
    moved = 28.0 * trained / target.bandwidth  # gradients cleared and read, weights and moments read and written
    if target.gpu:  # kernels are queued while others run
        return Span(max(products.low, started.low) + moved, max(products.high, started.high) + moved)
    return products + started + Span(moved, 2 * moved)


def padded(work: Training, lengths: Lengths) -> tuple[float, float]:
    """Return the tokens of a row as it is computed, as long as the longest beside it."""
    average, longest = ends(work, lengths)
    return average, average + (longest - average) * (work.at_once - 1) / (work.at_once + 1)


def operations(shape: Shape, work: Training, rank: int | None, length: float) -> float:
    """Return the operations of a row of so many tokens: its passes, and the output layer's, which computes its tiles
    again in the backward pass."""
    forward = length * (2.0 * shape.linear + 4.0 * shape.layers * shape.heads * shape.head_size * length / 2)
    passes = 1 + (2 if rank is None else 1) + work.checkpointing + work.passes
    head = (4 if rank is None else 3) + work.passes
    return passes * forward + head * 2.0 * length * shape.embedding


def writing(config: Config, work: Writing, lengths: Lengths, target: Target, masters: bool) -> Span | None:
    """Return the seconds of answers; None if their number is not known.

    Args:
        masters: whether float32 weights under training write them, in plain float32."""
    shape = config.model.shape
    if work.answers is None:
        return None
    width = 4 if masters else BYTES[config.model.dtype or "bfloat16"]
    peak = target.peak if width == 2 and target.gpu else target.peak_32
    share = GPU if target.gpu else CPU
    rounds = math.ceil(work.answers / work.at_once)
    row = 2.0 * shape.parameters / peak
    least, _ = lengths.asked(work.shots)
    prompts = work.answers * row * least * (CHOICES if not work.longest else 1)
    read = Span(prompts / share.high, prompts * lengths.spread**2 / share.low)
    if not work.longest:
        return read
    weights = width * shape.parameters / target.bandwidth
    rows = min(work.at_once, work.answers)
    slower = ENGINE if work.engine else 1.0
    low = max(weights, rows * row / share.high) + DECODED.low * slower * shape.layers
    high = max(2 * weights, rows * row / share.low) + DECODED.high * slower * shape.layers
    return read + Span(rounds * 0.4 * work.longest * low, rounds * work.longest * high)
