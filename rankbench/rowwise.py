"""Functions of rows (B, N) that losses are made of, where torch's own are slow on the CPU or inexact.

All of them run on any device and in any precision. Their results depend on nothing but the row.
"""

from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor

_LANES = 64
"""Places whose maxima give a first bound of the largest entries; entries that reach it are looked at one by one."""

_MOST = 32
"""Entries up to which that pays."""


def log_sum_exp(x: Tensor) -> Tensor:
    r"""Return $\log \sum_j e^{x_j}$ (B,) of each row (B, N), with its gradient $\mathrm{softmax}(x)$.

    As `torch.logsumexp`, but the exponentials are taken once, not again for the gradient.
    """
    out: Tensor = _LogSumExp.apply(x)  # type: ignore[no-untyped-call]
    return out  # (B,)


def standardise(x: Tensor, floor: float) -> Tensor:
    """Return `x` with mean 0 and standard deviation 1 along its last dimension.

    Args:
        x: (..., N) float.
        floor: least standard deviation to divide by, so that a row that is constant but for rounding becomes 0.
    """
    centred = x - x.mean(dim=-1, keepdim=True)  # (..., N)
    std = centred.square().mean(dim=-1, keepdim=True).sqrt()  # (..., 1)
    return centred / std.clamp_min(floor)  # (..., N)


def largest(x: Tensor, k: int) -> Tensor:
    """Return the places (B, k) int64 of the k largest entries of each row (B, N), in any order, k at most N."""
    if x.device.type != "cpu" or k > _MOST or x.shape[1] < 4 * _LANES or x.dtype not in (torch.float32, torch.float64):
        return x.topk(k, dim=1, sorted=False).indices  # (B, k)
    out = np.zeros((len(x), k), np.int64)  # (B, k)
    _largest(x.detach().contiguous().numpy(), k, out)
    return torch.from_numpy(out)


class _LogSumExp(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        largest = x.amax(dim=1)  # (B,)
        shift = torch.where(largest.isinf(), 0, largest)  # (B,) a row of -inf stays one
        exponential = _exponential(x, shift)  # (B, N)
        total = exponential.sum(dim=1)  # (B,)
        ctx.save_for_backward(x, exponential, total)
        return total.log() + shift  # (B,)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        x, exponential, total = ctx.saved_tensors  # (B, N), (B, N), (B,)
        if torch.is_grad_enabled():  # this gradient is to be differentiated itself
            return torch.softmax(x, dim=1) * grads[0][:, None]  # (B, N)
        weight = torch.where(total > 0, grads[0] / total, 0)  # (B,)
        gradient: Tensor = exponential * weight[:, None]  # (B, N)
        return gradient


def _exponential(x: Tensor, shift: Tensor) -> Tensor:
    """Return the exponentials (B, N) of rows (B, N) less their largest entry (B,)."""
    if x.device.type != "cpu" or x.dtype != torch.float32:
        return (x - shift[:, None]).exp_()  # (B, N)
    out = torch.empty_like(x, memory_format=torch.contiguous_format)  # (B, N)
    _exp(x.detach().contiguous().numpy(), shift.numpy(), out.numpy())
    return out


_LOG2_E, _LN2_HIGH, _LN2_LOW = np.float32(1.44269504), np.float32(0.693359375), np.float32(-2.12194440e-4)
_ROUND = np.float32(1.5 * 2**23)
"""Added to a float32, it leaves the nearest whole number in the lowest bits."""

_C2, _C3, _C4 = np.float32(0.5), np.float32(0.1666666), np.float32(4.1665795e-2)
_C5, _C6, _C7 = np.float32(8.3334519e-3), np.float32(1.3981999e-3), np.float32(1.9875691e-4)
"""The exponential of |r| <= log(2) / 2 less 1 + r, by powers of r: a minimax polynomial, exact to the last digit."""

_ONE, _ZERO, _LOWEST, _INFINITY = np.float32(1), np.float32(0), np.float32(-87), np.float32(np.inf)
_EXPONENT_BITS, _EXPONENT_OF_ONE = np.int32(23), np.int32(127 << 23)


@njit(cache=True, nogil=True, fastmath={"contract"})
def _exp(x, shift, out):  # type: ignore[no-untyped-def]
    """Write e^(x - shift) for differences of at most 0, or infinity, as 2^n e^r with whole n: a vector at a time.

    Below e^-87, where float32 begins to lose digits, it is 0.
    """
    for b in range(x.shape[0]):
        largest = shift[b]
        for j in range(x.shape[1]):
            difference = x[b, j] - largest
            within = _LOWEST if difference < _LOWEST else difference  # NaN stays NaN
            rounded = within * _LOG2_E + _ROUND
            n = rounded - _ROUND
            r = within - n * _LN2_HIGH - n * _LN2_LOW
            power = ((((_C7 * r + _C6) * r + _C5) * r + _C4) * r + _C3) * r + _C2
            two_to_n = np.int32((np.float32(rounded).view(np.int32) << _EXPONENT_BITS) + _EXPONENT_OF_ONE).view(
                np.float32
            )
            exponential = _ZERO if difference < _LOWEST else (power * r * r + r + _ONE) * two_to_n
            out[b, j] = _INFINITY if difference == _INFINITY else exponential


@njit(cache=True, nogil=True)
def _largest(x, k, out):  # type: ignore[no-untyped-def]
    maxima = np.empty(_LANES, x.dtype)
    place = np.empty(2 * _LANES, np.int64)
    for b in range(len(x)):
        row = x[b]
        bound = _kth_of_lanes(row, k, maxima)
        n = 0
        for j in range(len(row)):
            if row[j] >= bound:
                if n == len(place):
                    break
                place[n] = j
                n += 1
        if n < len(place):
            _keep_largest(row, place[:n], out[b])
        else:  # many are equal
            _keep_largest(row, np.arange(len(row)), out[b])


@njit(cache=True, nogil=True)
def _kth_of_lanes(row, k, maxima):  # type: ignore[no-untyped-def]
    """Return the k-th largest of the maxima of the lanes: k entries or more are as large."""
    whole = len(row) - len(row) % _LANES
    maxima[:] = row[:_LANES]
    for first in range(_LANES, whole, _LANES):
        for lane in range(_LANES):
            v = row[first + lane]
            maxima[lane] = v if v > maxima[lane] else maxima[lane]
    kth = np.inf
    for lane in range(_LANES):  # counting is vector instructions, sorting is not
        larger = np.int32(0)
        for other in range(_LANES):
            larger += np.int32(maxima[other] > maxima[lane])
        if larger < k and maxima[lane] < kth:
            kth = maxima[lane]
    return kth


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
