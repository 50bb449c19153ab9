"""Scores by a matrix product with all items, then a gather: best when a batch meets most of the catalogue anyway.

The product is cut into fixed blocks, each computed by one thread, so that sums are added in one order whatever the
number of threads. A block of scores is gathered from while it is still in the cache.
"""

import torch
from numba import njit
from torch import Tensor

from rankbench.parallel import over_blocks

_ROWS = 128
_ITEMS = 512


def workspace(query: Tensor, n_items: int) -> Tensor:
    """Return what the gradients of queries (B, d) share: the gradient of the product with all items (B, I)."""
    return query.new_empty(len(query), n_items)  # (B, I)


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


def query_gradient(item_vec: Tensor, item: Tensor, grad: Tensor, work: Tensor) -> Tensor:
    """Return the gradient (B, d) of the queries, given that of the products (B, M); fill `work` (B, I)."""
    out = torch.empty((len(item), item_vec.shape[1]), dtype=grad.dtype)  # (B, d)
    items, index, values = item_vec.detach(), item.numpy(), grad.detach().numpy()

    def block(start: int, stop: int) -> None:
        _put(values[start:stop], index[start:stop], work[start:stop].numpy())
        out[start:stop] = work[start:stop].to(items.dtype) @ items  # (rows, d)

    over_blocks(block, len(item), _ROWS)
    return out


def item_gradient(query: Tensor, n_items: int, item: Tensor, grad: Tensor, work: Tensor) -> Tensor:
    """Return the gradient (I, d) of the items, given `work` (B, I) as `query_gradient` left it."""
    return catalogue_gradient(query, work)  # (I, d)


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
        for j in range(item.shape[1]):
            out[b, j] = scores[b, item[b, j]]


@njit(cache=True, nogil=True)
def _put(grad, item, out):  # type: ignore[no-untyped-def]
    for b in range(item.shape[0]):
        out[b, :] = 0
        for j in range(item.shape[1]):
            out[b, item[b, j]] += grad[b, j]
