"""The best of the items that each user was exposed to: all of them are scored exactly, a block of users at a time."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.evaluation.exact import best
from rankbench.parallel import over_blocks

_PAIRS = 2**20
"""Pairs in a block, about: 12 MiB for each thread."""


def top_exposed(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], exposed: Interactions, K: int
) -> NDArray[np.int32]:
    """Return the K exposed items of highest score for each of `users`; items whose score is NaN are left out.

    Args:
        user_vec: (U, d) float, user vectors.
        item_vec: (I, d) float, item vectors.
        users: (n,) int64, the users to rank for.
        exposed: the items of each user that are ranked.
        K: length of the lists, at least 1.

    Returns:
        (n, K) int32, best first, ties by ascending item; -1 where fewer than K items are exposed.
    """
    top = np.full((len(users), K), -1, np.int32)  # (n, K)
    size = exposed.user_counts[users]  # (n,)
    query, items = _on_cpu(user_vec[torch.from_numpy(users).to(user_vec.device)]), _on_cpu(item_vec)  # (n, d), (I, d)
    capacity = -(-int(size.max(initial=1)) // 4) * 4

    def block(start: int, stop: int) -> None:
        rows = slice(start, stop)
        listed = np.zeros((stop - start, capacity), np.int32)  # (b, capacity)
        place = np.arange(capacity)  # (capacity,)
        filled = place < size[rows, None]  # (b, capacity)
        listed[filled] = exposed.items[(exposed.indptr[users[rows], None] + place)[filled]]
        top[rows] = best(query[rows], items, listed, size[rows], K)

    over_blocks(block, len(users), max(1, _PAIRS // capacity))
    return top


def _on_cpu(vectors: Tensor) -> NDArray[np.float32]:
    array: NDArray[np.float32] = vectors.detach().float().cpu().contiguous().numpy()
    return array
