"""Rows of float32 by numba: a vector at a time, each row while it is in the nearest cache."""

import numpy as np
from numba import njit

LANES = 64
"""Entries that are compared or added up side by side."""

_LOG2_E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUND = np.float32(1.5 * 2**23)
"""Added to a float32, it leaves the nearest whole number in the lowest bits."""

_C2, _C3, _C4 = np.float32(0.5), np.float32(0.1666666), np.float32(4.1665795e-2)
_C5, _C6, _C7 = np.float32(8.3334519e-3), np.float32(1.3981999e-3), np.float32(1.9875691e-4)
"""The exponential of |r| <= log(2) / 2 less 1 + r, by powers of r: a minimax polynomial, exact to the last digit."""

_ONE, _ZERO, _LOWEST, _INFINITY = np.float32(1), np.float32(0), np.float32(-87), np.float32(np.inf)
_EXPONENT_BITS, _EXPONENT_OF_ONE = np.int32(23), np.int32(127 << 23)


@njit(cache=True, nogil=True, fastmath={"contract"})
def of_rows(x, exponential, value, weight):  # type: ignore[no-untyped-def]
    """Write the log-sum-exp of rows, and what its gradient is made of.

    Args:
        x: (B, N) float32.
        exponential: (B, N) float32, those of the entries less a number that keeps them finite.
        value: (B,) float32, the log-sum-exp.
        weight: (B,) float32, what the exponentials are to be multiplied by to add up to 1; 0 in a row of -inf.
    """
    lanes = np.empty(LANES, np.float32)  # (lanes,)
    for b in range(x.shape[0]):
        value[b], weight[b] = log_sum_exp_of_row(x[b], exponential[b], lanes)


@njit(cache=True, nogil=True, fastmath={"contract"})
def of_gaps(neg, pos, beta, offset, exponential, value, weight):  # type: ignore[no-untyped-def]
    """As `of_rows`, of the rows beta (neg - pos) + offset; `offset` (B, N) may be None."""
    row, lanes = np.empty(neg.shape[1], np.float32), np.empty(LANES, np.float32)  # (N,), (lanes,)
    for b in range(neg.shape[0]):
        p, scale = pos[b], beta[b]
        if offset is None:
            for j in range(len(row)):
                row[j] = (neg[b, j] - p) * scale
        else:
            for j in range(len(row)):
                row[j] = (neg[b, j] - p) * scale + offset[b, j]
        value[b], weight[b] = log_sum_exp_of_row(row, exponential[b], lanes)


@njit(cache=True, nogil=True)
def gradient_of_gaps(exponential, weight, slope, of_neg, of_pos):  # type: ignore[no-untyped-def]
    """Write the gradients of negatives (B, N) and positives (B,), given those of the log-sum-exps times beta (B,)."""
    for b in range(exponential.shape[0]):
        factor = weight[b] * slope[b]
        for j in range(exponential.shape[1]):
            of_neg[b, j] = exponential[b, j] * factor
        of_pos[b] = -slope[b] if weight[b] > 0 else _ZERO


@njit(cache=True, nogil=True)
def log_sum_exp_of_row(row, exponential, lanes):  # type: ignore[no-untyped-def]
    """Write the exponentials (N,) of a row (N,) and return its log-sum-exp and their weight, as in `of_rows`."""
    shift = _finite_largest(row, lanes)
    _exp(row, shift, exponential)
    total = _sum(exponential, lanes)
    return np.log(total) + shift, _ONE / total if total > 0 else _ZERO


@njit(cache=True, nogil=True, fastmath={"contract"})
def standardised(x, floor, out):  # type: ignore[no-untyped-def]
    """Write rows (B, N) with mean 0 and standard deviation 1, or as if it were `floor` where it is less."""
    square, lanes = np.empty(x.shape[1], np.float32), np.empty(LANES, np.float32)  # (N,), (lanes,)
    for b in range(x.shape[0]):
        row = out[b]
        scale = centred(x[b], floor, row, square, lanes)
        for j in range(len(row)):
            row[j] *= scale


@njit(cache=True, nogil=True, fastmath={"contract"})
def centred(x, floor, row, square, lanes):  # type: ignore[no-untyped-def]
    """Write a row (N,) with mean 0 and return what to multiply it by to have standard deviation 1.

    `square` (N,) and `lanes` (LANES,) are for its own use.
    """
    N = np.float32(len(x))
    mean = _sum(x, lanes) / N
    for j in range(len(row)):
        d = x[j] - mean
        row[j] = d
        square[j] = d * d
    return _ONE / max(np.sqrt(_sum(square, lanes) / N), floor)


@njit(cache=True, nogil=True)
def _finite_largest(row, lanes):  # type: ignore[no-untyped-def]
    """Return the largest entry, or 0 if it is infinite: a row of -inf stays one. NaN is passed over."""
    lanes[:] = -np.inf
    for first in range(0, len(row) - LANES + 1, LANES):
        for lane in range(LANES):
            v = row[first + lane]
            lanes[lane] = v if v > lanes[lane] else lanes[lane]
    rest = len(row) % LANES
    for lane in range(rest):
        v = row[len(row) - rest + lane]
        lanes[lane] = v if v > lanes[lane] else lanes[lane]
    half = LANES // 2
    while half:
        for lane in range(half):
            v = lanes[half + lane]
            lanes[lane] = v if v > lanes[lane] else lanes[lane]
        half //= 2
    return _ZERO if abs(lanes[0]) == _INFINITY else lanes[0]


@njit(cache=True, nogil=True)
def _sum(row, sums):  # type: ignore[no-untyped-def]
    sums[:] = 0
    for first in range(0, len(row) - LANES + 1, LANES):
        for lane in range(LANES):
            sums[lane] += row[first + lane]
    rest = len(row) % LANES
    for lane in range(rest):
        sums[lane] += row[len(row) - rest + lane]
    half = LANES // 2
    while half:
        for lane in range(half):
            sums[lane] += sums[half + lane]
        half //= 2
    return sums[0]


@njit(cache=True, nogil=True, fastmath={"contract"})
def _exp(x, shift, out):  # type: ignore[no-untyped-def]
    """Write e^(x - shift) for differences of at most 0, or infinity, as 2^n e^r with whole n: a vector at a time.

    Below e^-87, where float32 begins to lose digits, it is 0.
    """
    for j in range(len(x)):
        difference = x[j] - shift
        within = _LOWEST if difference < _LOWEST else difference  # NaN stays NaN
        rounded = within * _LOG2_E + _ROUND
        n = rounded - _ROUND
        r = within - n * _LN2_HIGH - n * _LN2_LOW
        power = ((((_C7 * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2
        two_to_n = np.int32((np.float32(rounded).view(np.int32) << _EXPONENT_BITS) + _EXPONENT_OF_ONE).view(np.float32)
        exponential = _ZERO if difference < _LOWEST else (power * r * r + r + _ONE) * two_to_n
        out[j] = _INFINITY if difference == _INFINITY else exponential
