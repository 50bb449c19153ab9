"""The most popular items that each user's list could have held: what the popularity of lists is compared with."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.parallel import over_rows


def top_popular(
    popularity: NDArray[np.int64],
    users: NDArray[np.int64],
    mask: Interactions,
    exposed: Interactions | None,
    K: int,
) -> NDArray[np.int32]:
    """Return the K most popular items for each of `users`, ties by ascending item.

    Args:
        popularity: (I,) int64, train interactions of each item.
        users: (n,) int64, the users.
        mask: the items of each user that must not be ranked.
        exposed: the items of each user that are ranked, nothing of `mask` among them; None for the catalogue.
        K: length of the lists.

    Returns:
        (n, K) int32, -1 where fewer than K items can be ranked.
    """
    order = np.argsort(-popularity, kind="stable").astype(np.int32)  # (I,)
    top = np.full((len(users), K), -1, np.int32)  # (n, K)
    named = mask if exposed is None else exposed
    over_rows(_take_first, len(users), order, users, named.indptr, named.items, exposed is not None, top)
    return top


@njit(cache=True, nogil=True)
def _take_first(start, stop, order, users, indptr, items, wanted, top):  # type: ignore[no-untyped-def]
    """Write the first items of `order` that are among a user's items if `wanted`, or not among them if not."""
    named = np.zeros(len(order), np.bool_)
    for b in range(start, stop):
        row = items[indptr[users[b]] : indptr[users[b] + 1]]
        for i in row:
            named[i] = True
        n = 0
        for i in order:
            if n == top.shape[1]:
                break
            if named[i] == wanted:
                top[b, n] = i
                n += 1
        for i in row:
            named[i] = False
