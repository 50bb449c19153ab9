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
from rankbench.evaluation.filters import COLUMNS, ROWS, Filter, fastest_filters
from rankbench.evaluation.selection import FAILED, Candidates
from rankbench.parallel import over_blocks, over_rows, threads

_GUESSED, _GUESSED_MASKED, _LEAST_RANK = 4, 1.5, 8
"""How many items a user should have above the guessed threshold: so many times K, and of those that are masked; and at
least so many of the sample, since the fewer they are, the more often a guess is wrong."""


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
    filters = fastest_filters(item_vec)
    spare = [_Ranker(item_vec, filters, mask, K) for _ in range(threads())]

    def block(start: int, stop: int) -> None:
        ranker = spare.pop()
        rows = users[start:stop]
        ranker.rank(user_vec[torch.from_numpy(rows)], rows, top[start:stop])
        spare.append(ranker)

    over_blocks(block, len(users), ROWS)
    return top


class _Ranker:
    """What one thread ranks blocks of users with.

    Args:
        item_vec: (I, d) float32, item vectors, contiguous.
        filters: what finds candidates; each is tried with the users that the one before failed for.
        mask: the items of each user that must not be ranked.
        K: length of the lists.
    """

    def __init__(self, item_vec: Tensor, filters: list[Filter], mask: Interactions, K: int) -> None:
        self._items = item_vec.numpy()  # (I, d)
        self._mask = mask
        self._searches = [_Search(filter_, mask, min(K, mask.n_items)) for filter_ in filters]

    def rank(self, query: Tensor, users: NDArray[np.int64], top: NDArray[np.int32]) -> None:
        """Write the best items of `users` (n,), whose vectors are `query` (n, d), into `top` (n, K)."""
        left = np.arange(len(users))  # (m,) rows without a list
        for search in self._searches:
            rows = query[torch.from_numpy(left)]  # (m, d)
            found = search.candidates(rows, users[left])
            top[left] = best(rows.numpy(), self._items, found.item, found.size[: len(left)], top.shape[1])
            left = left[found.size[: len(left)] == FAILED]
            if not len(left):
                return
        for b in left:
            items = self._rankable(users[b])  # (1, capacity)
            top[b] = best(query[b : b + 1].numpy(), self._items, *items, top.shape[1])

    def _rankable(self, user: np.int64) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Return all items that may be ranked for a user, as candidates, and how many there are."""
        items = np.delete(np.arange(len(self._items), dtype=np.int32), self._mask.row(int(user)))  # (m,)
        return np.pad(items, (0, -len(items) % 4))[None], np.array([len(items)])


class _Search:
    """The search for candidates with one filter, in buffers that are used again for each block of users."""

    def __init__(self, filter_: Filter, mask: Interactions, K: int) -> None:
        self._filter, self._mask, self._K = filter_, mask, K
        self._found = Candidates(ROWS, K, filter_.bits)
        self._scores = torch.empty(ROWS * COLUMNS, dtype=filter_.dtype)  # (rows * width,)

    def candidates(self, query: Tensor, users: NDArray[np.int64]) -> Candidates:
        """Return the candidates of `users` (n,), whose vectors are `query` (n, d)."""
        mask, rows, sampled = self._mask, query.to(self._filter.dtype), self._filter.sampled  # (n, d)
        self._found.start(self._filter.bound(query))
        if sampled:
            above = _GUESSED * self._K + _GUESSED_MASKED * mask.user_counts[users]  # (n,)
            rank = np.maximum(above * sampled / mask.n_items, _LEAST_RANK).astype(np.int64)  # (n,)
            self._found.guess(self._filter.sample(rows), np.minimum(rank, sampled))
        place, end = mask.indptr[users], mask.indptr[users + 1]  # (n,), (n,) what has not been masked yet of each user
        nothing = -(0x80 << (self._filter.bits - 16))  # the bits of -inf
        for first in range(0, mask.n_items, COLUMNS):
            scores = self._filter.tile(rows, first, self._scores)  # (n, width)
            scores[:, mask.n_items - first :] = nothing
            _leave_out(scores, first, mask.items, place, end, nothing)
            self._found.offer(scores, first)
        self._found.finish()
        return self._found


@njit(cache=True, nogil=True)
def _leave_out(scores, first, items, place, end, nothing):  # type: ignore[no-untyped-def]
    """Give the masked entries of a tile the bits `nothing`, and move `place` on to those of the next tile."""
    stop = first + scores.shape[1]
    for b in range(len(place)):
        e = place[b]
        while e < end[b] and items[e] < stop:
            scores[b, items[e] - first] = nothing
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
