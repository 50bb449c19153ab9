"""Negatives: which items a positive is compared with, as a function of (seed, epoch, row, draw).

So threads, devices, block sizes and interruptions cannot change what is drawn. `WeightedNegatives` draws uniformly or
by popularity, `InBatchNegatives` from the positives of the batch; none of them gives a user's own train items.
`NoisyNegatives` replaces some of their draws by positives that were taken out of train.
"""

from typing import Protocol

from torch import Tensor

from rankbench.data.interactions import FalseNegatives, Interactions
from rankbench.sampling.hashing import Key
from rankbench.sampling.in_batch import InBatchNegatives
from rankbench.sampling.noise import NoisyNegatives
from rankbench.sampling.weighted import WeightedNegatives

__all__ = ["InBatchNegatives", "NoisyNegatives", "Sampler", "WeightedNegatives", "sampler_of"]


class Sampler(Protocol):
    """Draws negatives, and knows how probable each was."""

    def draw(self, key: Key, row: Tensor, user: Tensor, pos: Tensor, N: int) -> Tensor:
        """Return negatives (B, N) int32 of users (B,) with positives (B,), a function of (key, row, draw)."""

    def log_probability(self, user: Tensor, item: Tensor) -> Tensor:
        """Return the log-probability (B, M) float32 that a draw for each user (B,) is each of its items (B, M)."""


def sampler_of(
    train: Interactions, name: str, exponent: float, false_negatives: FalseNegatives | None = None
) -> Sampler:
    """Return the sampler of that name.

    Args:
        train: the train interactions.
        name: "uniform", "popularity" or "in-batch".
        exponent: of popularity, for "popularity".
        false_negatives: positives that are drawn as well, if there is such noise.

    Raises:
        UserError: a user has every item that could be drawn.
    """
    sampler: Sampler
    if name == "uniform":
        sampler = WeightedNegatives.uniform(train)
    elif name == "popularity":
        sampler = WeightedNegatives.by_popularity(train, exponent)
    else:
        sampler = InBatchNegatives.outside(train)
    return NoisyNegatives(sampler, false_negatives) if false_negatives else sampler
