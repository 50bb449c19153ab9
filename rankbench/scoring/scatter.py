"""The gradient of the items from scores by numba: many rows of a large table are added to, at random places.

The pairs of row and item are first parted by blocks of items that fit the nearest cache, then each block is added up by
one thread: no atomics, no table for each thread, and sums in the order of the rows whatever the number of threads.
"""

from collections.abc import Callable
from functools import cache
from typing import cast

import numpy as np
import torch
from numba import njit
from torch import Tensor

from rankbench.parallel import over_blocks, over_rows

_FAST = {"reassoc", "contract", "nsz"}

_BLOCK = 2**13
"""Numbers in a block of items: 32 KiB of float32."""

_PARTS = 8
"""Ranges of rows that are parted side by side."""


def item_gradient(query: Tensor, n_items: int, item: Tensor, grad: Tensor) -> Tensor:
    """Return the gradient (I, d) of the items, given queries (B, d), items (B, M) int32 and the products' (B, M)."""
    d = query.shape[1]
    bits = min(max(_BLOCK // d, 1).bit_length() - 1, 32 - len(item).bit_length())  # a block is 2^bits items
    blocks = ((n_items - 1) >> bits) + 1
    items, grads = item.numpy(), grad.detach().contiguous().numpy()  # (B, M), (B, M)
    rows = -(-len(items) // _PARTS)
    count = np.zeros((_PARTS, blocks), np.int64)  # (parts, blocks)
    over_blocks(lambda start, stop: _count(items[start:stop], bits, count[start // rows]), len(items), rows)
    edge = np.concatenate([[0], count.T.cumsum()])  # (blocks * parts + 1,) blocks in order, in each the parts in order
    place = edge[:-1].reshape(blocks, _PARTS).T.copy()  # (parts, blocks)
    pair, value = np.empty(items.size, np.uint32), np.empty(items.size, grads.dtype)  # (pairs,), (pairs,)

    def part(start: int, stop: int) -> None:
        _part(start, stop, items, grads, bits, place[start // rows], pair, value)

    over_blocks(part, len(items), rows)
    out = torch.empty((n_items, d), dtype=query.dtype)  # (I, d)
    vectors = query.detach().contiguous().numpy()  # (B, d)
    over_rows(_add(d), blocks, edge[::_PARTS], bits, pair, value, vectors, out.numpy())
    return out


@njit(cache=True, nogil=True)
def _count(item, bits, count):  # type: ignore[no-untyped-def]
    for b in range(item.shape[0]):
        for j in range(item.shape[1]):
            count[item[b, j] >> bits] += 1


@njit(cache=True, nogil=True)
def _part(start, stop, item, grad, bits, place, pair, value):  # type: ignore[no-untyped-def]
    within = (1 << bits) - 1
    for b in range(start, stop):
        for j in range(item.shape[1]):
            i = item[b, j]
            p = place[i >> bits]
            place[i >> bits] = p + 1
            pair[p], value[p] = np.uint32((b << bits) | (i & within)), grad[b, j]


@cache
def _add(d: int) -> Callable[..., None]:
    @njit(cache=True, nogil=True, fastmath=_FAST)
    def add(start, stop, edge, bits, pair, value, query, out):  # type: ignore[no-untyped-def]
        within = np.uint32((1 << bits) - 1)
        for block in range(start, stop):
            items = out[block << bits : (block + 1) << bits]
            items[:] = 0
            for p in range(edge[block], edge[block + 1]):
                o, q, g = items[pair[p] & within], query[pair[p] >> np.uint32(bits)], value[p]
                for k in range(d):
                    o[k] += g * q[k]

    return cast(Callable[..., None], add)
