"""The largest entries of each row."""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rankbench.instructions import CHUNK, at_least, chunks_largest, count, largest_of_lanes, lowest, smallest_of_lanes

_LANES = CHUNK
"""Places whose maxima give a first bound of the largest entries; entries that reach it are looked at one by one."""

_HALVINGS = 7
"""Steps in which the bound is looked for."""

_MOST = 32
"""Entries up to which that pays."""


def selects(n: int, k: int) -> bool:
    """Return whether `places_of_largest` is the way to find the k largest entries of rows of n."""
    return k <= _MOST and n >= 4 * _LANES


def largest(x: Tensor, k: int) -> Tensor:
    """Return the places (B, k) int64 of the k largest entries of each row (B, N), in any order, k at most N."""
    if x.device.type != "cpu" or not selects(x.shape[1], k) or x.dtype not in (torch.float32, torch.float64):
        return x.topk(k, dim=1, sorted=False).indices  # (B, k)
    out = np.zeros((len(x), k), np.int64)  # (B, k)
    _largest(x.detach().contiguous().numpy(), k, out)
    return torch.from_numpy(out)


@njit(cache=True, nogil=True)
def _largest(x, k, out):  # type: ignore[no-untyped-def]
    maxima = np.empty(_LANES, x.dtype)  # (lanes,)
    place = np.empty(x.shape[1] + 1, np.int64)  # (N + 1,)
    for b in range(len(x)):
        places_of_largest(x[b], k, maxima, place, out[b])


@njit(cache=True, nogil=True)
def places_of_largest(row, k, maxima, place, out):  # type: ignore[no-untyped-def]
    """Write the places of the k largest entries of a row (N,) into `out` (k,), in any order.

    `maxima` (lanes,) and `place` (N + 1,) are for its own use; what is in `out` stays for entries that are NaN.
    """
    bound = _kth_of_lanes(row, k, maxima)
    n, whole = 0, len(row) - len(row) % CHUNK
    for at in range(0, whole, CHUNK):
        found = at_least(row, at, bound)
        while found != 0:
            place[n] = at + lowest(found)
            found &= found - np.uint64(1)
            n += 1
    for j in range(whole, len(row)):
        place[n] = j
        n += row[j] >= bound
    _keep_largest(row, place[:n], out)


@njit(cache=True, nogil=True)
def _kth_of_lanes(row, k, maxima):  # type: ignore[no-untyped-def]
    """Return a number about the k-th largest of the maxima of the lanes, which k entries or more reach.

    It is looked for by halves, and as good as exact maxima with far fewer comparisons.
    """
    chunks_largest(row, maxima)
    low, high = smallest_of_lanes(maxima), largest_of_lanes(maxima)
    for _ in range(_HALVINGS):
        middle = low + (high - low) / 2
        if count(at_least(maxima, 0, middle)) >= k:
            low = middle
        else:
            high = middle
    return low


@njit(cache=True, nogil=True)
def _keep_largest(row, place, out):  # type: ignore[no-untyped-def]
    """Write the places of the largest entries among some: the smallest of those kept gives way to a larger one."""
    k = min(len(out), len(place))
    out[:k] = place[:k]
    if k < len(place):
        weakest = _weakest(row, out)
        for j in place[k:]:
            if row[j] > row[out[weakest]]:
                out[weakest] = j
                weakest = _weakest(row, out)


@njit(cache=True, nogil=True)
def _weakest(row, place):  # type: ignore[no-untyped-def]
    weakest = 0
    for i in range(1, len(place)):
        if row[place[i]] < row[place[weakest]]:
            weakest = i
    return weakest
