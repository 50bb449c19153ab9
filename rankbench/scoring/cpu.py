"""Scores by numba: gather and inner product in one pass, so that nothing of shape (B, N, d) exists.

Each row of the batch is computed by one thread. The item gradient is added up over fixed blocks of rows, each by one
thread, and the blocks in their order: no atomics, and the same sums whatever the number of threads. For tables that do
not fit the cache `scatter` does it in another way. The kernels are made for a number of dimensions that the compiler
knows, so that it unrolls the inner loops.
"""

from collections.abc import Callable
from functools import cache
from typing import Any, cast

import numpy as np
import torch
from numba import njit, types
from numba.extending import overload
from numpy.typing import NDArray
from torch import Tensor

from rankbench.parallel import over_blocks, over_rows
from rankbench.prefetch import prefetch_row
from rankbench.rowwise.kernels import LANES, exponents_of_row, gradient_of_row, log_sum_exp_of_row
from rankbench.scoring.scatter import item_gradient as scattered
from rankbench.scoring.softmax import Rows

_FAST = {"reassoc", "contract", "nsz"}
"""What the inner loops need to become vector instructions; the order of a sum is fixed when they are compiled."""

_PARTS = 4
"""Blocks of rows that the item gradient is added up in, each with a table of its own."""

_AHEAD = 16
"""Items whose vectors are on their way while one is worked on."""

_LARGE = 2**20
"""Numbers in a table from which `scatter` is faster, measured with B = 1024, N = 1000, d = 64 on 1 and 2 threads."""


def forward(query: Tensor, item_vec: Tensor, item: Tensor) -> Tensor:
    """Return the inner products (B, M) of queries (B, d) with their items (B, M) int32.

    The item vectors (I, d) may be bfloat16; the products are then added up in float32.
    """
    out = torch.empty(item.shape, dtype=query.dtype)  # (B, M)
    over_rows(_dot(query.shape[1]), len(item), *_arrays(query, item_vec, item, out))
    return out


