"""The K best items of every user on a CUDA device: the lists of the CPU, computed a block of users at a time.

A float32 product with all items finds somewhat more candidates than K. Their exact scores, added up in float64 and
rounded to float32 once as in `exact`, decide, and ties are broken by item id, the smaller first. That no other item
belongs in the list is proven from the error of the product; users for whom it is not, such as those with many equal
scores, have all items scored exactly. So the size of a block cannot be seen in a result. float64 sums in another order
than the CPU's round to another float32 once in some hundred million scores: only then can two lists differ.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.device import free_memory
from rankbench.rows_on import Rows, rows_on

_SPARE = 28
"""Candidates beyond K: where scores lie so close that these are not enough, all items are scored exactly."""

_SHARE, _FEWEST, _MOST = 0.25, 64, 4096
"""The share of free memory that a block of scores may take, and bounds of its rows."""

_EXACT = 2**25
"""Products of an exact pass over all items that are held at once: 256 MiB."""

_LARGEST, _SUBNORMAL = 1e30, 1e-30
"""Products of norms up to which nothing can overflow, and more than sums of subnormal numbers that are taken for 0."""

_LOW, _BUT_SIGN, _NOTHING = 0xFFFFFFFF, 0x7FFFFFFF, -(2**63)


def top_items(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int
) -> NDArray[np.int32]:
    """Return the K items of highest score for each of `users`; masked items and scores that are NaN are left out.

    Args:
        user_vec: (U, d) float32, user vectors.
        item_vec: (I, d) float32, item vectors on the same device.
        users: (n,) int64, the users to rank for.
        mask: the items of each user that must not be ranked.
        K: length of the lists, at least 1.

    Returns:
        (n, K) int32, best first, ties by ascending item; -1 where fewer than K items can be ranked.
    """
    top = np.full((len(users), K), -1, np.int32)  # (n, K)
    if not mask.n_items or not len(users):
        return top
    there = torch.from_numpy(users).to(user_vec.device)  # (n,)
    ranker = _Ranker(user_vec, item_vec.contiguous(), rows_on(user_vec.device, mask), min(K, mask.n_items))
    rows = _rows_at_once(user_vec.device, mask.n_items)
    keys, proven = zip(*(ranker.rank(block) for block in torch.split(there, rows)), strict=True)
    best, left = torch.cat(keys), (~torch.cat(proven)).nonzero()[:, 0]  # (n, K), (m,)
    for block in torch.split(left, ranker.rows_of_exact_pass):
        best[block] = ranker.rank_exactly(there[block])
    top[:, : best.shape[1]] = _items(best).to(torch.int32).cpu().numpy()
    return top


class _Ranker:
    """What blocks of users are ranked with.

    Args:
        user_vec: (U, d) float32, user vectors.
        item_vec: (I, d) float32, item vectors, contiguous.
        mask: the items of each user that must not be ranked.
        K: length of the lists, at most I.
    """

    def __init__(self, user_vec: Tensor, item_vec: Tensor, mask: Rows, K: int) -> None:
        self._users, self._items, self._mask, self._K = user_vec, item_vec, mask, K
        n_items, d = item_vec.shape
        self._candidates = min(K + _SPARE, n_items)
        self._norm = item_vec.double().norm(dim=1).nan_to_num(nan=0.0).max()  # () NaN scores are never ranked
        self.rows_of_exact_pass = max(1, _EXACT // (n_items * d))
        self._items_of_exact_pass = max(1, _EXACT // (self.rows_of_exact_pass * d))

    def rank(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keys (b, K) of the best candidates of users (b,), and for whom they are proven the best (b,)."""
        query = self._users[users]  # (b, d)
        scores = query @ self._items.t()  # (b, I)
        scores[self._mask.pairs(users)] = -torch.inf
        scores.nan_to_num_(nan=-torch.inf, posinf=torch.inf, neginf=-torch.inf)
        value, item = scores.topk(self._candidates, dim=1)  # (b, candidates)
        exact = self._exact(query, self._items[item]).masked_fill_(value.isneginf(), -torch.inf)  # (b, candidates)
        best = _keys(exact, item).sort(dim=1, descending=True).values[:, : self._K]  # (b, K)
        least = value[:, -1]  # (b,) no other item's approximate score is higher
        if self._candidates == len(self._items):
            least = torch.full_like(least, -torch.inf)  # (b,)
        error = _error(query.double().norm(dim=1), self._norm, query.shape[1])  # (b,)
        none_left = least.isneginf() | (_scores(best[:, -1]).double() > least.double() + error)  # (b,)
        return best, none_left & error.isfinite()  # without overflow only what is masked or NaN has the score -inf

    def rank_exactly(self, users: Tensor) -> Tensor:
        """Return the keys (m, K) of the best of all items for a few users (m,)."""
        query, n_items = self._users[users], len(self._items)  # (m, d)
        masked = torch.zeros((len(users), n_items), dtype=torch.bool, device=users.device)  # (m, I)
        masked[self._mask.pairs(users)] = True
        best = users.new_empty(len(users), 0)  # (m, 0)
        for first in range(0, n_items, self._items_of_exact_pass):
            stop = min(first + self._items_of_exact_pass, n_items)
            exact = self._exact(query, self._items[None, first:stop])  # (m, items)
            exact.masked_fill_(masked[:, first:stop], -torch.inf)
            keys = torch.cat([best, _keys(exact, torch.arange(first, stop, device=users.device))], dim=1)
            best = keys.topk(min(self._K, keys.shape[1]), dim=1).values  # (m, K)
        return best

    @staticmethod
    def _exact(query: Tensor, item_vec: Tensor) -> Tensor:
        """Return the scores (b, n) float32 of users (b, d) with their own items (b, n, d) or the same (1, n, d)."""
        return (query.double()[:, None] * item_vec.double()).sum(dim=2).float()  # (b, n)


