"""The K best items of every user, over the whole catalogue: tiles of scores, masked, selected while in the cache.

A fast approximate product finds the candidates, their exact scores decide, ties are broken by item id, the smaller
first. A tile is some users by some items, in a buffer that its thread reuses: memory is bounded whatever the catalogue.
"""

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.evaluation import cuda
from rankbench.evaluation.exact import best
from rankbench.evaluation.filters import COLUMNS, ROWS, Filter, filters
from rankbench.evaluation.selection import FAILED, Candidates, LeftOut
from rankbench.parallel import over_blocks, over_rows, threads

_GUESSED, _GUESSED_MASKED, _LEAST_RANK = 3, 1.5, 8
"""How many items a user should have above the guessed threshold: so many times K, and of those that are masked; and at
least so many of the sample, since the fewer they are, the more often a guess is wrong."""

_FEWEST = 64
"""Users in a block at least, where there are fewer than fill a block for each thread."""


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
    return cuda.top_items(user_vec, item_vec, users, mask, K)


def hits_of(top: NDArray[np.int32], users: NDArray[np.int64], relevant: Interactions) -> NDArray[np.bool_]:
    """Return which of the ranked items (n, K) are relevant to their users (n,)."""
    hits = np.empty(top.shape, np.bool_)  # (n, K)
    over_rows(_mark_hits, len(top), top, users, relevant.indptr, relevant.items, relevant.n_items, hits)
    return hits


def _on_cpu(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int
) -> NDArray[np.int32]:
    top = np.full((len(users), K), -1, np.int32)  # (n, K)
    if not mask.n_items or not len(users):
        return top
    item_vec = item_vec.contiguous()  # (I, d)
    left = np.arange(len(users))  # (m,) rows without a list
    for filter_ in filters(item_vec):
        left = left[_Search(filter_, user_vec, item_vec, mask).rank(users, left, top)]
        if not len(left):
            return top
    for b in left:
        query = user_vec[users[b] : users[b] + 1].numpy()  # (1, d)
        top[b] = best(query, item_vec.numpy(), *_rankable(mask, users[b]), K)
    return top


def _rankable(mask: Interactions, user: np.int64) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return all items that may be ranked for a user, as candidates, and how many there are."""
    items = np.delete(np.arange(mask.n_items, dtype=np.int32), mask.row(int(user)))  # (m,)
    return np.pad(items, (0, -len(items) % 4))[None], np.array([len(items)])


class _Search:
    """The search for lists with one filter.

    Args:
        filter_: what finds candidates.
        user_vec: (U, d) float32, user vectors.
        item_vec: (I, d) float32, item vectors, contiguous.
        mask: the items of each user that must not be ranked.
    """

    def __init__(self, filter_: Filter, user_vec: Tensor, item_vec: Tensor, mask: Interactions) -> None:
        self._filter, self._mask = filter_, mask
        self._user_vec, self._items = user_vec, item_vec.numpy()  # (U, d), (I, d)

    def rank(self, users: NDArray[np.int64], left: NDArray[np.int64], top: NDArray[np.int32]) -> NDArray[np.bool_]:
        """Write the lists of the rows `left` (m,) of `users` (n,) into `top` (n, K); return which (m,) have failed."""
        rows, K = min(ROWS, max(-(-len(left) // threads()), _FEWEST)), top.shape[1]
        spare = [_Buffers(self._filter, rows, min(K, self._mask.n_items)) for _ in range(threads())]
        failed = np.empty(len(left), np.bool_)  # (m,)

        def block(start: int, stop: int) -> None:
            buffers, here = spare.pop(), left[start:stop]  # (b,)
            query = self._user_vec[torch.from_numpy(users[here])]  # (b, d)
            found = buffers.candidates(query, users[here], self._mask)
            size = found.size[: len(here)]  # (b,)
            top[here] = best(query.numpy(), self._items, found.item, size, K)
            failed[start:stop] = size == FAILED
            spare.append(buffers)

        over_blocks(block, len(left), rows)
        return failed


class _Buffers:
    """What one thread searches a block of users in, and then the next."""

    def __init__(self, filter_: Filter, rows: int, K: int) -> None:
        self._filter, self._K = filter_, K
        self._found = Candidates(rows, K, filter_.bits)
        self._scores = torch.empty(rows * COLUMNS, dtype=filter_.dtype)  # (rows * width,)

    def candidates(self, query: Tensor, users: NDArray[np.int64], mask: Interactions) -> Candidates:
        """Return the candidates of `users` (n,), whose vectors are `query` (n, d)."""
        rows, sampled = query.to(self._filter.dtype), self._filter.sampled  # (n, d)
        left_out = LeftOut(mask.items, mask.indptr[users], mask.indptr[users + 1])
        self._found.start(self._filter.bound(query), left_out)
        if sampled:
            wanted = _GUESSED * self._K + _GUESSED_MASKED * mask.user_counts[users]  # (n,)
            rank = np.maximum(wanted * sampled / mask.n_items, _LEAST_RANK).astype(np.int64)  # (n,)
            self._found.guess(self._filter.sample(rows), np.minimum(rank, sampled))
        nothing = -(0x80 << (self._filter.bits - 16))  # the bits of -inf
        for first in range(0, mask.n_items, COLUMNS):
            scores = self._filter.tile(rows, first, self._scores)  # (n, width)
            scores[:, mask.n_items - first :] = nothing
            self._found.offer(scores, first)
        self._found.finish()
        return self._found


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
