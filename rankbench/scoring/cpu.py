"""Scores by numba: gather and inner product in one pass, so that nothing of shape (B, N, d) exists.

Each row of the batch is computed by one thread. The item gradient is added up over fixed blocks of rows, or for
large tables over columns, each by one thread: no atomics, and the same sums whatever the number of threads.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rankbench.parallel import over_blocks, over_rows

_FAST = {"reassoc", "contract", "nsz"}
"""What the inner loops need to become vector instructions; the order of a sum is fixed when they are compiled."""

_BLOCKS = 4
_PART_ELEMENTS = 2**22
"""The item gradient is added up over so many blocks of rows, while all parts together hold no more elements."""


def forward(query: Tensor, item_vec: Tensor, item: Tensor) -> Tensor:
    """Return the inner products (B, M) of queries (B, d) with their items (B, M) int32."""
    out = torch.empty(item.shape, dtype=query.dtype)  # (B, M)
    over_rows(_dot, len(item), *_arrays(query, item_vec, item, out))
    return out


def query_gradient(item_vec: Tensor, item: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient (B, d) of the queries, given that of the products (B, M)."""
    out = torch.empty((len(item), item_vec.shape[1]), dtype=item_vec.dtype)  # (B, d)
    over_rows(_gather_add, len(item), *_arrays(item_vec, item, grad, out))
    return out


def item_gradient(query: Tensor, n_items: int, item: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient (I, d) of the items: added up in parts while they fit the cache, else by columns."""
    d = query.shape[1]
    if _BLOCKS * n_items * d > _PART_ELEMENTS:
        total = torch.zeros((n_items, d), dtype=query.dtype)  # (I, d)
        over_rows(_scatter_add, d, *_arrays(query, item, grad, total))
        return total
    rows = -(-len(item) // _BLOCKS)
    parts = torch.zeros((_BLOCKS, n_items, d), dtype=query.dtype)  # (blocks, I, d)

    def block(start: int, stop: int) -> None:
        part = parts[start // rows]  # (I, d)
        _scatter_add(0, d, *_arrays(query[start:stop], item[start:stop], grad[start:stop], part))

    over_blocks(block, len(item), rows)
    for part in parts[1:]:
        parts[0] += part
    return parts[0]


def _arrays(*tensors: Tensor) -> list[np.ndarray]:
    return [t.detach().contiguous().numpy() for t in tensors]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _dot(start, stop, query, item_vec, item, out):  # type: ignore[no-untyped-def]
    zero = query.dtype.type(0)
    M, d = item.shape[1], query.shape[1]
    for b in range(start, stop):
        q = query[b]
        for j in range(0, M - 3, 4):  # four at a time hide the latency of the sums
            v0, v1, v2, v3 = (
                item_vec[item[b, j]],
                item_vec[item[b, j + 1]],
                item_vec[item[b, j + 2]],
                item_vec[item[b, j + 3]],
            )
            s0, s1, s2, s3 = zero, zero, zero, zero
            for k in range(d):
                s0 += q[k] * v0[k]
                s1 += q[k] * v1[k]
                s2 += q[k] * v2[k]
                s3 += q[k] * v3[k]
            out[b, j], out[b, j + 1], out[b, j + 2], out[b, j + 3] = s0, s1, s2, s3
        for j in range(M - M % 4, M):
            v = item_vec[item[b, j]]
            s = zero
            for k in range(d):
                s += q[k] * v[k]
            out[b, j] = s


@njit(cache=True, nogil=True, fastmath=_FAST)
def _gather_add(start, stop, item_vec, item, grad, out):  # type: ignore[no-untyped-def]
    M, d = item.shape[1], item_vec.shape[1]
    for b in range(start, stop):
        o = out[b]
        for k in range(d):
            o[k] = 0
        for j in range(0, M - 3, 4):  # four at a time, so that the sum is read and written a quarter as often
            v0, v1, v2, v3 = (
                item_vec[item[b, j]],
                item_vec[item[b, j + 1]],
                item_vec[item[b, j + 2]],
                item_vec[item[b, j + 3]],
            )
            g0, g1, g2, g3 = grad[b, j], grad[b, j + 1], grad[b, j + 2], grad[b, j + 3]
            for k in range(d):
                o[k] += (g0 * v0[k] + g1 * v1[k]) + (g2 * v2[k] + g3 * v3[k])
        for j in range(M - M % 4, M):
            v = item_vec[item[b, j]]
            for k in range(d):
                o[k] += grad[b, j] * v[k]


@njit(cache=True, nogil=True, fastmath=_FAST)
def _scatter_add(start, stop, query, item, grad, out):  # type: ignore[no-untyped-def]
    B, M = item.shape
    for b in range(B):
        q = query[b, start:stop]
        for j in range(M):
            o = out[item[b, j], start:stop]
            g = grad[b, j]
            for k in range(stop - start):
                o[k] += g * q[k]
