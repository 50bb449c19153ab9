"""Scores by a matrix product with all items, then a gather: best when a batch meets most of the catalogue anyway.

The product is cut into fixed blocks, each computed by one thread, so that sums are added in one order whatever the
number of threads. A block of scores is gathered from while it is still in the cache.
"""

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rankbench.parallel import over_blocks

_ROWS = 256
_ITEMS = 512


def forward(query: Tensor, item_vec: Tensor, item: Tensor) -> Tensor:
    """Return the inner products (B, M) of queries (B, d) with their items (B, M) int32.

    Where the item vectors (I, d) are bfloat16, so are the operands and the result of the matrix product.
    """
    out = torch.empty(item.shape, dtype=query.dtype)  # (B, M)
    transposed = item_vec.detach().t()  # (d, I)
    rows, index, target = query.detach().to(item_vec.dtype), item.numpy(), out.numpy()

    def block(start: int, stop: int) -> None:
        scores = (rows[start:stop] @ transposed).to(out.dtype)  # (rows, I)
        _take(scores.numpy(), index[start:stop], target[start:stop])

    over_blocks(block, len(query), _ROWS)
    return out


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
        self._parts[start] = spread.t() @ self._query[start:stop]  # (I, d)
        return (spread.to(self._items.dtype) @ self._items).to(grad.dtype)  # (b, d)

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
