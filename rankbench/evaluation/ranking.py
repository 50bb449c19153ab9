"""The K best items of every user, over the whole catalogue: blocks of scores, masked, selected while in the cache.

Ties are broken by item id, the smaller first. Memory is bounded by the block, whatever the catalogue, and the size of
the blocks is fixed, so that neither free memory nor the number of threads can change a result.
"""

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.parallel import over_blocks

_ROWS = 64
_ROWS_ON_DEVICE = 1024


def top_items(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int
) -> NDArray[np.int32]:
    """Return the K items of highest score for each of `users`, masked items left out.

    Args:
        user_vec: (U, d) float, user vectors.
        item_vec: (I, d) float, item vectors.
        users: (n,) int64, the users to rank for.
        mask: the items of each user that must not be ranked.
        K: length of the lists.

    Returns:
        (n, K) int32, best first, ties by ascending item; -1 where fewer than K items can be ranked.
    """
    with torch.no_grad():
        if user_vec.device.type == "cpu":
            return _on_cpu(user_vec, item_vec, users, mask, K)
        return _on_device(user_vec, item_vec, users, mask, K)


def hits_of(top: NDArray[np.int32], users: NDArray[np.int64], relevant: Interactions) -> NDArray[np.bool_]:
    """Return which of the ranked items (n, K) are relevant to their users (n,)."""
    hits = np.empty(top.shape, np.bool_)  # (n, K)
    _mark_hits(top, users, relevant.indptr, relevant.items, hits)
    return hits


def _on_cpu(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int
) -> NDArray[np.int32]:
    top = np.empty((len(users), K), np.int32)  # (n, K)
    transposed = item_vec.t()  # (d, I)

    def block(start: int, stop: int) -> None:
        with torch.no_grad():
            scores = user_vec[torch.from_numpy(users[start:stop])] @ transposed  # (rows, I)
        _select(scores.numpy(), users[start:stop], mask.indptr, mask.items, top[start:stop])

    over_blocks(block, len(users), _ROWS)
    return top


def _on_device(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int
) -> NDArray[np.int32]:
    blocks = []
    for start in range(0, len(users), _ROWS_ON_DEVICE):
        rows = users[start : start + _ROWS_ON_DEVICE]
        scores = user_vec[torch.from_numpy(rows).to(user_vec.device)] @ item_vec.t()  # (rows, I)
        degree = mask.user_counts[rows]  # (rows,)
        masked = np.concatenate([mask.row(int(u)) for u in rows]).astype(np.int64)  # (masked,)
        index = (np.repeat(np.arange(len(rows)), degree), masked)
        scores[tuple(torch.from_numpy(i).to(scores.device) for i in index)] = -torch.inf
        value, item = scores.sort(dim=1, descending=True, stable=True)  # (rows, I)
        best = torch.where(value[:, :K].isneginf(), -1, item[:, :K])  # (rows, K)
        blocks.append(_padded(best.to(torch.int32).cpu().numpy(), K))
    return np.concatenate(blocks) if blocks else np.empty((0, K), np.int32)  # (n, K)


def _padded(top: NDArray[np.int32], K: int) -> NDArray[np.int32]:
    return np.pad(top, ((0, 0), (0, K - top.shape[1])), constant_values=-1)  # (n, K)


@njit(cache=True, nogil=True)
def _select(scores, users, indptr, items, top):  # type: ignore[no-untyped-def]
    K = top.shape[1]
    value = np.empty(K, scores.dtype)
    item = np.empty(K, np.int32)
    for b in range(len(users)):
        row = scores[b]
        for e in range(indptr[users[b]], indptr[users[b] + 1]):
            row[items[e]] = -np.inf
        size = 0
        for i in range(len(row)):  # a heap with the worst of the best on top; a later item of equal score is worse
            if size < K:
                if row[i] > -np.inf:
                    _rise(value, item, size, row[i], i)
                    size += 1
            elif row[i] > value[0]:
                _sink(value, item, size, row[i], i)
        top[b, size:] = -1
        while size > 0:
            size -= 1
            top[b, size] = item[0]
            _sink(value, item, size, value[size], item[size])


@njit(cache=True, nogil=True, inline="always")
def _worse(value, item, a, score, i):  # type: ignore[no-untyped-def]
    return value[a] < score or (value[a] == score and item[a] > i)


@njit(cache=True, nogil=True)
def _rise(value, item, place, score, i):  # type: ignore[no-untyped-def]
    while place > 0:
        parent = (place - 1) >> 1
        if _worse(value, item, parent, score, i):
            break
        value[place], item[place] = value[parent], item[parent]
        place = parent
    value[place], item[place] = score, i


@njit(cache=True, nogil=True)
def _sink(value, item, size, score, i):  # type: ignore[no-untyped-def]
    place = 0
    while True:
        child = 2 * place + 1
        if child >= size:
            break
        if child + 1 < size and _worse(value, item, child + 1, value[child], item[child]):
            child += 1
        if not _worse(value, item, child, score, i):
            break
        value[place], item[place] = value[child], item[child]
        place = child
    value[place], item[place] = score, i


@njit(cache=True, nogil=True)
def _mark_hits(top, users, indptr, items, hits):  # type: ignore[no-untyped-def]
    for b in range(top.shape[0]):
        row = items[indptr[users[b]] : indptr[users[b] + 1]]
        for r in range(top.shape[1]):
            place = np.searchsorted(row, top[b, r])
            hits[b, r] = place < len(row) and row[place] == top[b, r]
