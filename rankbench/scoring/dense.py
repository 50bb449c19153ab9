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


def forward(query: Tensor, item_vec: Tensor, item: Tensor) -> Tensor:
    """Return the inner products (B, M) of queries (B, d) with their items (B, M) int32."""
    out = torch.empty(item.shape, dtype=query.dtype)  # (B, M)
    transposed = item_vec.detach().t()  # (d, I)
    rows, index, target = query.detach(), item.numpy(), out.numpy()

    def block(start: int, stop: int) -> None:
        scores = rows[start:stop] @ transposed  # (rows, I)
        _take(scores.numpy(), index[start:stop], target[start:stop])

    over_blocks(block, len(query), _ROWS)
    return out


def backward(query: Tensor, item_vec: Tensor, item: Tensor, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Return the gradients (B, d) of the queries and (I, d) of the items, given that of the products (B, M)."""
    grad_query = torch.empty_like(query)  # (B, d)
    grad_item = torch.empty_like(item_vec)  # (I, d)
    spread = torch.empty((len(query), len(item_vec)), dtype=query.dtype)  # (B, I)
    rows, items, index, values = query.detach(), item_vec.detach(), item.numpy(), grad.detach().numpy()

    def block_of_rows(start: int, stop: int) -> None:
        _put(values[start:stop], index[start:stop], spread[start:stop].numpy())
        torch.mm(spread[start:stop], items, out=grad_query[start:stop])  # (rows, d)

    def block_of_items(start: int, stop: int) -> None:
        torch.mm(spread[:, start:stop].t(), rows, out=grad_item[start:stop])  # (items, d)

    over_blocks(block_of_rows, len(query), _ROWS)
    over_blocks(block_of_items, len(item_vec), _ITEMS)
    return grad_query, grad_item


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
