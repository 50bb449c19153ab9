"""The K best items of every user on a CUDA device: the lists of the CPU, computed a block of users at a time.

A float32 product with all items finds somewhat more candidates than K. Their exact scores, added up in float64 and
rounded to float32 once as in `exact`, decide, and ties are broken by item id, the smaller first. That no other item
belongs in the list is proven from the error of the product; users for whom it is not, such as those with many equal
scores, have all items scored exactly. So the size of a block cannot be seen in a result. float64 sums in another order
than the CPU's round to another float32 once in some hundred million scores: only then can two lists differ.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from rankbench.data.interactions import Interactions
from rankbench.device import free_memory, rounds_products
from rankbench.rows_on import Rows, rows_on

_SPARE = 28
"""Candidates beyond K: where scores lie so close that these are not enough, all items are scored exactly."""

_SHARE, _FEWEST, _MOST = 0.25, 64, 4096
"""The share of free memory that a block of scores may take, and bounds of its rows."""

_OF_A_SCORE, _OF_A_NUMBER, _OF_A_KEY = 8, 20, 40
"""Bytes that a score takes, with what finds the best; a number of a candidate's vector, which is there in float32, in
float64 and multiplied; and a candidate's key, with what makes it and sorts it."""

_EXACT = 2**25
"""Products of an exact pass over all items that are held at once: 256 MiB."""

_LARGEST, _SUBNORMAL = 1e30, 1e-30
"""Products of norms up to which nothing can overflow, and more than sums of subnormal numbers that are taken for 0."""

_LOW, _BUT_SIGN, _NOTHING = 0xFFFFFFFF, 0x7FFFFFFF, -(2**63)


@dataclass(frozen=True, eq=False)
class Ranked:
    """Lists on the device that ranked them.

    Args:
        item: (n, K) int64, best first, ties by ascending item; -1 where fewer than K items can be ranked.
        score: (n, K) float32, the exact scores; -inf where there is no item.
    """

    item: Tensor
    score: Tensor


def top_items(
    user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int
) -> NDArray[np.int32]:
    """Return the items of `rank` on the host, (n, K) int32."""
    items: NDArray[np.int32] = rank(user_vec, item_vec, users, mask, K).item.to(torch.int32).cpu().numpy()
    return items


def rank(user_vec: Tensor, item_vec: Tensor, users: NDArray[np.int64], mask: Interactions, K: int) -> Ranked:
    """Return the K items of highest score for each of `users`; masked items and scores that are NaN are left out.

    Args:
        user_vec: (U, d) float32, user vectors.
        item_vec: (I, d) float32, item vectors on the same device.
        users: (n,) int64, the users to rank for.
        mask: the items of each user that must not be ranked.
        K: length of the lists, at least 1.
    """
    there = torch.from_numpy(users).to(user_vec.device)  # (n,)
    if not mask.n_items or not len(users):
        return _ranked(there.new_empty(len(users), 0), K)
    ranker = _Ranker(user_vec, item_vec.contiguous(), rows_on(user_vec.device, mask), min(K, mask.n_items))
    blocks = torch.split(there, ranker.rows_at_once)
    keys, proven = zip(*(ranker.rank(block) for block in blocks), strict=True)
    best, left = torch.cat(keys), (~torch.cat(proven)).nonzero()[:, 0]  # (n, K), (m,)
    for block in torch.split(left, ranker.rows_of_exact_pass):
        best[block] = ranker.rank_exactly(there[block])
    return _ranked(best, K)


def rank_rows(
    score: Callable[[Tensor], Tensor], device: torch.device, users: NDArray[np.int64], mask: Interactions, K: int
) -> Ranked:
    """Return the K items of highest score for each of `users`, as `rank` does, by whole rows of scores.

    Args:
        score: gives the scores (b, I) float of all items for users (b,) int64.
        device: where these are, and the lists will be.
        users: (n,) int64, the users to rank for.
        mask: the items of each user that must not be ranked.
        K: length of the lists, at least 1.
    """
    there, left_out = torch.from_numpy(users).to(device), rows_on(device, mask)  # (n,)
    item, found = torch.arange(mask.n_items, device=device), [there.new_empty(0, min(K, mask.n_items))]
    for block in torch.split(there, _rows_at_once(device, _OF_A_KEY * mask.n_items)):
        with torch.no_grad():
            scores = score(block).float()  # (b, I)
        keys = _keys(scores, item)  # (b, I)
        keys[left_out.pairs(block)] = _NOTHING
        found.append(keys.topk(min(K, mask.n_items), dim=1).values)  # (b, K)
    return _ranked(torch.cat(found), K)


def _ranked(keys: Tensor, K: int) -> Ranked:
    """Return the lists of ordered keys (n, <= K)."""
    keys = pad(keys, (0, K - keys.shape[1]), value=_NOTHING)  # (n, K)
    return Ranked(_items(keys), _scores(keys))


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
        self.rows_at_once = _rows_at_once(
            item_vec.device, _OF_A_SCORE * n_items + self._candidates * (_OF_A_NUMBER * d + _OF_A_KEY)
        )
        self.rows_of_exact_pass = max(1, _EXACT // (n_items * d))
        self._items_of_exact_pass = max(1, _EXACT // (self.rows_of_exact_pass * d))

    def rank(self, users: Tensor) -> tuple[Tensor, Tensor]:
        """Return the keys (b, K) of the best candidates of users (b,), and for whom they are proven the best (b,)."""
        query = self._users[users]  # (b, d)
        scores = _product(query, self._items)  # (b, I)
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


def _product(query: Tensor, item_vec: Tensor) -> Tensor:
    return query @ item_vec.t()  # (b, I)


def _error(norm: Tensor, largest: Tensor, d: int) -> Tensor:
    r"""Return how far products (b,) of float32 vectors are from exact scores at most, given their norms.

    A float32 sum of d products is wrong by $d 2^{-23}|u||v|$ at most, and the exact score has been rounded, too. Where
    torch may round the vectors, to no fewer bits than bfloat16 has, each product is wrong by less than $2^{-6}$ of it.
    """
    size = norm * largest  # (b,)
    relative = (d + 4) * 2.0**-23 + (2.0**-6 if rounds_products() else 0.0)
    bound = relative * size + _SUBNORMAL  # (b,)
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
    """Return the scores of keys, -inf for none."""
    ordered = key >> 32
    bits = (ordered ^ ((ordered >> 31) & _BUT_SIGN)).to(torch.int32)
    return torch.where(key == _NOTHING, -torch.inf, bits.view(torch.float32))


def _rows_at_once(device: torch.device, bytes_each: int) -> int:
    """Return how many users are ranked at a time: as many as free memory allows, given the bytes that each takes."""
    if device.type == "cpu":
        return _FEWEST
    return int(min(max(_SHARE * free_memory(device) / bytes_each, _FEWEST), _MOST))
