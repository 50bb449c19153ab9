"""The K best entries of rows of scores that arrive tile by tile, each tile looked at while it is in the cache.

Every row keeps some more candidates than K, and a score that K of them reach. Only entries above this threshold are
candidates still, and a chunk of scores is compared with it at once: after the first tiles hardly any chunk has one.
A candidate is one integer, made of its score and its item so that the larger is the better and no two are equal.
"""

import numpy as np
from numba import njit
from numpy.typing import NDArray

CHUNK = 64
"""Scores compared with the threshold at once, one bit of an integer each; a tile is a whole number of chunks wide."""

_LOW = 0xFFFFFFFF
_BUT_SIGN = 0x7FFFFFFF


class Candidates:
    """The best entries so far of a block of rows: `offer` takes from the next tile, `take` reads and empties.

    Args:
        rows: number of rows.
        K: how many entries are wanted of each row, at least 1.
    """

    def __init__(self, rows: int, K: int) -> None:
        self._K = K
        self._key = np.empty((rows, 2 * K + 2 * CHUNK), np.int64)  # (rows, capacity)
        self._size = np.zeros(rows, np.int64)  # (rows,)
        self._threshold = np.full(rows, -np.inf, np.float32)  # (rows,)

    def offer(self, scores: NDArray[np.float32], first: int) -> None:
        """Keep what may be among the K best of each row; entries that are -inf or NaN never are.

        Args:
            scores: (rows, width) float32, contiguous, width a multiple of `CHUNK`.
            first: the item of the first column, larger than all before.
        """
        _offer(scores, scores.view(np.int32), first, self._K, self._key, self._size, self._threshold)

    def take(self, top: NDArray[np.int32]) -> None:
        """Write the items of the first rows into `top` (n, K), best first, equal ones by item, -1 where there is none.

        Afterwards all rows are empty.
        """
        _take(self._key, self._size, top)
        self._size.fill(0)
        self._threshold.fill(-np.inf)


@njit(cache=True, nogil=True)
def _offer(scores, bits, first, K, key, size, threshold):  # type: ignore[no-untyped-def]
    for b in range(len(scores)):
        n, least = size[b], threshold[b]
        for c in range(0, scores.shape[1], CHUNK):
            chunk = scores[b, c : c + CHUNK]
            above = _above(chunk, least)
            if above != 0 and n + CHUNK > key.shape[1]:
                n, least = K, _keep_best(key[b], n, K)
                above = _above(chunk, least)
            while above != 0:
                lowest = above & (~above + np.uint64(1))
                j = c + (np.float64(lowest).view(np.int64) >> 52) - 1023  # its place is the exponent
                key[b, n] = _key_of(bits[b, j], first + j)
                n += 1
                above ^= lowest
        size[b], threshold[b] = n, least


@njit(cache=True, nogil=True, inline="always")
def _above(chunk, least):  # type: ignore[no-untyped-def]
    """Return the entries of a chunk that are above the threshold as the bits of an integer: a few instructions."""
    above = np.uint64(0)
    for j in range(CHUNK):
        above |= np.uint64(np.uint64(chunk[j] > least) << np.uint64(j))
    return above


@njit(cache=True, nogil=True, inline="always")
def _key_of(bits, item):  # type: ignore[no-untyped-def]
    """Return score and item as one integer; the bits of a float are in order once those of negative ones are turned."""
    ordered = np.int64(bits ^ ((bits >> 31) & _BUT_SIGN))
    ordered += ordered == -1  # -0, which equals 0
    return (ordered << 32) | (_LOW - item)


@njit(cache=True, nogil=True)
def _keep_best(key, n, K):  # type: ignore[no-untyped-def]
    """Move the K largest of the first n keys to the front and return a score that just these reach.

    Bisection by counting: counts are vector instructions, where a quickselect has branches that cannot be predicted.
    """
    low, high, found = key[:n].min(), key[:n].max(), n
    while found != K:  # K keys or more are at least `low`, fewer are above `high`
        middle = (low | high) - ((low ^ high) >> 1)  # rounded up, without overflow
        count = 0
        for i in range(n):
            count += key[i] >= middle
        if count >= K:
            low, found = middle, count
        else:
            high = middle - 1
    kept = 0
    for i in range(n):
        candidate = key[i]
        key[kept] = candidate
        kept += candidate >= low
    ordered = low >> 32
    return np.int32(ordered ^ ((ordered >> 31) & _BUT_SIGN)).view(np.float32)


@njit(cache=True, nogil=True)
def _take(key, size, top):  # type: ignore[no-untyped-def]
    K = top.shape[1]
    for b in range(len(top)):
        n = size[b]
        if n > K:
            _keep_best(key[b], n, K)
            n = K
        best = key[b, :n]
        best.sort()
        for r in range(n):
            top[b, r] = _LOW - (best[n - 1 - r] & _LOW)
        top[b, n:] = -1
