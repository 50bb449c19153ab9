"""Negatives: which items a positive is compared with, as a function of (seed, epoch, row, draw).

So threads, devices, block sizes and interruptions cannot change what is drawn. `WeightedNegatives` draws uniformly or
by popularity, `InBatchNegatives` from the positives of the batch; none of them gives a user's own train items.
"""

from typing import Protocol

from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.sampling.in_batch import InBatchNegatives
from rankbench.sampling.weighted import WeightedNegatives

__all__ = ["InBatchNegatives", "Sampler", "WeightedNegatives", "sampler_of"]


class Sampler(Protocol):
    """Draws negatives, and knows how probable each was."""

    def draw(self, key: int, row: Tensor, user: Tensor, pos: Tensor, N: int) -> Tensor:
        """Return negatives (B, N) int32 of users (B,) with positives (B,), a function of (key, row, draw)."""

    def log_probability(self, user: Tensor, item: Tensor) -> Tensor:
        """Return the log-probability (B, M) float32 that a draw for each user (B,) is each of its items (B, M)."""


def sampler_of(train: Interactions, name: str, exponent: float) -> Sampler:
    """Return the sampler of that name.

    Args:
        train: the train interactions.
        name: "uniform", "popularity" or "in-batch".
        exponent: of popularity, for "popularity".

    Raises:
        UserError: a user has every item that could be drawn.
    """
    if name == "uniform":
        return WeightedNegatives.uniform(train)
    return WeightedNegatives.by_popularity(train, exponent) if name == "popularity" else InBatchNegatives.outside(train)
