"""Random recommendations: what every other figure has to beat."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rankbench.backbones import LossFree, RowBackbone
from rankbench.data.interactions import Interactions
from rankbench.randomness import FIRST, GOLDEN, SECOND


class Random(LossFree, RowBackbone):
    r"""Random scores, uniform between 0 and 1: the floor of every table.

    $$s(u, i) = hash(seed, u, i)$$

    A function of the seed, the user and the item, like every random number here (`randomness.py`).
    """

    paper = "a control, not a published method"
    folds_in = True
    uses_seed = True

    def fit(self, train: Interactions, seed: int) -> None:
        """Keep the seed."""
        self.seed, self.n_items = seed, train.n_items

    def forward(self, user: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores (b, I) of some users (b,)."""
        scores = np.empty((len(user), self.n_items), np.float32)  # (b, I)
        _hash(np.uint64(self.seed), user.numpy(), scores)
        return torch.from_numpy(scores)


@njit(cache=True, nogil=True)
def _hash(key, user, scores):  # type: ignore[no-untyped-def]
    for b in range(len(user)):
        for i in range(scores.shape[1]):
            state = key + np.uint64(GOLDEN) * np.uint64(user[b] * scores.shape[1] + i + 1)
            state = (state ^ (state >> np.uint64(30))) * np.uint64(FIRST)
            state = (state ^ (state >> np.uint64(27))) * np.uint64(SECOND)
            scores[b, i] = np.float32((state ^ (state >> np.uint64(31))) >> np.uint64(40)) * np.float32(2.0**-24)
