"""Scores by kernels in Triton: gather and inner product in one pass, so that nothing of shape (B, N, d) exists.

Rows of the item table are served from the cache of the second level, which holds the catalogues of most data sets.
Sums are those of the queries' precision, whatever precision the item table is stored in. In the kernels `M` and `d` are
the columns of the items and the dimensions; blocks are powers of two that cover some of the former, all of the latter.
"""

import torch
import triton
import triton.language as tl
from torch import Tensor

from rankbench.scoring.unit import EPSILON

_EPSILON = tl.constexpr(EPSILON)

_FORWARD, _BACKWARD = 4096, 2048
"""Numbers of item vectors that a program holds: 64 items of 64 dimensions, and half as many beside their gradients."""


def forward(query: Tensor, item_vec: Tensor, item: Tensor) -> Tensor:
    """Return the inner products (B, M) of queries (B, d) with their items (B, M) int32; all are contiguous."""
    (B, M), d = item.shape, query.shape[1]
    blocks, out = _blocks(M, d, _FORWARD), query.new_empty(B, M)  # (B, M)
    _dot[(B, triton.cdiv(M, blocks["BLOCK_M"]))](query, item_vec, item, out, M, d, **blocks)
    return out


def forward_with_cosine(query: Tensor, pos: Tensor, item_vec: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
    """Return what `forward` does, and from the same pass the cosines (B, M) of positives (B,) int64 with the items."""
    (B, M), d = item.shape, query.shape[1]
    blocks, out, cosine = _blocks(M, d, _FORWARD), query.new_empty(B, M), query.new_empty(B, M)  # (B, M), (B, M)
    _dot_and_cosine[(B, triton.cdiv(M, blocks["BLOCK_M"]))](query, pos, item_vec, item, out, cosine, M, d, **blocks)
    return out, cosine


def gradients(
    query: Tensor, item_vec: Tensor, item: Tensor, grad: Tensor, of_query: bool, of_item: bool, in_order: bool
) -> tuple[Tensor | None, Tensor | None]:
    """Return the gradients of queries (B, d) and of items (I, d), given those of the products (B, M).

    Args:
        query: (B, d) float, queries.
        item_vec: (I, d) float, item vectors.
        item: (B, M) int32, items.
        grad: (B, M) float, the gradients of the products.
        of_query, of_item: which of the two to compute; the other one is None.
        in_order: whether an item's gradient is added up in a fixed order, not by atomics.
    """
    (B, M), d = item.shape, query.shape[1]
    by_atomics = of_item and not in_order
    query_grad = torch.empty_like(query) if of_query else query  # (B, d)
    item_grad = query.new_zeros(len(item_vec), d) if by_atomics else query  # (I, d)
    if of_query or by_atomics:
        arguments = (query, item_vec, item, grad, query_grad, item_grad, M, d, of_query, by_atomics)
        _gradients[(B,)](*arguments, **_blocks(M, d, _BACKWARD))
    if of_item and in_order:
        item_grad = _item_gradient_in_order(query, len(item_vec), item, grad)  # (I, d)
    return query_grad if of_query else None, item_grad if of_item else None


def _item_gradient_in_order(query: Tensor, n_items: int, item: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient (I, d) of the items, each added up in the order of rows and columns."""
    (_, M), d = item.shape, query.shape[1]
    ascending, pair = item.flatten().sort(stable=True)  # (pairs,), (pairs,)
    all_items = torch.arange(n_items + 1, dtype=item.dtype, device=item.device)  # (I + 1,)
    edge = torch.searchsorted(ascending, all_items)  # (I + 1,) the first pair of each item
    out = query.new_empty(n_items, d)  # (I, d)
    _add_in_order[(n_items,)](query, grad, pair, edge, out, M, d, **_blocks(len(item) * M, d, _BACKWARD))
    return out


def _blocks(M: int, d: int, numbers: int) -> dict[str, int]:
    """Return the sizes of blocks of about so many numbers, no more columns than there are."""
    block_d = triton.next_power_of_2(d)
    return {"BLOCK_M": max(1, min(numbers // block_d, triton.next_power_of_2(M))), "BLOCK_D": block_d}


@triton.jit
def _dot(query, item_vec, item, out, M, d: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_D: tl.constexpr):
    """Write the products of one row's query with a block of its items."""
    b = tl.program_id(0).to(tl.int64)
    m = tl.program_id(1) * BLOCK_M + tl.arange(0, BLOCK_M)  # (block M,)
    k = tl.arange(0, BLOCK_D)  # (block d,)
    q = tl.load(query + b * d + k, mask=k < d, other=0)  # (block d,)
    i = tl.load(item + b * M + m, mask=m < M, other=0).to(tl.int64)  # (block M,)
    inside = (m < M)[:, None] & (k < d)[None, :]  # (block M, block d)
    v = tl.load(item_vec + i[:, None] * d + k[None, :], mask=inside, other=0).to(q.dtype)  # (block M, block d)
    tl.store(out + b * M + m, tl.sum(v * q[None, :], axis=1), mask=m < M)


@triton.jit
def _dot_and_cosine(
    query, pos, item_vec, item, out, cosine, M, d: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_D: tl.constexpr
):
    """Write what `_dot` does, and beside it the cosines of the positive's vector with those of the items."""
    b = tl.program_id(0).to(tl.int64)
    m = tl.program_id(1) * BLOCK_M + tl.arange(0, BLOCK_M)  # (block M,)
    k = tl.arange(0, BLOCK_D)  # (block d,)
    q = tl.load(query + b * d + k, mask=k < d, other=0)  # (block d,)
    p = tl.load(item_vec + tl.load(pos + b) * d + k, mask=k < d, other=0)  # (block d,)
    i = tl.load(item + b * M + m, mask=m < M, other=0).to(tl.int64)  # (block M,)
    inside = (m < M)[:, None] & (k < d)[None, :]  # (block M, block d)
    v = tl.load(item_vec + i[:, None] * d + k[None, :], mask=inside, other=0)  # (block M, block d)
    tl.store(out + b * M + m, tl.sum(v * q[None, :], axis=1), mask=m < M)
    norm = tl.maximum(tl.sqrt(tl.sum(v * v, axis=1)), _EPSILON)  # (block M,)
    norm *= tl.maximum(tl.sqrt(tl.sum(p * p, axis=0)), _EPSILON)  # (block M,)
    tl.store(cosine + b * M + m, tl.sum(v * p[None, :], axis=1) / norm, mask=m < M)


@triton.jit
def _gradients(
    query, item_vec, item, grad, query_grad, item_grad, M,
    d: tl.constexpr, OF_QUERY: tl.constexpr, OF_ITEM: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_D: tl.constexpr
):  # fmt: skip
    """Write the gradient of one row's query and add those of its items, with atomics, to `item_grad`."""
    b = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, BLOCK_D)  # (block d,)
    q = tl.load(query + b * d + k, mask=k < d, other=0)  # (block d,)
    total = tl.zeros((BLOCK_M, BLOCK_D), q.dtype)  # (block M, block d)
    for start in range(0, M, BLOCK_M):
        m = start + tl.arange(0, BLOCK_M)  # (block M,)
        g = tl.load(grad + b * M + m, mask=m < M, other=0)  # (block M,)
        i = tl.load(item + b * M + m, mask=m < M, other=0).to(tl.int64)  # (block M,)
        place = i[:, None] * d + k[None, :]  # (block M, block d)
        needed = (g != 0)[:, None] & (k < d)[None, :]  # (block M, block d) losses with a margin have many zeros
        if OF_QUERY:
            v = tl.load(item_vec + place, mask=needed, other=0).to(q.dtype)  # (block M, block d)
            total += g[:, None] * v
        if OF_ITEM:
            tl.atomic_add(item_grad + place, g[:, None] * q[None, :], mask=needed, sem="relaxed")
    if OF_QUERY:
        tl.store(query_grad + b * d + k, tl.sum(total, axis=0), mask=k < d)


@triton.jit
def _add_in_order(query, grad, pair, edge, out, M, d: tl.constexpr, BLOCK_M: tl.constexpr, BLOCK_D: tl.constexpr):
    """Write one item's gradient: pairs of row and column, sorted by item, are added up in their order."""
    i = tl.program_id(0).to(tl.int64)
    k = tl.arange(0, BLOCK_D)  # (block d,)
    first, last = tl.load(edge + i), tl.load(edge + i + 1)
    total = tl.zeros((BLOCK_M, BLOCK_D), out.dtype.element_ty)  # (block M, block d)
    for start in range(first, last, BLOCK_M):
        e = start + tl.arange(0, BLOCK_M)  # (block M,)
        p = tl.load(pair + e, mask=e < last, other=0)  # (block M,)
        g = tl.load(grad + p, mask=e < last, other=0)  # (block M,)
        inside = (e < last)[:, None] & (k < d)[None, :]  # (block M, block d)
        q = tl.load(query + (p // M)[:, None] * d + k[None, :], mask=inside, other=0)  # (block M, block d)
        total += g[:, None] * q
    tl.store(out + i * d + k, tl.sum(total, axis=0), mask=k < d)
