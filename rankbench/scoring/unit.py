"""Normalised vectors, for cosines, with exact gradients: each way one pass over the table."""

from __future__ import annotations

from typing import Any

import torch
from numba import njit
from torch import Tensor
from torch.nn.functional import normalize

from rankbench.device import uses_triton
from rankbench.parallel import over_blocks

_BLOCK = 2**18
"""Numbers that one thread works on at once: it costs less than to share them out."""

EPSILON = 1e-12
"""Least norm to divide by: the vectors of smaller ones stay shorter than 1."""


def unit(vec: Tensor) -> Tensor:
    r"""Return the vectors (n, d), each divided by its norm, as `torch.nn.functional.normalize` does.

    $y = x / \max(|x|, \epsilon)$, so $\partial \ell / \partial x = (g - y \langle y, g \rangle) / |x|$ for
    $g = \partial \ell / \partial y$, and $g / \epsilon$ where $|x| < \epsilon$.
    """
    if vec.device.type != "cpu" and not uses_triton(vec.device):
        return normalize(vec, dim=1, eps=EPSILON)  # (n, d)
    out: Tensor = _Unit.apply(vec)  # type: ignore[no-untyped-call]
    return out  # (n, d)


class _Unit(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vec: Tensor) -> Tensor:
        vec = vec.detach().contiguous()  # (n, d)
        if vec.device.type != "cpu":
            return _normalised_by_triton(ctx, vec)  # (n, d)
        out, inverse = torch.empty_like(vec), vec.new_empty(len(vec))  # (n, d), (n,)
        arrays = (vec.numpy(), out.numpy(), inverse.numpy())
        over_blocks(lambda start, stop: _normalise(start, stop, *arrays), len(vec), _rows(vec))
        ctx.save_for_backward(out, inverse)
        return out  # (n, d)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> Tensor:
        vec, inverse = ctx.saved_tensors  # (n, d), (n,)
        grad = grads[0].contiguous()  # (n, d)
        if vec.device.type != "cpu":
            from rankbench.scoring import triton_unit

            return triton_unit.gradient(vec, inverse, grad)  # (n, d)
        out = torch.empty_like(grad)  # (n, d)
        arrays = (vec.detach().numpy(), inverse.numpy(), grad.numpy(), out.numpy())
        over_blocks(lambda start, stop: _gradient(start, stop, *arrays), len(vec), _rows(vec))
        return out


def _rows(vec: Tensor) -> int:
    return max(1, _BLOCK // max(vec.shape[1], 1))


def _normalised_by_triton(ctx: Any, vec: Tensor) -> Tensor:
    from rankbench.scoring import triton_unit

    out, inverse = triton_unit.forward(vec)  # (n, d), (n,)
    ctx.save_for_backward(out, inverse)
    return out  # (n, d)


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _normalise(start, stop, vec, out, inverse):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        x, y = vec[i], out[i]
        square = vec.dtype.type(0)
        for k in range(len(x)):
            square += x[k] * x[k]
        scale = vec.dtype.type(1 / max(square**0.5, EPSILON))
        inverse[i] = scale
        for k in range(len(x)):
            y[k] = x[k] * scale


@njit(cache=True, nogil=True, fastmath={"reassoc", "contract", "nsz"})
def _gradient(start, stop, unit_vec, inverse, grad, out):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        y, g, o, scale = unit_vec[i], grad[i], out[i], inverse[i]
        along = grad.dtype.type(0)
        if scale < 1 / EPSILON:  # otherwise the length can still change
            for k in range(len(y)):
                along += y[k] * g[k]
        for k in range(len(y)):
            o[k] = (g[k] - along * y[k]) * scale
