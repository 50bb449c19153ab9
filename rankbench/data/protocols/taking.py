"""Taking pairs of users and of items at random, compiled: tens of millions of them in seconds."""

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


@njit(cache=True, nogil=True)
def rows_taken_by_item(item, chance, rows, start, left, user, user_left, keeps, quota):  # type: ignore[no-untyped-def]
    """Return the rows taken (at most `quota`): for each draw one of the item's, unless item or user has too few left.

    Args:
        item: (n,) int64, the item of each draw.
        chance: (n,) uint64 below 2^32, which of its rows is meant.
        rows: (m,) int64, those of each item together; changed: the first `left` of each are left.
        start: (I,) where the rows of each item begin.
        left: (I,) int64, how many rows of each item are left; changed.
        user: (pairs,) the user of each row.
        user_left: (U,) int64, how many rows of each user are left; changed.
        keeps: how many rows an item and a user keep at least.
        quota: most rows to take.
    """
    taken = np.empty(min(quota, len(item)), np.int64)
    n = 0
    for draw in range(len(item)):
        if n == quota:
            break
        i = item[draw]
        if left[i] <= keeps[0]:
            continue
        at = start[i] + np.int64((chance[draw] * np.uint64(left[i])) >> np.uint64(32))
        row = rows[at]
        if user_left[user[row]] <= keeps[1]:
            continue
        left[i] -= 1
        rows[at] = rows[start[i] + left[i]]
        user_left[user[row]] -= 1
        taken[n] = row
        n += 1
    return taken[:n]
