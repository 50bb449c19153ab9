"""Taking pairs of each user in a random order, compiled: tens of millions of them in seconds."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def rows_taken(bits, item, ends, quota, left):  # type: ignore[no-untyped-def]
    """Return the rows taken: of each user up to its quota, those of the fewest bits first, never an item's last one.

    Args:
        bits: (n,) uint64, random, each another; rows ascend by user.
        item: (n,) the item of each row.
        ends: (U,) where the rows of each user end.
        quota: (U,) most rows to take of each user.
        left: (I,) int64, how many rows each item has; changed: what it has left.
    """
    taken = np.empty(quota.sum(), np.int64)
    n, start = 0, 0
    for user in range(len(ends)):
        goal = n + quota[user]
        for row in np.argsort(bits[start : ends[user]]) if quota[user] > 0 else np.empty(0, np.int64):
            if n == goal:
                break
            if left[item[start + row]] > 1:
                left[item[start + row]] -= 1
                taken[n] = start + row
                n += 1
        start = ends[user]
    return taken[:n]
