"""The sizes of a language model, by which its memory and its time are foretold, and the parameters that follow."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Annotated

from pydantic import Field

from intern.config.ranges import Section

Known = Annotated[int, Field(ge=0, le=10**7)]


@dataclass
class Shape(Section):
    """A dense decoder of the family of Llama: gated MLP, grouped-query attention, as Qwen and SmolLM have them; 0: not
    known."""

    layers: Known = 0
    """Blocks of attention and MLP."""
    hidden: Known = 0
    """Width of the residual stream."""
    heads: Known = 0
    """Heads of queries."""
    kv_heads: Known = 0
    """Heads of keys, and of values."""
    head_size: Known = 0
    """Width of a head."""
    intermediate: Known = 0
    """Width of the MLP."""
    vocabulary: Known = 0
    """Rows of the embedding."""
    tied: bool = True
    """Whether the output layer is the embedding."""

    @property
    def known(self) -> bool:
        """Whether every size is."""
        return all(getattr(self, f.name) for f in fields(self) if f.name != "tied")

    @property
    def maps(self) -> tuple[tuple[int, int], ...]:
        """The (inputs, outputs) of each linear map of a block."""
        queries, keys = self.heads * self.head_size, self.kv_heads * self.head_size
        attention = ((self.hidden, queries), (self.hidden, keys), (self.hidden, keys), (queries, self.hidden))
        up = (self.hidden, self.intermediate)
        return (*attention, up, up, (self.intermediate, self.hidden))

    @property
    def linear(self) -> int:
        """Weights of the linear maps of all blocks; norms are too small to count."""
        return self.layers * sum(inputs * outputs for inputs, outputs in self.maps)

    @property
    def embedding(self) -> int:
        """Weights of the embedding, and of the output layer."""
        return self.vocabulary * self.hidden

    @property
    def parameters(self) -> int:
        """All weights."""
        return self.linear + self.embedding * (1 if self.tied else 2)

    def adapter(self, rank: int) -> int:
        """Return the weights of LoRA of a rank on all linear maps."""
        return self.layers * rank * sum(inputs + outputs for inputs, outputs in self.maps)


def of(stated: Mapping[str, int]) -> Shape:
    """Return the shape that a checkpoint's config.json states; one that is not known if it is of another family, such
    as a mixture of experts, or says too little."""
    sizes = {key: value for key, value in stated.items() if key != "tied"}
    return Shape(**sizes, tied=bool(stated.get("tied", True)))
