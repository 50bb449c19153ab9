"""Scores on a CUDA device by plain torch, for machines without Triton: rows are gathered a block at a time.

Nothing of shape (B, N, d) exists at once, and the gradients gather again instead of keeping what the scores gathered.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from rankbench.scoring.rounding import rounded, stored

_GATHERED = 2**24
"""Numbers gathered at a time: 64 MiB of float32."""


def products(query: Tensor, item_vec: Tensor, item: Tensor, precision: str = "fp32") -> Tensor:
    """Return the inner products (B, M) of each query (B, d) with its own items (B, M) int32, with exact gradients."""
    out: Tensor = _Blocks.apply(query, item_vec, item, precision)  # type: ignore[no-untyped-call]
    return out  # (B, M)


class _Blocks(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, query: Tensor, item_vec: Tensor, item: Tensor, precision: str) -> Tensor:
        query, item_vec = rounded(query, precision), stored(item_vec, precision)  # (B, d), (I, d)
        ctx.save_for_backward(query, item_vec, item)
        out = query.new_empty(item.shape)  # (B, M)
        for rows in _blocks(item, query.shape[1]):
            vec = item_vec[item[rows].long()].to(query.dtype)  # (b, M, d)
            torch.bmm(vec, query[rows, :, None], out=out[rows, :, None])
        return out

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None]:
        query, item_vec, item = ctx.saved_tensors
        query_grad, item_grad = torch.empty_like(query), query.new_zeros(item_vec.shape)  # (B, d), (I, d)
        for rows in _blocks(item, query.shape[1]):
            index, grad = item[rows].long(), grads[0][rows]  # (b, M), (b, M)
            query_grad[rows] = torch.bmm(grad[:, None], item_vec[index].to(query.dtype))[:, 0]  # (b, d)
            spread = grad[:, :, None] * query[rows, None]  # (b, M, d)
            item_grad.index_add_(0, index.flatten(), spread.flatten(0, 1))
        return query_grad, item_grad, None, None


def _blocks(item: Tensor, d: int) -> list[slice]:
    """Return blocks of rows of items (B, M) that gather about `_GATHERED` numbers each."""
    rows = max(1, _GATHERED // max(item.shape[1] * d, 1))
    return [slice(start, start + rows) for start in range(0, len(item), rows)]
