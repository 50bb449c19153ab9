"""Who may be among the K best of rows of approximate scores that arrive tile by tile, each looked at in the cache.

Every row keeps more candidates than K, and a threshold: K of them are so good that no item below it can be among the
K best, however wrong its approximate score is within the bound. Only entries above the threshold are candidates still,
and a chunk of scores is compared with it at once. A sample of the items gives a guess of the threshold to start with,
which saves most of the candidates of the first tiles; a row whose guess turns out to be too high is searched again.

Scores are compared as the integers of their bits: those of floats of one sign are in order, ascending for positive and
descending for negative ones. `_ordered` turns the latter, so that larger is better throughout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rankbench.instructions import CHUNK, above, count, lowest

FAILED = -1
"""The size of a row that has more candidates than there is room for, or whose first threshold was too high."""

_BELOW = 2
"""Steps that a threshold is moved down by: one for its rounding, one because -0, a step below 0, equals 0."""

_NEVER = np.int32(2**31 - 1)
"""An item beyond all others."""

_LAST = np.uint64(2 ** (CHUNK - 1))
"""The bit of the last entry of a chunk."""


@dataclass(frozen=True)
class Bound:
    """How wrong approximate scores may be: by `error` (rows,), and by `relative` times their size.

    Rows whose error is not finite fail from the start.
    """

    error: NDArray[np.float64]
    relative: float


@dataclass(frozen=True)
class LeftOut:
    """The entries that are no candidates: of each row b those of `items` (nnz,), ascending, from start[b] to end[b]."""

    items: NDArray[np.int32]
    start: NDArray[np.int64]
    end: NDArray[np.int64]


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

    def start(self, bound: Bound, left_out: LeftOut) -> None:
        """Empty all rows; those beyond the bound's take nothing."""
        n, nothing, lowest_of_all = len(bound.error), 2 ** (self._bits - 1) - 1, -(0x7F80 << (self._bits - 16)) - 1
        self._bound, self._left_out, self._seen = bound, left_out, left_out.start.copy()
        usable = np.isfinite(bound.error)  # (n,)
        self.size[:n], self._least[:n] = np.where(usable, 0, FAILED), np.where(usable, lowest_of_all, nothing)
        self.size[n:], self._least[n:] = 0, nothing
        self._guess[:] = lowest_of_all

    def guess(self, scores: NDArray[np.signedinteger], rank: NDArray[np.int64]) -> None:
        """Begin with a threshold that the best `rank` (n,) of a sample reach.

        Args:
            scores: (n, S) bits of the scores of the sample, contiguous, S a multiple of `CHUNK`.
            rank: (n,) int64, from 1 to S.
        """
        _guess(scores, rank, self._least, self._guess, self.size, 32 - self._bits)

    def offer(self, scores: NDArray[np.signedinteger], first: int) -> None:
        """Keep what may be among the K best of each row; entries that are -inf never are.

        Args:
            scores: (rows, width) bits of the scores as signed integers, contiguous, width a multiple of `CHUNK`.
            first: the item of the first column, larger than all before.
        """
        left_out = (self._left_out.items, self._seen, self._left_out.end)
        state = (self._value, self.item, self.size, self._least)
        _offer(scores, first, self._K, *left_out, *state, self._bound.error, self._bound.relative, 32 - self._bits)

    def finish(self) -> None:
        """Drop candidates that the last threshold leaves out, and find the rows whose guess was too high."""
        state = (self._value, self.item, self.size, self._guess)
        _finish(self._K, *state, self._bound.error, self._bound.relative, 32 - self._bits)


@njit(cache=True, nogil=True)
def _offer(scores, first, K, items, seen, end, value, item, size, least, error, relative, shift):  # type: ignore[no-untyped-def]
    turned = np.int32(0x7FFFFFFF >> shift)
    for b in range(len(error)):
        row, values, candidates, n, low = scores[b], value[b], item[b], size[b], least[b]
        e, stop = seen[b], end[b]
        next_out = items[e] if e < stop else _NEVER
        for at in range(0, scores.shape[1], CHUNK):
            found = above(row, at, low, turned)
            if found != 0 and n + CHUNK >= len(values):  # a place more than the chunk has, see below
                low = max(low, _threshold(values, n, K, error[b], relative, shift))
                n = _keep(values, candidates, n, low)
                if n + CHUNK >= len(values):
                    n, low = FAILED, turned
                found = above(row, at, low, turned)
            while True:  # the first is written whether there is one or not: a branch would be guessed wrong too often
                j = at + lowest(found | _LAST)
                i = np.int32(first + j)
                while next_out < i:
                    e += 1
                    next_out = items[e] if e < stop else _NEVER
                values[n], candidates[n] = _ordered(row[j], turned), i
                n += (found != 0) & (i != next_out)
                found &= found - np.uint64(1)
                if found == 0:
                    break
        size[b], least[b], seen[b] = n, low, e


@njit(cache=True, nogil=True, inline="always")
def _ordered(score: Any, turned: Any) -> Any:
    bits = np.int32(score)
    return bits ^ ((bits >> 31) & turned)


@njit(cache=True, nogil=True)
def _guess(scores, rank, least, guess, size, shift):  # type: ignore[no-untyped-def]
    turned = np.int32(0x7FFFFFFF >> shift)
    for b in range(len(scores)):
        if size[b] != FAILED:
            guess[b] = least[b] = max(least[b], _lowest_of_the_best(scores[b], rank[b], least[b], turned))


@njit(cache=True, nogil=True)
def _lowest_of_the_best(row, rank, low, turned):  # type: ignore[no-untyped-def]
    """Return the highest ordered value that `rank` entries of a row are above, or `low` if fewer are above that."""
    high = np.int64(turned)
    while low + 1 < high:  # `rank` entries or more are above `low`, fewer are above `high`
        middle, n = np.int32((low + high) >> 1), 0
        for at in range(0, len(row), CHUNK):
            n += count(above(row, at, middle, turned))
        if n >= rank:
            low = np.int64(middle)
        else:
            high = np.int64(middle)
    return np.int32(low)


@njit(cache=True, nogil=True)
def _finish(K, value, item, size, guess, error, relative, shift):  # type: ignore[no-untyped-def]
    lowest = -(0x7F800000 >> shift) - 1
    for b in range(len(error)):
        low = lowest
        if size[b] >= K:
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
