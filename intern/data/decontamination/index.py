"""One kind of features of the held-out texts, weighted by how rare each is, and what rows share of them."""

from dataclasses import dataclass
from typing import Any

from intern.data.decontamination.features import Array

PRIOR = 60.0  # nats that every text is taken to have besides: what has little to tell cannot share much of it


@dataclass(frozen=True)
class Shared:
    """What some texts share with the held-out ones."""

    mass: Any
    """Texts × held-out texts, sparse: nats that they share."""
    own: Array
    """Nats of each text."""


class Index:
    """The features of one kind.

    A feature weighs as many nats as it is rare: log of the number of all texts, held-out ones and those of a sample of
    the rows, over the number of those that have it."""

    def __init__(self, owner: Array, keys: Array, texts: int) -> None:
        import numpy as np
        from scipy import sparse

        self.keys, place = np.unique(keys, return_inverse=True)
        ones = np.ones(len(owner))
        self.postings = sparse.csr_array((ones, (place, owner)), shape=(len(self.keys), texts))
        self.held = np.bincount(place, minlength=len(self.keys))
        self.counts = np.zeros(len(self.keys), np.int64)
        self.weigh(texts)

    def places(self, keys: Array) -> tuple[Array, Array]:
        """Return (where each feature is, whether it is there)."""
        import numpy as np

        if not len(self.keys):
            return np.zeros(len(keys), np.int64), np.zeros(len(keys), bool)
        place = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        return place, self.keys[place] == keys

    def count(self, keys: Array) -> None:
        """Count features of texts of the sample, each once a text."""
        import numpy as np

        place, there = self.places(keys)
        self.counts += np.bincount(place[there], minlength=len(self.keys))

    def weigh(self, texts: int, stock: Array | None = None) -> None:
        """Weigh the features, of which so many texts were counted; those that are stock weigh nothing."""
        import numpy as np

        self.most = float(np.log(texts + 1))
        self.weights = np.log((texts + 1) / (self.held + self.counts + 0.5)).clip(0)
        if stock is not None:
            self.weights[stock] = 0
        self.weighted = self.postings.multiply(self.weights[:, None]).tocsr()
        self.mass = np.asarray(self.weighted.sum(axis=0)).ravel()

    def shared(self, owner: Array, keys: Array, texts: int) -> Shared:
        """Return what texts share with the held-out ones, of the features of each."""
        import numpy as np
        from scipy import sparse

        place, there = self.places(keys)
        weights = np.where(there, self.weights[place] if len(self.keys) else 0.0, self.most)
        own = np.bincount(owner, weights, minlength=texts)
        ones = np.ones(int(there.sum()))
        rows = sparse.csr_array((ones, (owner[there], place[there])), shape=(texts, len(self.keys)))
        return Shared((rows @ self.weighted).tocsr(), own)

    def shares(self, shared: Shared, texts: Array, items: Array) -> tuple[Array, Array]:
        """Return for pairs of a text and a held-out one the share of the latter, and of the former, that is shared."""
        import numpy as np

        mass = np.asarray(shared.mass[texts, items]).ravel()
        return mass / (self.mass[items] + PRIOR), mass / (shared.own[texts] + PRIOR)

    def candidates(self, shared: Shared, least: float) -> tuple[Array, Array]:
        """Return the pairs of a text and a held-out one that share so much of either."""
        import numpy as np

        mass = shared.mass.tocoo()
        texts, items = mass.coords
        enough = mass.data >= least * (np.minimum(self.mass[items], shared.own[texts]) + PRIOR)
        return texts[enough], items[enough]
