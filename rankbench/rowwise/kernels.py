"""Rows of float32 by numba: a vector at a time, each row while it is in the nearest cache."""

import numpy as np
from numba import njit

from rankbench.instructions import (
    CHUNK,
    chunk_squares_added,
    chunks_added,
    chunks_largest,
    largest_of_lanes,
    sum_of_lanes,
)

LANES = CHUNK
"""Entries that are compared or added up side by side."""

MOST_SMALL = 80
"""Exponents up to here have exponentials that can be added up in float32."""

_LOG2_E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUND = np.float32(1.5 * 2**23)
"""Added to a float32, it leaves the nearest whole number in the lowest bits."""

_C2, _C3, _C4 = np.float32(0.5), np.float32(0.1666666), np.float32(4.1665795e-2)
_C5, _C6, _C7 = np.float32(8.3334519e-3), np.float32(1.3981999e-3), np.float32(1.9875691e-4)
"""The exponential of |r| <= log(2) / 2 less 1 + r, by powers of r: a minimax polynomial, exact to the last digit."""

_L0, _L1, _L2, _L3 = np.float32(0.33333331), np.float32(-0.25000823), np.float32(0.20001227), np.float32(-0.16623355)
_L4, _L5, _L6, _L7 = np.float32(0.14201771), np.float32(-0.13160218), np.float32(0.12761502), np.float32(-0.076343104)
"""The logarithm of 1 + r less r - r^2 / 2, over r^3, from sqrt(1/2) to sqrt(2): our fit, exact to the last digit."""

_S1, _S2, _S3 = np.float32(-0.4999990165), np.float32(0.333299607), np.float32(-0.2495413125)
_S4, _S5, _S6 = np.float32(0.1967592686), np.float32(-0.1530555785), np.float32(0.1060359627)
_S7, _S8, _S9 = np.float32(-0.05695895478), np.float32(0.01985115371), np.float32(-0.003243956715)
"""The logarithm of 1 + e over e, from 0 to 1: our fit, exact to the last digit."""

_ONE, _ZERO, _LOWEST, _INFINITY = np.float32(1), np.float32(0), np.float32(-87), np.float32(np.inf)
_EXPONENT_BITS, _EXPONENT_OF_ONE = np.int32(23), np.int32(127 << 23)
_HALF, _MANTISSA, _BITS_OF_SQRT_HALF = np.float32(0.5), np.int32(2**23 - 1), np.int32(0x3F3504F3)


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


@njit(cache=True, nogil=True)
def of_gaps(neg, pos, beta, offset, exponential, value, weight):  # type: ignore[no-untyped-def]
    """As `of_rows`, of the rows beta (neg - pos) + offset; `offset` (B, N) may be None."""
    row, lanes = np.empty(neg.shape[1], np.float32), np.empty(LANES, np.float32)  # (N,), (lanes,)
    for b in range(neg.shape[0]):
        exponents_of_row(neg[b], pos[b], beta[b], None if offset is None else offset[b], row)
        value[b], weight[b] = log_sum_exp_of_row(row, exponential[b], lanes)


@njit(cache=True, nogil=True, fastmath={"contract"})
def exponents_of_row(neg, pos, beta, offset, row):  # type: ignore[no-untyped-def]
    """Write beta (neg - pos) + offset (N,); `offset` (N,) may be None, and `row` may be `neg`."""
    if offset is None:
        for j in range(len(row)):
            row[j] = (neg[j] - pos) * beta
    else:
        for j in range(len(row)):
            row[j] = (neg[j] - pos) * beta + offset[j]


@njit(cache=True, nogil=True)
def gradient_of_gaps(exponential, weight, slope, of_neg, of_pos):  # type: ignore[no-untyped-def]
    """Write the gradients of negatives (B, N) and positives (B,), given those of the log-sum-exps times beta (B,)."""
    for b in range(exponential.shape[0]):
        of_pos[b] = gradient_of_row(exponential[b], weight[b], slope[b], of_neg[b])


@njit(cache=True, nogil=True)
def gradient_of_row(exponential, weight, slope, of_neg):  # type: ignore[no-untyped-def]
    """Write the gradient of a row of negatives (N,) and return the positive's; `of_neg` may be `exponential`."""
    factor = weight * slope
    for j in range(len(exponential)):
        of_neg[j] = exponential[j] * factor
    return -slope if weight > 0 else _ZERO


@njit(cache=True, nogil=True)
def log_sum_exp_of_row(row, exponential, lanes):  # type: ignore[no-untyped-def]
    """Write the exponentials (N,) of a row (N,) and return its log-sum-exp and their weight, as in `of_rows`."""
    shift = _finite_largest(row, lanes)
    _exp(row, shift, exponential)
    total = _sum(exponential, lanes)
    return np.log(total) + shift, _ONE / total if total > 0 else _ZERO


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def softened(x, total, slope):  # type: ignore[no-untyped-def]
    """Write the sums (B,) of log(1 + e^x) over rows (B, N), and their gradient (B, N)."""
    N = x.shape[1]
    row, lanes = np.empty(N, np.float32), np.empty(LANES, np.float32)  # (N,), (lanes,)
    for b in range(x.shape[0]):
        v, e = x[b], slope[b]  # (N,), (N,)
        for j in range(N):
            row[j] = -abs(v[j])
        _exp(row, _ZERO, e)
        for j in range(N):
            p = (((_S9 * e[j] + _S8) * e[j] + _S7) * e[j] + _S6) * e[j] + _S5
            p = ((((p * e[j] + _S4) * e[j] + _S3) * e[j] + _S2) * e[j] + _S1) * e[j] + _ONE
            row[j] = p * e[j]
        for j in range(N):
            row[j] += max(v[j], _ZERO)
        for j in range(N):
            e[j] = (_ONE if v[j] > _ZERO else e[j]) / (_ONE + e[j])
        total[b] = _sum(row, lanes)


@njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")
def powered(x, margin, weight, least, p, mean, gradient):  # type: ignore[no-untyped-def]
    """Write the power means of order p of least + weight [x - margin]+ over rows, and their gradient.

    Args:
        x: (B, N) float32.
        margin: (B,) float32.
        weight, least, p: float32, positive.
        mean: (B,) float32, the power means.
        gradient: (B, N) float32.
    """
    N = x.shape[1]
    above, row, lanes = np.empty(N, np.float32), np.empty(N, np.float32), np.empty(LANES, np.float32)
    log_n = np.log(np.float32(N))
    for b in range(x.shape[0]):
        v, g, m = x[b], gradient[b], margin[b]
        for j in range(N):
            above[j] = weight * (v[j] - m if v[j] - m > _ZERO else v[j] * _ZERO) + least  # NaN stays NaN
        _log(above, row)
        for j in range(N):
            row[j] *= p
        value, share = log_sum_exp_of_row(row, g, lanes)
        mean[b] = np.exp((value - log_n) / p)
        scale = share * mean[b] * weight
        for j in range(N):
            g[j] *= scale / above[j]
        for j in range(N):
            g[j] = g[j] if above[j] > least else _ZERO


@njit(cache=True, nogil=True, fastmath={"contract"})
def standardised(x, floor, out):  # type: ignore[no-untyped-def]
    """Write rows (B, N) with mean 0 and standard deviation 1, or as if it were `floor` where it is less."""
    lanes = np.empty(LANES, np.float32)  # (lanes,)
    for b in range(x.shape[0]):
        row = out[b]
        scale = centred(x[b], floor, row, lanes)
        for j in range(len(row)):
            row[j] *= scale


@njit(cache=True, nogil=True, fastmath={"contract"})
def centred(x, floor, row, lanes):  # type: ignore[no-untyped-def]
    """Write a row (N,) with mean 0 and return what to multiply it by to have standard deviation 1.

    `lanes` (LANES,) is for its own use.
    """
    N = np.float32(len(x))
    mean = _sum(x, lanes) / N
    for j in range(len(row)):
        row[j] = x[j] - mean
    return _ONE / max(np.sqrt(_sum_of_squares(row, lanes) / N), floor)


@njit(cache=True, nogil=True)
def _finite_largest(row, lanes):  # type: ignore[no-untyped-def]
    """Return the largest entry, or 0 if it is infinite: a row of -inf stays one. NaN is passed over."""
    chunks_largest(row, lanes)
    rest = len(row) % LANES
    for lane in range(rest):
        v = row[len(row) - rest + lane]
        lanes[lane] = v if v > lanes[lane] else lanes[lane]
    largest = largest_of_lanes(lanes)
    return _ZERO if abs(largest) == _INFINITY else largest


@njit(cache=True, nogil=True)
def _sum(row, sums):  # type: ignore[no-untyped-def]
    chunks_added(row, sums)
    rest = len(row) % LANES
    for lane in range(rest):
        sums[lane] += row[len(row) - rest + lane]
    return sum_of_lanes(sums)


@njit(cache=True, nogil=True)
def _sum_of_squares(row, sums):  # type: ignore[no-untyped-def]
    chunk_squares_added(row, sums)
    rest = len(row) % LANES
    for lane in range(rest):
        v = row[len(row) - rest + lane]
        sums[lane] += v * v
    return sum_of_lanes(sums)


@njit(cache=True, nogil=True)
def log_sum_exp_of_small(row, exponential, lanes):  # type: ignore[no-untyped-def]
    """Return the log-sum-exp of a row (N,) without an entry above `MOST_SMALL`, whose exponentials are finite as is."""
    _exp(row, _ZERO, exponential)
    return np.log(_sum(exponential, lanes))


@njit(cache=True, nogil=True, fastmath={"contract"})
def _exp(x, shift, out):  # type: ignore[no-untyped-def]
    """Write e^(x - shift) for differences up to `MOST_SMALL`, or infinity, as 2^n e^r with whole n.

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


@njit(cache=True, nogil=True, fastmath={"contract"})
def _log(x, out):  # type: ignore[no-untyped-def]
    """Write log(x) of positive numbers, x = 2^n (1 + r), a vector at a time; NaN stays NaN."""
    for j in range(len(x)):
        bits = np.float32(x[j]).view(np.int32) - _BITS_OF_SQRT_HALF
        n = np.float32(bits >> _EXPONENT_BITS)
        r = np.int32((bits & _MANTISSA) + _BITS_OF_SQRT_HALF).view(np.float32) - _ONE
        fit = ((((((_L7 * r + _L6) * r + _L5) * r + _L4) * r + _L3) * r + _L2) * r + _L1) * r + _L0
        out[j] = n * _LN2_HIGH + (r + (r * r * (fit * r - _HALF) + n * _LN2_LOW)) + (x[j] - x[j])
