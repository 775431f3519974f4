"""How much memory the work of a stage takes at its peak, from the model's sizes.

Training keeps float32 weights, gradients and AdamW's two moments: 16 bytes a weight (ZeRO, arXiv:1910.02054, counts
the same). The output layer's logits are never whole: TRL 1.16 computes log-probabilities in tiles. Activations are what
the blocks of transformers save for the backward pass; a range stands for how long rows are and how memory is cut up.
"""

from typing import Any

from intern.config.cost import Cost, Lengths, Span, Training, Writing
from intern.config.schema import Config
from intern.config.shape import Shape
from intern.config.stages import Stage

BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}
TOKENS, WORDS = 4096, 32768  # of a tile of logits: TRL's TOKEN_CHUNK_SIZE and _CHUNKED_LOGPROB_CHUNK_SIZE
GPU = Span(0.5e9, 1.2e9)  # context and workspaces of CUDA, cuBLAS and Triton: not measured here
CPU = Span(0.55e9, 0.9e9)  # torch, transformers, TRL and lm-eval, imported: 0.56 GB resident were measured
CUT_UP = 1.25  # times what is asked for: the allocator's fragments and buffers that come and go


def need(cost: Cost, config: Config, lengths: Lengths, gpu: bool, memory: float) -> Span:
    """Return the bytes at the peak of a stage; of one without a model's work those of the process.

    Args:
        cost: the stage's work.
        config: the trial's; its model has a shape.
        lengths: of the rows.
        gpu: whether it runs on one, where matrix products are in bfloat16.
        memory: the device's bytes, of which an engine beside the trainer takes its share.
    """
    base = GPU if gpu else CPU
    shape, rank = config.model.shape, config.recipe.lora
    most = Span(0.0, 0.0)
    if cost.training:
        most = training(shape, cost.training, rank, lengths, gpu)
    if cost.writing and cost.training:
        weights = kept(shape, cost.training, rank)
        held = Span(weights, weights) + writing(shape, cost.writing, lengths, 4)
        most = Span(max(most.low, held.low), max(most.high, held.high))
    elif cost.writing:
        width = BYTES[config.model.dtype or "bfloat16"]
        weights = width * shape.parameters
        most = Span(weights, weights) + writing(shape, cost.writing, lengths, width)
    if cost.writing and not cost.writing.engine:
        return base + most
    engine = memory * cost.writing.engine if cost.writing else 0.0
    return base + most + Span(engine, engine)


def fitted(
    stage: Stage, settings: Any, config: Config, lengths: Lengths, gpu: bool, memory: float
) -> tuple[Any, int]:
    """Return a stage's settings with as few rows at once as the memory demands, the rows of a step unchanged, and into
    how many parts those at once were split; where even the fewest are too many, with these."""
    parts = 1
    while need(stage.cost(settings, config, None), config, lengths, gpu, memory).middle > memory:
        smaller = stage.halved(settings)
        if smaller is None:
            break
        settings, parts = smaller, 2 * parts
    return settings, parts


def kept(shape: Shape, work: Training, rank: int | None) -> float:
    """Return the bytes that a training keeps from step to step: weights, gradients, moments, the reference."""
    whole = 4.0 * shape.parameters
    trained = 12.0 * shape.parameters if rank is None else 16.0 * shape.adapter(rank)
    return whole + trained + (whole if work.reference else 0.0)


def training(shape: Shape, work: Training, rank: int | None, lengths: Lengths, gpu: bool) -> Span:
    """Return the bytes of a training in its backward pass: activations go as gradients come, unless these are there
    from the passes before, so at least the greater of the two is there at once."""
    fixed = kept(shape, work, rank)
    if gpu and (rank is None or not work.checkpointing):
        fixed += 2.0 * shape.linear  # autocast keeps the bfloat16 copies
    low, high = (passing(shape, work, length, gpu) for length in ends(work, lengths))
    if work.batch == work.at_once:
        low = max(low - 4.0 * (shape.parameters if rank is None else shape.adapter(rank)), 0.0)
    gradient = 4.0 * shape.embedding if rank is None else 0.0  # of the output layer, before it is added
    return Span(fixed + low, fixed + gradient + CUT_UP * high)


def ends(work: Training, lengths: Lengths) -> tuple[float, float]:
    """Return the tokens of a row in a batch: of an average one, and of the longest."""
    if work.written is not None:
        return lengths.prompt / lengths.spread + 0.3 * work.written, lengths.most * lengths.spread + work.written
    limit = work.longest or lengths.most * lengths.spread
    average = (lengths.prompt + lengths.target) / lengths.spread
    return min(average, limit), min(lengths.most * lengths.spread, limit)


def passing(shape: Shape, work: Training, length: float, gpu: bool) -> float:
    """Return the bytes of the activations of rows of so many tokens, and of the tile of logits."""
    tokens = work.at_once * length
    block = activations(shape, gpu) + (2.0 if gpu else 4.0) * length  # a row of the mask
    blocks = block + 4.0 * shape.layers * shape.hidden if work.checkpointing else shape.layers * block
    values = 2.0 if gpu else 16.0  # on a CPU in float32, and four tensors of that size
    return tokens * (blocks + 12.0 * shape.hidden) + values * min(tokens, TOKENS) * min(shape.vocabulary, WORDS)


def activations(shape: Shape, gpu: bool) -> float:
    """Return the bytes that a block saves of each token: inputs of its maps, in bfloat16 a copy for each, queries, keys
    and values for each head, and what its norms save in float32. Those of queries and keys, which Qwen3 has and Llama
    has not, are an eighth of it."""
    queries = shape.heads * shape.head_size
    keys = shape.kv_heads * shape.head_size
    width, norms, stream = (2.0, 6.0, 26.0) if gpu else (4.0, 8.0, 24.0)
    products = width * (5 * queries + 4 * shape.intermediate)
    return products + norms * (queries + keys) + stream * shape.hidden


def writing(shape: Shape, work: Writing, lengths: Lengths, width: int) -> Span:
    """Return the bytes that answers take beside the weights: keys and values, the last logits, a block's activations of
    the prompts; of choices that are compared all logits, in their own type and in float32."""
    bytes_ = []
    for prompt, answer in zip(lengths.asked(work.shots), (0.5 * work.longest, work.longest), strict=True):
        cache = 2.0 * shape.layers * shape.kv_heads * shape.head_size * width * (prompt + answer)
        block = width * prompt * (4 * shape.hidden + 3 * shape.intermediate)
        logits = shape.vocabulary * (12.0 if work.longest else (width + 8.0) * prompt)
        bytes_.append(work.at_once * (cache + block + logits))
    if work.engine:  # the engine's own
        return Span(0.0, 0.0)
    return Span(bytes_[0], CUT_UP * bytes_[1])
