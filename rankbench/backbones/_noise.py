"""Noise on vectors, as a function of (key, row, dimension): the same on any threads, and again after a resume."""

import math
from typing import Any

import numpy as np
import torch
from numba import njit
from torch import Tensor
from torch.nn.functional import normalize

from rankbench.parallel import over_rows
from rankbench.randomness import FIRST, GOLDEN, SECOND
from rankbench.sampling.hashing import Key, high_and_low_bits, unsigned

_GOLDEN, _FIRST, _SECOND = np.uint64(GOLDEN), np.uint64(FIRST), np.uint64(SECOND)
_S27, _S30, _S31, _S32 = np.uint64(27), np.uint64(30), np.uint64(31), np.uint64(32)
_LOW = np.uint64((1 << 32) - 1)
_UNIT = 2.0**-32
_LEAST = 1e-12
"""Least norm to divide by, as in `torch.nn.functional.normalize`."""


def perturbed(vec: Tensor, epsilon: float, key: Key, signs: str = "own") -> Tensor:
    r"""Return vectors moved by noise of length epsilon; the gradient is handed on as it is.

    $e + \mathrm{sign}(e) \odot \epsilon\, r / |r|$ with r uniform on (0, 1) in each dimension, so that every vector
    stays in its orthant (Yu et al., SIGIR 2022); with r normal for signs "any", so that its direction is any at all.

    Args:
        vec: (n, d) float, vectors.
        epsilon: length of the noise.
        key: what it is a function of, beside row and dimension.
        signs: "own" or "any".
    """
    out: Tensor = _Perturbed.apply(vec, epsilon, key, signs)  # type: ignore[no-untyped-call]
    return out  # (n, d)


def directions(key: Key, like: Tensor, signs: str) -> Tensor:
    """Return vectors (n, d) of length 1, of positive numbers for signs "own", of any for "any"."""
    if like.device.type != "cpu":
        return directions_by_torch(key, like, signs)  # (n, d)
    out = torch.empty_like(like, requires_grad=False)  # (n, d)
    over_rows(_directions, len(out), unsigned(key), signs == "any", out.numpy())
    return out


def directions_by_torch(key: Key, like: Tensor, signs: str) -> Tensor:
    """Return what `directions` does, computed by torch on any device."""
    high, low = high_and_low_bits(key, torch.arange(len(like), device=like.device), like.shape[1])  # (n, d) each
    drawn = (high.double() + 0.5) * _UNIT  # (n, d)
    if signs == "any":
        angle = low.double() * (2 * math.pi * _UNIT)  # (n, d)
        drawn = (-2 * drawn.log()).sqrt() * angle.cos()  # (n, d)
    return normalize(drawn, dim=1).to(like.dtype)  # (n, d)


def dropped(vec: Tensor, rate: float, key: Key) -> Tensor:
    """Return the vectors (n, d) with each number set to 0 with probability `rate`, the others divided by 1 - rate."""
    if vec.device.type != "cpu":
        return vec * kept_by_torch(vec, rate, key)  # (n, d)
    kept = torch.empty_like(vec, requires_grad=False)  # (n, d)
    over_rows(_kept, len(vec), unsigned(key), rate, kept.numpy())
    return vec * kept  # (n, d)


def kept_by_torch(like: Tensor, rate: float, key: Key) -> Tensor:
    """Return what `dropped` multiplies with (n, d), computed by torch on any device."""
    high, _ = high_and_low_bits(key, torch.arange(len(like), device=like.device), like.shape[1])  # (n, d)
    return ((high.double() + 0.5) * _UNIT >= rate).to(like.dtype) / (1 - rate)  # (n, d)


class _Perturbed(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vec: Tensor, epsilon: float, key: Key, signs: str) -> Tensor:
        if vec.device.type != "cpu":
            return vec + torch.sign(vec) * directions_by_torch(key, vec, signs) * epsilon  # (n, d)
        vec = vec.contiguous()  # (n, d)
        out = torch.empty_like(vec)  # (n, d)
        arrays = (vec.numpy(), out.numpy())
        over_rows(_perturb, len(vec), unsigned(key), signs == "any", epsilon, *arrays)
        return out

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None]:
        return grads[0], None, None, None


@njit(cache=True, nogil=True, inline="always")
def _mix(value):  # type: ignore[no-untyped-def]
    value = (value ^ (value >> _S30)) * _FIRST
    value = (value ^ (value >> _S27)) * _SECOND
    return value ^ (value >> _S31)


@njit(cache=True, nogil=True)
def _draw(key, row, normal, drawn):  # type: ignore[no-untyped-def]
    """Write the random numbers of a row and return what they are to be multiplied with for a length of 1."""
    state = _mix(key + _GOLDEN * np.uint64(row + 1))
    for k in range(len(drawn)):
        drawn[k] = (np.float64(_mix(state + _GOLDEN * np.uint64(k + 1)) >> _S32) + 0.5) * _UNIT
    if normal:
        for k in range(len(drawn)):
            angle = np.float64(_mix(state + _GOLDEN * np.uint64(k + 1)) & _LOW) * (2 * math.pi * _UNIT)
            drawn[k] = math.sqrt(-2 * math.log(drawn[k])) * math.cos(angle)
    square = 0.0
    for k in range(len(drawn)):
        square += drawn[k] * drawn[k]
    return 1 / max(math.sqrt(square), _LEAST)


@njit(cache=True, nogil=True)
def _directions(start, stop, key, normal, out):  # type: ignore[no-untyped-def]
    drawn = np.empty(out.shape[1], np.float64)  # (d,)
    for row in range(start, stop):
        scale = _draw(key, row, normal, drawn)
        for k in range(len(drawn)):
            out[row, k] = drawn[k] * scale


@njit(cache=True, nogil=True)
def _perturb(start, stop, key, normal, epsilon, vec, out):  # type: ignore[no-untyped-def]
    drawn = np.empty(out.shape[1], np.float64)  # (d,)
    for row in range(start, stop):
        if not vec[row].any():  # as are all that nobody looks at
            out[row] = 0
            continue
        scale = epsilon * _draw(key, row, normal, drawn)
        for k in range(len(drawn)):
            out[row, k] = vec[row, k] + np.sign(vec[row, k]) * (drawn[k] * scale)


@njit(cache=True, nogil=True)
def _kept(start, stop, key, rate, out):  # type: ignore[no-untyped-def]
    scale = out.dtype.type(1 / (1 - rate))
    for row in range(start, stop):
        state = _mix(key + _GOLDEN * np.uint64(row + 1))
        for k in range(out.shape[1]):
            uniform = (np.float64(_mix(state + _GOLDEN * np.uint64(k + 1)) >> _S32) + 0.5) * _UNIT
            out[row, k] = scale if uniform >= rate else 0
