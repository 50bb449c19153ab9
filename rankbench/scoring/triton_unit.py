"""Normalised vectors by kernels in Triton: each way one pass over the table."""

import torch
import triton
import triton.language as tl
from torch import Tensor

from rankbench.scoring.unit import EPSILON

_EPSILON = tl.constexpr(EPSILON)

_NUMBERS = 4096
"""Numbers that a program holds: 64 vectors of 64 dimensions."""


def forward(vec: Tensor) -> tuple[Tensor, Tensor]:
    """Return contiguous vectors (n, d) divided by their norms, and what they were multiplied by (n,)."""
    out, inverse = torch.empty_like(vec), vec.new_empty(len(vec))  # (n, d), (n,)
    grid, sizes = _sizes(vec)
    _normalise[grid](vec, out, inverse, **sizes)
    return out, inverse


def gradient(unit_vec: Tensor, inverse: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient (n, d) of the vectors, given what `forward` returned and the gradient of its vectors."""
    out = torch.empty_like(unit_vec)  # (n, d)
    grid, sizes = _sizes(unit_vec)
    _normalise_gradient[grid](unit_vec, inverse, grad, out, **sizes)
    return out


def _sizes(vec: Tensor) -> tuple[tuple[int], dict[str, int]]:
    """Return the number of programs and the sizes that a kernel is told for vectors (n, d)."""
    n, d = vec.shape
    block_d = triton.next_power_of_2(d)
    block_n = max(1, _NUMBERS // block_d)
    return (triton.cdiv(n, block_n),), {"n": n, "d": d, "BLOCK_N": block_n, "BLOCK_D": block_d}


@triton.jit
def _normalise(vec, out, inverse, n, d: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr):
    """Write some vectors divided by their norms, and what they were multiplied by."""
    i = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)  # (block n,)
    k = tl.arange(0, BLOCK_D)  # (block d,)
    inside = (i < n)[:, None] & (k < d)[None, :]  # (block n, block d)
    x = tl.load(vec + i[:, None] * d + k[None, :], mask=inside, other=0)  # (block n, block d)
    scale = 1 / tl.maximum(tl.sqrt(tl.sum(x * x, axis=1)), _EPSILON)  # (block n,)
    tl.store(inverse + i, scale, mask=i < n)
    tl.store(out + i[:, None] * d + k[None, :], x * scale[:, None], mask=inside)


@triton.jit
def _normalise_gradient(unit_vec, inverse, grad, out, n, d: tl.constexpr, BLOCK_N: tl.constexpr, BLOCK_D: tl.constexpr):
    """Write the gradients of some vectors, given those of the normalised ones."""
    i = tl.program_id(0).to(tl.int64) * BLOCK_N + tl.arange(0, BLOCK_N)  # (block n,)
    k = tl.arange(0, BLOCK_D)  # (block d,)
    inside = (i < n)[:, None] & (k < d)[None, :]  # (block n, block d)
    place = i[:, None] * d + k[None, :]  # (block n, block d)
    y, g = tl.load(unit_vec + place, mask=inside, other=0), tl.load(grad + place, mask=inside, other=0)
    scale = tl.load(inverse + i, mask=i < n, other=0)  # (block n,)
    along = tl.where(scale < 1 / _EPSILON, tl.sum(y * g, axis=1), 0)  # (block n,) else the length can still change
    tl.store(out + place, (g - along[:, None] * y) * scale[:, None], mask=inside)
