"""Scores as they are defined here, and the best items by them.

A score is the sum of the products of two float32 vectors, added up in float64 and rounded to float32 once: the inner
product to the last digit, but for one in some hundred million. All scores come from one kernel that always works on
four items, so that equal items have equal scores wherever they stand and however the work is cut.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rankbench.prefetch import prefetch_row

_FAST = {"reassoc", "contract", "nsz"}
"""What the sums need to become vector instructions; their order is fixed when the kernel is compiled."""

_AT_ONCE = 4
"""Items scored side by side: their sums do not wait for one another."""

_AHEAD = 16
"""Candidates whose vectors are on their way while one is scored."""

_LOW = 0xFFFFFFFF
_BUT_SIGN = 0x7FFFFFFF
_NOTHING = np.iinfo(np.int64).min


def best(
    query: NDArray[np.float32],
    item_vec: NDArray[np.float32],
    item: NDArray[np.int32],
    size: NDArray[np.int64],
    K: int,
) -> NDArray[np.int32]:
    """Return the K best of the candidates of each row (n, K) int32, best first, equal ones by item, then -1.

    Args:
        query: (n, d) float32, user vectors.
        item_vec: (I, d) float32, item vectors.
        item: (n, capacity) int32, candidates; those whose score is NaN or -inf are left out. Capacity is a multiple
            of 4, and what lies beyond a row's size is overwritten.
        size: (n,) int64, how many candidates each row has.
        K: length of the lists.
    """
    width = max(int(size.max(initial=0)), K)
    key = np.full((len(query), width), _NOTHING)  # (n, width)
    _write_keys(query.shape[1])(query, item_vec, item, size, key)
    return _items_of(key, K)


def best_of_rows(scores: NDArray[np.float32], K: int) -> NDArray[np.int32]:
    """Return the K best items of whole rows (n, K) int32, best first, equal ones by item, then -1.

    Args:
        scores: (n, I) float32; items whose score is NaN or -inf are left out.
        K: length of the lists.
    """
    n, n_items = scores.shape
    key = np.full((n, max(n_items, K)), _NOTHING)  # (n, width)
    _write_row_keys(scores.view(np.int32), scores, key)
    key.partition(key.shape[1] - K, axis=1)
    return _items_of(key[:, -K:], K)


def _items_of(key: NDArray[np.int64], K: int) -> NDArray[np.int32]:
    """Return the items of the K largest keys of each row (n, K), sorting the keys in place."""
    key.sort(axis=1)
    items = np.empty((len(key), K), np.int32)  # (n, K)
    _write_items(key, items)
    return items


@cache
def _write_keys(d: int) -> Callable[..., None]:
    @njit(cache=True, nogil=True, fastmath=_FAST)
    def write_keys(query, item_vec, item, size, key):  # type: ignore[no-untyped-def]
        wide = np.empty(d)  # (d,)
        scores = np.empty(item.shape[1], np.float32)  # (capacity,)
        bits = scores.view(np.int32)  # (capacity,)
        for b in range(len(query)):
            n = size[b]
            wide[:] = query[b]
            for j in range(max(n, 0), n + -n % _AT_ONCE):
                item[b, j] = 0  # scored and dropped
            for j in range(0, n, _AT_ONCE):
                for after in range(j + _AHEAD, min(j + _AHEAD + _AT_ONCE, n)):
                    prefetch_row(item_vec, item[b, after], d)
                i0, i1, i2, i3 = item[b, j], item[b, j + 1], item[b, j + 2], item[b, j + 3]
                s0 = s1 = s2 = s3 = 0.0
                for k in range(d):
                    q = wide[k]
                    s0 += q * np.float64(item_vec[i0, k])
                    s1 += q * np.float64(item_vec[i1, k])
                    s2 += q * np.float64(item_vec[i2, k])
                    s3 += q * np.float64(item_vec[i3, k])
                scores[j], scores[j + 1], scores[j + 2], scores[j + 3] = s0, s1, s2, s3
            for j in range(n):
                if scores[j] > -np.inf:
                    key[b, j] = _key_of(bits[j], item[b, j])

    return cast(Callable[..., None], write_keys)


@njit(cache=True, nogil=True)
def _write_row_keys(bits, scores, key):  # type: ignore[no-untyped-def]
    for b in range(len(scores)):
        for i in range(scores.shape[1]):
            if scores[b, i] > -np.inf:
                key[b, i] = _key_of(bits[b, i], i)


@njit(cache=True, nogil=True)
def _write_items(key, items):  # type: ignore[no-untyped-def]
    for b in range(len(items)):
        for r in range(items.shape[1]):
            k = key[b, key.shape[1] - 1 - r]
            items[b, r] = -1 if k == _NOTHING else _LOW - (k & _LOW)


@njit(cache=True, nogil=True, inline="always")
def _key_of(bits: Any, item: Any) -> Any:
    """Return score and item as one integer, the larger the better; the bits of a negative float are turned for that."""
    ordered = np.int64(bits ^ ((bits >> 31) & _BUT_SIGN))
    ordered += ordered == -1  # -0, which equals 0
    return (ordered << 32) | (_LOW - item)
