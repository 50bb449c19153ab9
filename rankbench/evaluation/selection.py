"""Who may be among the K best of rows of approximate scores that arrive tile by tile, each looked at in the cache.

Every row keeps more candidates than K, and a threshold: K of them are so good that no item below it can be among the
K best, however wrong its approximate score is within the bound. Only entries above the threshold are candidates still,
and a chunk of scores is compared with it at once. A sample of the items gives a guess of the threshold to start with,
which saves most of the candidates of the first tiles; a row whose guess turns out to be too high is searched again.

Scores are compared as the integers of their bits: those of floats of one sign are in order, ascending for positive and
descending for negative ones. `ordered` turns the latter, so that larger is better throughout.
"""

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

CHUNK = 64
"""Scores compared with the threshold at once, one bit of an integer each; a tile is a whole number of chunks wide."""

FAILED = -1
"""The size of a row that has more candidates than there is room for, or whose first threshold was too high."""

_BELOW = 2
"""Steps that a threshold is moved down by: one for its rounding, one because -0, a step below 0, equals 0."""


@dataclass(frozen=True)
class Bound:
    """How wrong approximate scores may be: by `error` (rows,), and by `relative` times their size.

    Rows whose error is not finite fail from the start.
    """

    error: NDArray[np.float64]
    relative: float


