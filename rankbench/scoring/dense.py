"""Scores by a matrix product with all items, then a gather: best when a batch meets most of the catalogue anyway.

The product is cut into fixed blocks, each computed by one thread, so that sums are added in one order whatever the
number of threads. A block of scores is gathered from while it is still in the cache.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rankbench.parallel import over_blocks
from rankbench.rowwise.kernels import LANES, exponents_of_row, gradient_of_row, log_sum_exp_of_row
from rankbench.scoring.softmax import Rows

_ROWS = 256
_ITEMS = 512


def forward(query: Tensor, item_vec: Tensor, item: Tensor) -> Tensor:
    """Return the inner products (B, M) of queries (B, d) with their items (B, M) int32.

    Where the item vectors (I, d) are bfloat16, so are the operands and the result of the matrix product.
    """
    out = torch.empty(item.shape, dtype=query.dtype)  # (B, M)
    rows, transposed = _in(item_vec.dtype, query.detach()), item_vec.detach().t()  # (B, d), (d, I)
    index, target = item.numpy(), out.numpy()

    def block(start: int, stop: int) -> None:
        some = rows if stop - start == len(rows) else rows[start:stop]  # (rows, d)
        scores = _in(out.dtype, some @ transposed)  # (rows, I)
        _take(scores.numpy(), index[start:stop], target[start:stop])

    over_blocks(block, len(query), _ROWS)
    return out


def _in(dtype: torch.dtype, x: Tensor) -> Tensor:
    """Return numbers in a precision. Every call of torch gives the interpreter away, so none is made without need."""
    return x if x.dtype == dtype else x.to(dtype)


class Gradients:
    """The gradients of products, piece by piece: `add` each piece, then take that of the items.

    Args:
        query: (B, d) float, queries.
        item_vec: (I, d) float, item vectors; may be bfloat16.
        item: (B, M) int32, the items of each query.
    """

    def __init__(self, query: Tensor, item_vec: Tensor, item: Tensor) -> None:
        self._query, self._items, self._index = query.detach(), item_vec.detach(), item.numpy()
        self._parts: dict[int, Tensor] = {}

    def add(self, start: int, stop: int, grad: Tensor) -> Tensor:
        """Return the gradient (b, d) of the queries start..stop, given that of their products (b, M)."""
        spread = grad.new_empty((stop - start, len(self._items)))  # (b, I)
        _put(grad.detach().numpy(), self._index[start:stop], spread.numpy())
        return self._add(start, stop, spread)  # (b, d)

    def add_softmax(self, start: int, stop: int, rows: Rows) -> Tensor:
        """Write loss and gradient of rows start..stop of a softmax and return the gradient (b, d) of their queries.

        The scores of all items are replaced by their gradients row by row.
        """
        query = self._query[start:stop]  # (b, d)
        if rows.neg is None:
            spread = _in(query.dtype, _in(self._items.dtype, query) @ self._items.t())  # (b, I)
        else:
            spread = query.new_empty((len(query), len(self._items)))  # (b, I)
        _softmax(spread.numpy(), self._index[start:stop], *rows)
        return self._add(start, stop, spread)  # (b, d)

    def _add(self, start: int, stop: int, spread: Tensor) -> Tensor:
        """Take the gradients (b, I) of all items' scores; return that of the queries (b, d)."""
        self._parts[start] = spread.t() @ self._query[start:stop]  # (I, d)
        return _in(spread.dtype, _in(self._items.dtype, spread) @ self._items)  # (b, d)

    def of_items(self) -> Tensor:
        """Return the gradient (I, d) of the items: those of all pieces, added up in their order."""
        first, *others = (self._parts[start] for start in sorted(self._parts))
        for part in others:
            first += part
        return first


def catalogue_gradient(query: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient (I, d) of the items, given that of the product (B, I) of queries (B, d) with all of them."""
    out = torch.empty((grad.shape[1], query.shape[1]), dtype=query.dtype)  # (I, d)
    rows = query.detach()  # (B, d)

    def block_of_items(start: int, stop: int) -> None:
        torch.mm(grad[:, start:stop].t(), rows, out=out[start:stop])  # (items, d)

    over_blocks(block_of_items, grad.shape[1], _ITEMS)
    return out


@njit(cache=True, nogil=True)
def _take(scores, item, out):  # type: ignore[no-untyped-def]
    for b in range(item.shape[0]):
        row, index = scores[b], item[b]
        for j in range(item.shape[1]):
            out[b, j] = row[np.uint32(index[j])]  # a signed index would be asked whether it counts from the end


@njit(cache=True, nogil=True)
def _put(grad, item, out):  # type: ignore[no-untyped-def]
    for b in range(item.shape[0]):
        row, index = out[b], item[b]
        row[:] = 0
        for j in range(item.shape[1]):
            row[np.uint32(index[j])] += grad[b, j]


@njit(cache=True, nogil=True)
def _softmax(spread, item, neg, pos, beta, offset, share, value, of_pos):  # type: ignore[no-untyped-def]
    """As `Rows` says; `spread` (b, I) has the scores of all items, unless `neg` is given, and gets their gradients."""
    N = item.shape[1]
    row, exponential, lanes = np.empty(N, np.float32), np.empty(N, np.float32), np.empty(LANES, np.float32)
    for b in range(len(item)):
        scores, index = spread[b], item[b]
        if neg is None:
            for j in range(N):
                row[j] = scores[np.uint32(index[j])]
        given = row if neg is None else neg[b]
        exponents_of_row(given, pos[b], beta[b], None if offset is None else offset[b], row)
        value[b], weight = log_sum_exp_of_row(row, exponential, lanes)
        of_pos[b] = gradient_of_row(exponential, weight, share * beta[b], exponential)
        scores[:] = 0
        for j in range(N):
            scores[np.uint32(index[j])] += exponential[j]
