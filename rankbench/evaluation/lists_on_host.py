"""Lists in the memory of the CPU, and the sums over them that metrics are made of."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.evaluation import sums, tastes
from rankbench.evaluation.metrics import KS, METRICS
from rankbench.evaluation.ties import tie_rate
from rankbench.parallel import over_blocks

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

_USERS = 1024
"""Users that one thread measures at once: what it writes meanwhile stays in the cache."""


@dataclass(frozen=True, eq=False)
class ListsOnHost:
    """The lists of a test set.

    Args:
        users: (n,) int64, whose they are.
        top: (n, L) int32, best first, -1 where there is no item.
        hits: (n, L) bool, which items are relevant.
        mask: the items of each user that were not ranked.
        exposed: the items of each user that were ranked, nothing of `mask` among them; None for the catalogue.
        ends: the cut-offs K, ascending; L is at least the last one.
    """

    users: Counts
    top: NDArray[np.int32]
    hits: NDArray[np.bool_]
    mask: Interactions
    exposed: Interactions | None = None
    ends: tuple[int, ...] = KS

    @cached_property
    def lengths(self) -> Floats:
        """(n, C) float64, how many items the list has up to each cut-off; NaN for none."""
        length = np.minimum((self.top >= 0).sum(axis=1)[:, None], self.ends)  # (n, C)
        return np.where(length > 0, length, np.nan)

    def accuracy(self, n_relevant: Counts, metrics: Iterable[str] = METRICS) -> dict[str, Floats]:
        """Return metrics of accuracy of each user, (n, C) each, given how many items are relevant (n,)."""
        found = {name: np.empty((len(self.hits), len(self.ends))) for name in metrics}  # (n, C) each

        def block(start: int, stop: int) -> None:
            hits, wanted = self.hits[start:stop], n_relevant[start:stop]  # (b, L), (b,)
            for name, values in found.items():
                for c, K in enumerate(self.ends):
                    values[start:stop, c] = METRICS[name](hits, wanted, K)

        over_blocks(block, len(self.hits), _USERS)
        return found

    def summed(self, feature: Floats) -> Floats:
        """Return the sums (n, C, F) float64 of the features (I, F) float64 of the first items of each list."""
        return sums.summed(self.top, feature, self.ends)

    def gained(self, gain: Floats) -> Floats:
        """Return the sums (n, C, H) float64 of what hits are worth (I, H) float64, discounted by rank."""
        return sums.gained(self.top, self.hits, gain, self.ends)

    def diversity(self, vectors: NDArray[np.float32]) -> Floats:
        """Return one less the mean cosine (n, C) float64 of the pairs of items of each list, by unit vectors (I, d)."""
        return sums.diversity(self.top, vectors, self.ends)

    def divergences(self, taste: Counts, history: Counts) -> Floats:
        """Return the divergences of Steck and of Jensen and Shannon (n, C, 2) of the tastes of history and list."""
        return tastes.divergences(self.top, taste, history, self.ends)

    def by_item(self, n_items: int) -> tuple[Counts, Counts]:
        """Return how often each item is a hit, and in a list at all, up to each cut-off: (I, C) each."""
        return sums.counted(self.top, self.hits, n_items, self.ends)

    def tie_rate(self, user_vec: Tensor, item_vec: Tensor) -> Floats:
        """Return the share of each list's items whose score is that of the first item left out, (n, C) float64."""
        return tie_rate(user_vec, item_vec, self.users, self.top, self.ends)