def _error(norm: Tensor, largest: Tensor, d: int) -> Tensor:
    r"""Return how far products (b,) of float32 vectors are from exact scores at most, given their norms.

    A float32 sum of d products is wrong by $d 2^{-23}|u||v|$ at most, and the exact score has been rounded, too.
    """
    size = norm * largest  # (b,)
    bound = (d + 4) * 2.0**-23 * size + _SUBNORMAL  # (b,)
    return torch.where(size < _LARGEST, bound, torch.inf)  # (b,)


def _keys(score: Tensor, item: Tensor) -> Tensor:
    """Return scores and items (b, n) as one integer, the larger the better; the smallest where nothing is ranked."""
    bits = score.view(torch.int32).long()  # (b, n)
    ordered = bits ^ ((bits >> 31) & _BUT_SIGN)  # (b, n) the bits of a negative float are turned
    ordered = ordered + (ordered == -1)  # (b, n) -0, which equals 0
    return torch.where(score > -torch.inf, (ordered << 32) | (_LOW - item), _NOTHING)  # (b, n)


def _items(key: Tensor) -> Tensor:
    """Return the items of keys, -1 for none."""
    return torch.where(key == _NOTHING, -1, _LOW - (key & _LOW))


def _scores(key: Tensor) -> Tensor:
    """Return the scores of keys (b,), -inf for none."""
    ordered = key >> 32  # (b,)
    bits = (ordered ^ ((ordered >> 31) & _BUT_SIGN)).to(torch.int32)  # (b,)
    return torch.where(key == _NOTHING, -torch.inf, bits.view(torch.float32))  # (b,)


def _rows_at_once(device: torch.device, n_items: int) -> int:
    """Return how many users are ranked at a time: what free memory allows for scores, and as much for their order."""
    if device.type == "cpu":
        return _FEWEST
    return int(min(max(_SHARE * free_memory(device) / (2 * 4 * n_items), _FEWEST), _MOST))
