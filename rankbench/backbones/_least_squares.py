r"""Least squares of many rows against one table: half a sweep of alternating least squares.

Each row w minimises $\sum_{i \in P} (\langle w, v_i \rangle - 1)^2 + \alpha \sum_i \langle w, v_i \rangle^2 +
\lambda |w|^2$ over a block of its coordinates after the other, the rest held fixed: the normal equations of a block,
$A \delta = g$ with $A = \sum_{i \in P} v_i v_i^T + \alpha V^T V + \lambda I$ and g half the negative gradient, are
solved by Cholesky's factors. A row is the work of one thread, so threads change no bit.
"""

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.parallel import over_rows

LANES = 16
"""Vectors are as wide as a multiple of this: whole vector registers, without a remainder."""

_FAST = {"reassoc", "contract", "nsz"}

_N = np.uint64
"""What inner loops count in: a signed index could count from the end, which no vector instruction does."""


def solve(
    rows: Interactions,
    other: NDArray[np.floating],
    vec: NDArray[np.floating],
    alpha: float,
    reg: NDArray[np.float64],
    block: int,
) -> None:
    """Set every row's vector to the best, a block of coordinates after the other, in place.

    Args:
        rows: the entries of each row that count as 1.
        other: (I, width) float, the vectors of the entries; width is a multiple of `LANES`.
        vec: (n, width) float, the vectors of the rows, improved in place.
        alpha: weight of all entries.
        reg: (n,) float64, the regularisation of each row.
        block: coordinates at a time, rounded up to whole `LANES`.
    """
    table = torch.from_numpy(other)  # (I, width)
    gram = (alpha * (table.T @ table)).numpy()  # (width, width)
    size = min(-(-block // LANES) * LANES, other.shape[1])
    most = int(rows.user_counts.max(initial=0))
    over_rows(_solve_rows, len(vec), rows.indptr, rows.items, other, gram, reg.astype(other.dtype), size, most, vec)


@njit(cache=True, nogil=True, fastmath=_FAST)
def _solve_rows(start, stop, indptr, items, other, gram, reg, size, most, vec):  # type: ignore[no-untyped-def]
    width = other.shape[1]
    missing = np.empty(most, other.dtype)  # (most,) 1 less the score of each entry
    matrix, right = np.empty((size, size), other.dtype), np.empty(size, other.dtype)  # (size, size), (size,)
    for u in range(start, stop):
        entries, w = items[indptr[u] : indptr[u + 1]], vec[u]
        if not len(entries):
            w[:] = 0
            continue
        for e in range(len(entries)):
            missing[e] = 1 - _dot(other[entries[e]], w, 0, width)
        for first in range(0, width, size):
            b = min(size, width - first)
            _equations(entries, other, missing, gram, reg[u], w, first, b, matrix, right)
            _factor(matrix, b)
            _substitute(matrix, right, b)
            for k in range(b):
                w[first + k] += right[k]
            if first + b < width:
                for e in range(len(entries)):
                    missing[e] -= _dot(other[entries[e], first : first + b], right, 0, b)


@njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def _dot(a, b, first, stop):  # type: ignore[no-untyped-def]
    total = a.dtype.type(0)
    for k in range(_N(first), _N(stop)):
        total += a[k] * b[k]
    return total


@njit(cache=True, nogil=True, fastmath=_FAST)
def _equations(entries, other, missing, gram, reg, w, first, b, matrix, right):  # type: ignore[no-untyped-def]
    """Write the upper triangle of A (b, b) and g (b,) of a block; four entries at once, to touch A less often."""
    last, n = first + b, len(entries)
    for r in range(b):
        right[r] = -reg * w[first + r] - _dot(gram[first + r], w, 0, len(w))
        _copy(matrix[r], gram[first + r, first:last], r & -LANES, b)
        matrix[r, r] += reg
    for e in range(0, n - 3, 4):
        v0, v1 = other[entries[e], first:last], other[entries[e + 1], first:last]
        v2, v3 = other[entries[e + 2], first:last], other[entries[e + 3], first:last]
        _add(right, v0, missing[e], v1, missing[e + 1], v2, missing[e + 2], v3, missing[e + 3], 0, b)
        for r in range(b):
            _add(matrix[r], v0, v0[r], v1, v1[r], v2, v2[r], v3, v3[r], r & -LANES, b)
    for e in range(n - n % 4, n):
        v = other[entries[e], first:last]
        _add_one(right, v, missing[e], 0, b)
        for r in range(b):
            _add_one(matrix[r], v, v[r], r & -LANES, b)


@njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def _add(out, v0, a0, v1, a1, v2, a2, v3, a3, first, stop):  # type: ignore[no-untyped-def]
    for c in range(_N(first), _N(stop)):
        out[c] += a0 * v0[c] + a1 * v1[c] + a2 * v2[c] + a3 * v3[c]


@njit(cache=True, nogil=True, fastmath=_FAST, inline="always")
def _add_one(out, v, a, first, stop):  # type: ignore[no-untyped-def]
    for c in range(_N(first), _N(stop)):
        out[c] += a * v[c]


@njit(cache=True, nogil=True, inline="always")
def _copy(out, v, first, stop):  # type: ignore[no-untyped-def]
    for c in range(_N(first), _N(stop)):
        out[c] = v[c]


@njit(cache=True, nogil=True, inline="always")
def _scale(out, a, first, stop):  # type: ignore[no-untyped-def]
    for c in range(_N(first), _N(stop)):
        out[c] *= a


@njit(cache=True, nogil=True, fastmath=_FAST)
def _factor(matrix, b):  # type: ignore[no-untyped-def]
    """Write U with $U^T U = A$ over the upper triangle of A (b, b), four rows at once."""
    for k in range(0, b, 4):
        r0, r1, r2, r3 = matrix[k], matrix[k + 1], matrix[k + 2], matrix[k + 3]
        for r in range(k, k + 4):
            row = matrix[r]
            for q in range(k, r):
                _add_one(row, matrix[q], -matrix[q, r], r & -LANES, b)
            _scale(row, 1 / np.sqrt(row[r]), r & -LANES, b)
        for r in range(k + 4, b):
            _add(matrix[r], r0, -r0[r], r1, -r1[r], r2, -r2[r], r3, -r3[r], r & -LANES, b)


@njit(cache=True, nogil=True, fastmath=_FAST)
def _substitute(matrix, right, b):  # type: ignore[no-untyped-def]
    """Write the solution of $U^T U \\delta = g$ over g (b,)."""
    for k in range(b):
        right[k] /= matrix[k, k]
        _add_one(right, matrix[k], -right[k], k + 1, b)
    for k in range(b - 1, -1, -1):
        right[k] = (right[k] - _dot(matrix[k], right, k + 1, b)) / matrix[k, k]
