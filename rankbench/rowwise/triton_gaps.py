"""Sums of exponentials of gaps by a kernel in Triton: a row of scores is read twice, the second time from the cache."""

import torch
import triton
import triton.language as tl
from torch import Tensor

_BLOCK = 1024


def of_gaps(neg: Tensor, pos: Tensor, beta: Tensor, offset: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    r"""Return of rows $x_j = \beta (s_j - s_i) + o_j$ the exponentials, the log-sum-exps and what is left to divide by.

    Args:
        neg: (B, N) float, the $s_j$.
        pos: (B,) float, the $s_i$.
        beta: (B,) float.
        offset: (B, N) float, the $o_j$; none are 0.

    Returns:
        $e^{x_j - m}$ (B, N) with m the largest of a row, the log-sum-exp (B,), and one over their sum (B,), which is 0
        for a row of $-\infty$.
    """
    (B, N), rows = neg.shape, neg if offset is None else offset.contiguous()  # (B, N)
    out, value, weight = neg.new_empty(B, N), torch.empty_like(pos), torch.empty_like(pos)  # (B, N), (B,), (B,)
    sizes = {"ADDS": offset is not None, "BLOCK_N": min(_BLOCK, triton.next_power_of_2(N))}
    _of_gaps[(B,)](neg.contiguous(), pos.contiguous(), beta.contiguous(), rows, out, value, weight, N, **sizes)
    return out, value, weight


@triton.jit
def _logits(neg, offset, place, inside, p, beta, ADDS: tl.constexpr):
    """Return a block of a row's logits (block,), -inf beyond its end."""
    x = (tl.load(neg + place, mask=inside, other=0) - p) * beta  # (block,)
    if ADDS:
        x += tl.load(offset + place, mask=inside, other=0)
    return tl.where(inside, x, -float("inf"))  # (block,)


@triton.jit
def _of_gaps(neg, pos, beta, offset, out, value, weight, N, ADDS: tl.constexpr, BLOCK_N: tl.constexpr):
    """Write what `of_gaps` returns of one row."""
    b = tl.program_id(0).to(tl.int64)
    n = tl.arange(0, BLOCK_N)  # (block,)
    p, sharpness = tl.load(pos + b), tl.load(beta + b)
    largest = tl.full((BLOCK_N,), -float("inf"), out.dtype.element_ty)  # (block,)
    for start in range(0, N, BLOCK_N):
        inside = start + n < N  # (block,)
        largest = tl.maximum(largest, _logits(neg, offset, b * N + start + n, inside, p, sharpness, ADDS))
    top = tl.max(largest, axis=0)
    shift = tl.where((top == float("inf")) | (top == -float("inf")), 0, top)  # a row of -inf stays one
    total = tl.zeros((BLOCK_N,), out.dtype.element_ty)  # (block,)
    for start in range(0, N, BLOCK_N):
        inside = start + n < N  # (block,)
        x = _logits(neg, offset, b * N + start + n, inside, p, sharpness, ADDS)  # (block,)
        exponential = tl.exp(x - shift)  # (block,)
        tl.store(out + b * N + start + n, exponential, mask=inside)
        total += exponential
    divisor = tl.sum(total, axis=0)
    nothing = divisor == 0
    divisor = tl.where(nothing, 1, divisor)
    tl.store(value + b, tl.where(nothing, -float("inf"), tl.log(divisor) + shift))
    tl.store(weight + b, tl.where(nothing, 0, 1 / divisor))