class Candidates:
    """The candidates of a block of rows: `start`, then `offer` each tile, then `finish`.

    Args:
        rows: number of rows.
        K: how many entries are wanted of each row, at least 1.
        bits: width of a score, 16 for bfloat16 or 32 for float32.

    Attributes:
        item: (rows, capacity) int32, candidates of each row.
        size: (rows,) int64, how many there are, or `FAILED`.
    """

    def __init__(self, rows: int, K: int, bits: int) -> None:
        capacity = -(-3 * K // CHUNK) * CHUNK + 2 * CHUNK
        self.item = np.empty((rows, capacity), np.int32)  # (rows, capacity)
        self.size = np.zeros(rows, np.int64)  # (rows,)
        self._K, self._bits = K, bits
        self._value = np.empty((rows, capacity), np.int32)  # (rows, capacity)
        self._least = np.empty(rows, np.int32)  # (rows,)
        self._guess = np.empty(rows, np.int32)  # (rows,)
        self._bound = Bound(np.zeros(rows), 0.0)

    def start(self, bound: Bound) -> None:
        """Empty all rows; those beyond the bound's take nothing."""
        n, nothing, lowest = len(bound.error), 2 ** (self._bits - 1) - 1, -(0x7F80 << (self._bits - 16)) - 1
        self._bound = bound
        usable = np.isfinite(bound.error)  # (n,)
        self.size[:n], self._least[:n] = np.where(usable, 0, FAILED), np.where(usable, lowest, nothing)
        self.size[n:], self._least[n:] = 0, nothing
        self._guess[:] = lowest

    def guess(self, scores: NDArray[np.signedinteger], rank: NDArray[np.int64]) -> None:
        """Begin with a threshold that the best `rank` (n,) of a sample reach, whose scores (n, S) are given as bits."""
        _guess(scores, rank, self._least, self._guess, self.size, 32 - self._bits)

    def offer(self, scores: NDArray[np.signedinteger], first: int) -> None:
        """Keep what may be among the K best of each row; entries that are -inf never are.

        Args:
            scores: (rows, width) bits of the scores as signed integers, contiguous, width a multiple of `CHUNK`.
            first: the item of the first column, larger than all before.
        """
        error, relative = self._bound.error, self._bound.relative
        chunks = scores.reshape(len(scores), -1, CHUNK)  # (rows, chunks, CHUNK)
        unsigned = chunks.view(np.uint16 if self._bits == 16 else np.uint32)  # (rows, chunks, CHUNK)
        state = (self._value, self.item, self.size, self._least)
        _offer(chunks, unsigned, first, self._K, *state, error, relative, 32 - self._bits)

    def finish(self) -> None:
        """Drop candidates that the last threshold leaves out, and find the rows whose guess was too high."""
        state = (self._value, self.item, self.size, self._guess)
        _finish(self._K, *state, self._bound.error, self._bound.relative, 32 - self._bits)


@njit(cache=True, nogil=True)
def _offer(signed, unsigned, first, K, value, item, size, least, error, relative, shift):  # type: ignore[no-untyped-def]
    turned = 0x7FFFFFFF >> shift
    for b in range(len(error)):
        n, low = size[b], least[b]
        larger, smaller = signed.dtype.type(low), unsigned.dtype.type(low ^ turned)
        for c in range(signed.shape[1]):
            # above a negative threshold is what is positive, or negative but nearer to 0
            if not (_any_larger(signed, b, c, larger) if low >= 0 else _any_smaller(unsigned, b, c, smaller)):
                continue
            if n + CHUNK > value.shape[1]:
                low = max(low, _threshold(value[b], n, K, error[b], relative, shift))
                n = _keep(value[b], item[b], n, low)
                if n + CHUNK > value.shape[1]:
                    n, low = FAILED, np.int32(turned)
                larger, smaller = signed.dtype.type(low), unsigned.dtype.type(low ^ turned)
            above = _larger(signed, b, c, larger) if low >= 0 else _smaller(unsigned, b, c, smaller)
            while above != 0:
                lowest = above & (~above + np.uint64(1))
                j = (np.float64(lowest).view(np.int64) >> 52) - 1023  # its place is the exponent
                bits = np.int32(signed[b, c, j])
                value[b, n], item[b, n] = bits ^ ((bits >> 31) & turned), first + c * CHUNK + j
                n += 1
                above ^= lowest
        size[b], least[b] = n, low


@njit(cache=True, nogil=True)
def _any_larger(bits, b, c, least):  # type: ignore[no-untyped-def]
    found = bits.dtype.type(0)
    for j in range(CHUNK):
        found |= bits.dtype.type(bits[b, c, j] > least)
    return found != 0


@njit(cache=True, nogil=True)
def _any_smaller(bits, b, c, most):  # type: ignore[no-untyped-def]
    found = bits.dtype.type(0)
    for j in range(CHUNK):
        found |= bits.dtype.type(bits[b, c, j] < most)
    return found != 0


@njit(cache=True, nogil=True)
def _larger(bits, b, c, least):  # type: ignore[no-untyped-def]
    """Return which entries of a chunk are larger, as the bits of an integer."""
    found = np.uint64(0)
    for j in range(CHUNK):
        found |= np.uint64(np.uint64(bits[b, c, j] > least) << np.uint64(j))
    return found


@njit(cache=True, nogil=True)
def _smaller(bits, b, c, most):  # type: ignore[no-untyped-def]
    found = np.uint64(0)
    for j in range(CHUNK):
        found |= np.uint64(np.uint64(bits[b, c, j] < most) << np.uint64(j))
    return found


@njit(cache=True, nogil=True)
def _guess(scores, rank, least, guess, size, shift):  # type: ignore[no-untyped-def]
    turned = np.int32(0x7FFFFFFF >> shift)
    value = np.empty(scores.shape[1], np.int32)  # (S,)
    for b in range(len(scores)):
        if size[b] != FAILED:
            for j in range(len(value)):
                bits = np.int32(scores[b, j])
                value[j] = bits ^ ((bits >> 31) & turned)
            guess[b] = least[b] = max(least[b], _largest(value, len(value), rank[b]) - 1)


@njit(cache=True, nogil=True)
def _finish(K, value, item, size, guess, error, relative, shift):  # type: ignore[no-untyped-def]
    lowest = -(0x7F800000 >> shift) - 1
    for b in range(len(error)):
        low = lowest
        if size[b] > K:
            low = _threshold(value[b], size[b], K, error[b], relative, shift)
            size[b] = _keep(value[b], item[b], size[b], low)
        if low < guess[b]:
            size[b] = FAILED


@njit(cache=True, nogil=True)
def _threshold(value, n, K, error, relative, shift):  # type: ignore[no-untyped-def]
    """Return an ordered value above which all of the K best are.

    With A the K-th best approximate score, r the relative and e the other error: K items have exact scores of
    A - r|A| - e or more. So has each of the K best, and so its approximate score is X - r|X| or more, where
    X = A - r|A| - 2e.
    """
    turned = np.int32(0x7FFFFFFF >> shift)
    kth = _largest(value, n, K)
    a = np.float64(np.int32((kth ^ ((kth >> 31) & turned)) << shift).view(np.float32))
    x = a - relative * abs(a) - 2 * error
    bits = np.float32(x - relative * abs(x)).view(np.int32)
    ordered = (bits ^ ((bits >> 31) & np.int32(0x7FFFFFFF))) >> shift
    return np.int32(max(ordered - _BELOW, -(0x7F800000 >> shift) - 1))


@njit(cache=True, nogil=True)
def _largest(value, n, K):  # type: ignore[no-untyped-def]
    """Return the K-th largest of n values.

    Bisection by counting: counts are vector instructions, where a quickselect has branches that cannot be predicted.
    """
    low, high = np.int64(value[:n].min()), np.int64(value[:n].max())
    while low < high:  # K values or more are at least `low`, fewer are above `high`
        middle = np.int32((low + high + 1) >> 1)
        count = np.int32(0)
        for i in range(n):
            count += np.int32(value[i] >= middle)
        if count >= K:
            low = np.int64(middle)
        else:
            high = np.int64(middle) - 1
    return np.int32(low)


@njit(cache=True, nogil=True)
def _keep(value, item, n, low):  # type: ignore[no-untyped-def]
    """Move the entries above `low` to the front and return how many there are."""
    kept = 0
    for i in range(n):
        v, candidate = value[i], item[i]
        value[kept], item[kept] = v, candidate
        kept += v > low
    return kept