class Gradients:
    """The gradients of products, piece by piece: `add` each piece, then take that of the items.

    Args:
        query: (B, d) float, queries.
        item_vec: (I, d) float, item vectors; may be bfloat16.
        item: (B, M) int32, the items of each query.
    """

    def __init__(self, query: Tensor, item_vec: Tensor, item: Tensor) -> None:
        self._query, self._items, self._index = query, item_vec, item
        self._grad = torch.empty(item.shape, dtype=query.dtype)  # (B, M)

    def add(self, start: int, stop: int, grad: Tensor) -> Tensor:
        """Return the gradient (b, d) of the queries start..stop, given that of their products (b, M)."""
        self._grad[start:stop] = grad
        out = grad.new_empty((stop - start, self._query.shape[1]))  # (b, d)
        over_rows(_gather_add(out.shape[1]), len(out), *_arrays(self._items, self._index[start:stop], grad, out))
        return out

    def add_softmax(self, start: int, stop: int, rows: Rows) -> Tensor:
        """Write loss and gradient of rows start..stop of a softmax and return the gradient (b, d) of their queries.

        The vectors that a row's scores are made of are in the nearest cache when the gradient is.
        """
        query = self._query[start:stop]  # (b, d)
        out = torch.empty_like(query)  # (b, d)
        arrays = _arrays(query, self._items, self._index[start:stop], self._grad[start:stop], out)
        _softmax(query.shape[1])(*arrays, *rows)
        return out

    def of_items(self) -> Tensor:
        """Return the gradient (I, d) of the items: blocks of rows side by side, then put together in order."""
        n_items, (B, d) = len(self._items), self._query.shape
        if n_items * d > _LARGE:
            return scattered(self._query, n_items, self._index, self._grad)  # (I, d)
        rows = -(-B // _PARTS)
        parts = torch.empty((_PARTS, n_items, d), dtype=self._query.dtype)  # (parts, I, d)

        def part(start: int, stop: int) -> None:
            tensors = (self._query[start:stop], self._index[start:stop], self._grad[start:stop])
            _scatter_add(d)(*_arrays(*tensors, parts[start // rows].zero_()))

        def together(start: int, stop: int) -> None:
            for other in parts[1 : -(-B // rows)]:
                parts[0, start:stop] += other[start:stop]

        over_blocks(part, B, rows)
        over_blocks(together, n_items, -(-n_items // (2 * _PARTS)))
        return parts[0]


def _arrays(*tensors: Tensor) -> list[NDArray[Any]]:
    """Return tensors as arrays; numpy has no bfloat16, so its bits stand for it."""
    plain = (t.detach().contiguous() for t in tensors)
    return [(t.view(torch.uint16) if t.dtype == torch.bfloat16 else t).numpy() for t in plain]


def _wide(x: Any) -> Any:
    """Return the float32 of a bfloat16's bits, and any other number as it is."""
    raise NotImplementedError("for kernels only")


@overload(_wide, inline="always")
def _wide_kernel(x):  # type: ignore[no-untyped-def]
    if x == types.uint16:
        return lambda x: np.uint32(np.uint32(x) << np.uint32(16)).view(np.float32)
    return lambda x: x


@cache
def _dot(d: int) -> Callable[..., None]:
    row = _dot_of_row(d)

    @njit(cache=True, nogil=True, fastmath=_FAST)
    def dot(start, stop, query, item_vec, item, out):  # type: ignore[no-untyped-def]
        for b in range(start, stop):
            row(query[b], item_vec, item[b], out[b])

    return cast(Callable[..., None], dot)


@cache
def _dot_of_row(d: int) -> Callable[..., None]:
    @njit(cache=True, nogil=True, fastmath=_FAST)
    def dot_of_row(query, item_vec, item, out):  # type: ignore[no-untyped-def]
        zero = query.dtype.type(0)
        M = len(item)
        for j in range(0, M - 3, 4):  # four at a time hide the latency of the sums
            for after in range(j + _AHEAD, min(j + _AHEAD + 4, M)):
                prefetch_row(item_vec, item[after], d)
            i0, i1, i2, i3 = item[j], item[j + 1], item[j + 2], item[j + 3]
            s0, s1, s2, s3 = zero, zero, zero, zero
            for k in range(d):
                q = query[k]
                s0 += q * _wide(item_vec[i0, k])
                s1 += q * _wide(item_vec[i1, k])
                s2 += q * _wide(item_vec[i2, k])
                s3 += q * _wide(item_vec[i3, k])
            out[j], out[j + 1], out[j + 2], out[j + 3] = s0, s1, s2, s3
        for j in range(M - M % 4, M):
            s = zero
            for k in range(d):
                s += query[k] * _wide(item_vec[item[j], k])
            out[j] = s

    return cast(Callable[..., None], dot_of_row)


@cache
def _gather_add(d: int) -> Callable[..., None]:
    row = _gather_add_of_row(d)

    @njit(cache=True, nogil=True)
    def gather_add(start, stop, item_vec, item, grad, out):  # type: ignore[no-untyped-def]
        for b in range(start, stop):
            row(item_vec, item[b], grad[b], out[b])

    return cast(Callable[..., None], gather_add)


@cache
def _gather_add_of_row(d: int) -> Callable[..., None]:
    @njit(cache=True, nogil=True, fastmath=_FAST)
    def gather_add_of_row(item_vec, item, grad, out):  # type: ignore[no-untyped-def]
        M = len(item)
        out[:] = 0
        for j in range(0, M - 3, 4):  # four at a time, so that the sum is read and written a quarter as often
            for after in range(j + _AHEAD, min(j + _AHEAD + 4, M)):
                prefetch_row(item_vec, item[after], d)
            i0, i1, i2, i3 = item[j], item[j + 1], item[j + 2], item[j + 3]
            g0, g1, g2, g3 = grad[j], grad[j + 1], grad[j + 2], grad[j + 3]
            for k in range(d):
                out[k] += (g0 * _wide(item_vec[i0, k]) + g1 * _wide(item_vec[i1, k])) + (
                    g2 * _wide(item_vec[i2, k]) + g3 * _wide(item_vec[i3, k])
                )
        for j in range(M - M % 4, M):
            for k in range(d):
                out[k] += grad[j] * _wide(item_vec[item[j], k])

    return cast(Callable[..., None], gather_add_of_row)


@cache
def _softmax(d: int) -> Callable[..., None]:
    dot, gather_add = _dot_of_row(d), _gather_add_of_row(d)

    @njit(cache=True, nogil=True)
    def softmax(query, item_vec, item, grad, out, neg, pos, beta, offset, share, value, of_pos):  # type: ignore[no-untyped-def]
        """As `Rows` says; `grad` (b, N) and `out` (b, d) get the gradients of negatives and queries."""
        row, lanes = np.empty(item.shape[1], np.float32), np.empty(LANES, np.float32)  # (N,), (lanes,)
        for b in range(len(item)):
            if neg is None:
                dot(query[b], item_vec, item[b], row)
            given = row if neg is None else neg[b]
            exponents_of_row(given, pos[b], beta[b], None if offset is None else offset[b], row)
            value[b], weight = log_sum_exp_of_row(row, grad[b], lanes)
            of_pos[b] = gradient_of_row(grad[b], weight, share * beta[b], grad[b])
            gather_add(item_vec, item[b], grad[b], out[b])

    return cast(Callable[..., None], softmax)


@cache
def _scatter_add(d: int) -> Callable[..., None]:
    @njit(cache=True, nogil=True, fastmath=_FAST)
    def scatter_add(query, item, grad, out):  # type: ignore[no-untyped-def]
        for b in range(item.shape[0]):
            for j in range(item.shape[1]):
                if j + _AHEAD < item.shape[1]:
                    prefetch_row(out, item[b, j + _AHEAD], d)
                i, g = item[b, j], grad[b, j]
                for k in range(d):
                    out[i, k] += g * query[b, k]

    return cast(Callable[..., None], scatter_add)
