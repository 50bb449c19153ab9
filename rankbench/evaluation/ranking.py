"""The K best items of every user, over the whole catalogue: tiles of scores, masked, selected while in the cache.

Ties are broken by item id, the smaller first. A tile is some users by some items, in a buffer that its thread reuses:
memory is bounded whatever the catalogue. The size of a tile is fixed, so that neither free memory nor the number of
threads can change a result.
"""

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from rankbench.data.interactions import Interactions
from rankbench.evaluation.selection import CHUNK, Candidates
from rankbench.parallel import over_blocks, over_rows, threads

_ROWS = 256
_COLUMNS = 512
"""The size of a tile: large enough for the matrix product, small enough for a core's own cache (512 KiB)."""

_ROWS_ON_DEVICE = 1024


def top_items(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int
) -> NDArray[np.int32]:
    """Return the K items of highest score for each of `users`; masked items and scores that are NaN are left out.

    Args:
        user_vec: (U, d) float, user vectors.
        item_vec: (I, d) float, item vectors.
        users: (n,) int64, the users to rank for.
        mask: the items of each user that must not be ranked.
        K: length of the lists, at least 1.

    Returns:
        (n, K) int32, best first, ties by ascending item; -1 where fewer than K items can be ranked.
    """
    user_vec, item_vec = user_vec.detach().float(), item_vec.detach().float()  # (U, d), (I, d)
    if user_vec.device.type == "cpu":
        return _on_cpu(user_vec, item_vec, users, mask, K)
    return _on_device(user_vec, item_vec, users, mask, K)


def hits_of(top: NDArray[np.int32], users: NDArray[np.int64], relevant: Interactions) -> NDArray[np.bool_]:
    """Return which of the ranked items (n, K) are relevant to their users (n,)."""
    hits = np.empty(top.shape, np.bool_)  # (n, K)
    over_rows(_mark_hits, len(top), top, users, relevant.indptr, relevant.items, relevant.n_items, hits)
    return hits


def _on_cpu(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int
) -> NDArray[np.int32]:
    top = np.empty((len(users), K), np.int32)  # (n, K)
    columns = pad(item_vec.t(), (0, -len(item_vec) % CHUNK))  # (d, whole chunks)
    spare = [_Ranker(columns, mask, K) for _ in range(threads())]

    def block(start: int, stop: int) -> None:
        ranker = spare.pop()
        rows = users[start:stop]
        ranker.rank(user_vec[torch.from_numpy(rows)], rows, top[start:stop])
        spare.append(ranker)

    over_blocks(block, len(users), _ROWS)
    return top


class _Ranker:
    """What one thread ranks blocks of users with.

    Products are always of full blocks of rows and whole chunks of columns: at the edges of a product other instructions
    may round in another way, and a score must not depend on its place.

    Args:
        columns: (d, whole chunks) float32, item vectors, then zeros.
        mask: the items of each user that must not be ranked.
        K: length of the lists.
    """

    def __init__(self, columns: Tensor, mask: Interactions, K: int) -> None:
        self._columns = columns
        self._mask = mask
        self._query = torch.zeros(_ROWS, len(columns))  # (rows, d)
        self._scores = torch.empty(_ROWS * min(_COLUMNS, columns.shape[1]))  # (rows * width,)
        self._candidates = Candidates(_ROWS, min(K, mask.n_items))

    def rank(self, query: Tensor, users: NDArray[np.int64], top: NDArray[np.int32]) -> None:
        """Write the best items of `users` (n,), whose vectors are `query` (n, d), into `top` (n, K)."""
        self._query[: len(users)] = query
        mask = self._mask
        place, end = mask.indptr[users], mask.indptr[users + 1]  # (n,), (n,) what has not been masked yet of each user
        for first in range(0, mask.n_items, _COLUMNS):
            columns = self._columns[:, first : first + _COLUMNS]  # (d, width)
            tile = self._scores[: _ROWS * columns.shape[1]].view(_ROWS, -1)  # (rows, width)
            scores = torch.mm(self._query, columns, out=tile).numpy()  # (rows, width)
            scores[:, mask.n_items - first :] = -np.inf
            _leave_out(scores, first, mask.items, place, end)
            self._candidates.offer(scores, first)
        self._candidates.take(top)


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
        scores.masked_fill_(scores.isnan(), -torch.inf)
        value, item = scores.sort(dim=1, descending=True, stable=True)  # (rows, I)
        best = torch.where(value[:, :K].isneginf(), -1, item[:, :K])  # (rows, K)
        blocks.append(_padded(best.to(torch.int32).cpu().numpy(), K))
    return np.concatenate(blocks) if blocks else np.empty((0, K), np.int32)  # (n, K)


def _padded(top: NDArray[np.int32], K: int) -> NDArray[np.int32]:
    return np.pad(top, ((0, 0), (0, K - top.shape[1])), constant_values=-1)  # (n, K)


@njit(cache=True, nogil=True)
def _leave_out(scores, first, items, place, end):  # type: ignore[no-untyped-def]
    """Make the masked entries of a tile -inf, and move `place` on to the masked items of the next tile."""
    stop = first + scores.shape[1]
    for b in range(len(place)):
        e = place[b]
        while e < end[b] and items[e] < stop:
            scores[b, items[e] - first] = -np.inf
            e += 1
        place[b] = e


@njit(cache=True, nogil=True)
def _mark_hits(start, stop, top, users, indptr, items, n_items, hits):  # type: ignore[no-untyped-def]
    wanted = np.zeros(n_items + 1, np.bool_)  # the last one, also known as -1, is for places without an item
    for b in range(start, stop):
        row = items[indptr[users[b]] : indptr[users[b] + 1]]
        for i in row:
            wanted[i] = True
        for r in range(top.shape[1]):
            hits[b, r] = wanted[top[b, r]]
        for i in row:
            wanted[i] = False
