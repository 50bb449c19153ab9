"""Scores of sampled pairs, with exact gradients, and no tensor of shape (B, N, d) on the CPU.

`score` is the one function; what computes it is chosen by size and device and never changes a result beyond rounding:

- `reference`: plain torch gather. The oracle of the tests.
- `dense`: U V^T for all items, then a gather. Best for catalogues of up to a few times N items.
- `cpu`: fused gather and inner product in numba.
- `cuda`: on a GPU, the same two by Triton and by the matrix library, or by plain torch.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from rankbench.device import uses_triton
from rankbench.parallel import over_blocks
from rankbench.scoring import cpu, cuda, dense
from rankbench.scoring.rounding import rounded, stored
from rankbench.scoring.unit import unit

DENSE_ITEMS_A_NEGATIVE = 2
"""`dense` beats `cpu` up to about this many items a negative, measured with N = 1000, d = 64 on one and two threads."""

PIECE_ROWS = 256
"""Rows of a batch that one thread works on, at most: as many as keep matrix products and all threads busy."""


def score(query: Tensor, item_vec: Tensor, pos: Tensor, neg: Tensor, precision: str = "fp32") -> tuple[Tensor, Tensor]:
    """Return the inner products of users with their positive and their negatives.

    Args:
        query: (B, d) float, the vectors of the users.
        item_vec: (I, d) float, item vectors.
        pos: (B,) int64, positives.
        neg: (B, N) int32, negatives.
        precision: a key of `rounding.PRECISIONS`, for the products with the negatives.

    Returns:
        scores of the positives (B,) and of the negatives (B, N), with gradients to both vectors.
    """
    return _score_of(query, item_vec, pos), products(query, item_vec, neg, precision)


def score_with_similarity(query: Tensor, item_vec: Tensor, pos: Tensor, neg: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `score` and `similarity` do, (B,), (B, N) and (B, N), from one pass; where `has_one_pass` says so."""
    return _score_of(query, item_vec, pos), *cuda.gathered_with_cosine(query, item_vec, neg, pos)


def has_one_pass(device: torch.device, n_items: int, n_negatives: int, precision: str) -> bool:
    """Return whether scores and similarities come from one pass over the negatives' vectors, where both are wanted."""
    gathers = device.type != "cpu" and cuda.route_of(device, n_items, n_negatives) == "gather"
    return gathers and precision == "fp32"  # similarities are those of the vectors before they are rounded


def _score_of(query: Tensor, item_vec: Tensor, pos: Tensor) -> Tensor:
    return (query * item_vec.index_select(0, pos)).sum(dim=1)  # (B,)


def similarity(item_vec: Tensor, pos: Tensor, neg: Tensor) -> Tensor:
    """Return the cosines (B, N) of each positive's vector with its negatives' vectors, detached.

    Args:
        item_vec: (I, d) float, item vectors.
        pos: (B,) int64, positives.
        neg: (B, N) int32, negatives.
    """
    with torch.no_grad():
        if uses_triton(item_vec.device):
            return cuda.gathered_with_cosine(item_vec.index_select(0, pos), item_vec, neg, pos)[1]  # (B, N)
        units = unit(item_vec)  # (I, d)
        return products(units.index_select(0, pos), units, neg)  # (B, N)


def products(query: Tensor, item_vec: Tensor, item: Tensor, precision: str = "fp32") -> Tensor:
    """Return the inner products (B, M) of each query (B, d) with its own items (B, M) int32, with exact gradients.

    With `precision` "bf16" the gradients are those of the rounded vectors.
    """
    if item_vec.device.type != "cpu":
        return cuda.products(query, item_vec, item, precision)  # (B, M)
    kernel = choose(len(item_vec), item.shape[1])
    out: Tensor = _Products.apply(query, item_vec, item, kernel, precision)  # type: ignore[no-untyped-call]
    return out  # (B, M)


def choose(n_items: int, n_negatives: int) -> ModuleType:
    """Return the implementation on the CPU for the sizes: the measured rule."""
    return dense if n_items <= DENSE_ITEMS_A_NEGATIVE * n_negatives else cpu


class _Products(torch.autograd.Function):
    """The gradient of the hand-written implementations."""

    @staticmethod
    def forward(ctx: Any, query: Tensor, item_vec: Tensor, item: Tensor, kernel: ModuleType, precision: str) -> Tensor:
        query, item_vec = rounded(query, precision), stored(item_vec, precision)  # (B, d), (I, d)
        ctx.save_for_backward(query, item_vec, item)
        ctx.kernel = kernel
        out: Tensor = kernel.forward(query, item_vec, item)
        return out  # (B, M)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        query, item_vec, item = ctx.saved_tensors
        grad, out = grads[0].contiguous(), torch.empty_like(query)  # (B, M), (B, d)
        gradients = ctx.kernel.Gradients(query, item_vec, item)

        def piece(start: int, stop: int) -> None:
            out[start:stop] = gradients.add(start, stop, grad[start:stop])  # (b, d)

        over_blocks(piece, len(query), PIECE_ROWS)
        return out, gradients.of_items(), None, None, None
