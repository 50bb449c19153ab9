"""Groups of items by popularity and of users by what they did, all from train counts, ties by id.

There are three tail sets: `items20` is all but the 20 % most popular items, `mass80` all but the fewest items that hold
80 % of the train interactions, `groups` the last of the popularity groups.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions

GROUPS = 5
"""How many popularity groups there are; group 0 is the head."""

QUARTILES = 4
"""How many groups of users there are; group 0 is the least active, or the least mainstream."""

TAILS = ("items20", "mass80", "groups")
"""The tail sets, see above."""


@lru_cache(maxsize=2)
def popularity_groups(train: Interactions) -> NDArray[np.int64]:
    """Return the popularity group (I,) int64 of each item, from 0, the head, to GROUPS - 1, the tail.

    Items are sorted by train interactions, most first (ties by id), and cut so that each group holds about the same
    number of interactions: the head is a few popular items, the tail are many rare ones. Items without any are in the
    tail."""
    order = np.argsort(-train.item_counts, kind="stable")  # (I,)
    before = np.cumsum(train.item_counts[order]) - train.item_counts[order]  # (I,) interactions of more popular items
    group = np.empty(train.n_items, np.int64)  # (I,)
    group[order] = np.minimum(before * GROUPS // max(len(train), 1), GROUPS - 1)  # (I,)
    return group


@lru_cache(maxsize=2)
def tails(train: Interactions) -> dict[str, NDArray[np.bool_]]:
    """Return, for each of `TAILS`, which items (I,) are in the tail."""
    return {
        "items20": tail_of_items(train.item_counts, 0.2),
        "mass80": tail_of_mass(train.item_counts, 0.8),
        "groups": popularity_groups(train) == GROUPS - 1,
    }


def tail_of_items(popularity: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Return which items (I,) are not among the most popular ones, a share of all items, rounded up."""
    order = np.argsort(-popularity, kind="stable")  # (I,)
    tail = np.ones(len(popularity), np.bool_)  # (I,)
    tail[order[: int(np.ceil(share * len(popularity) - 1e-9))]] = False
    return tail


def tail_of_mass(popularity: NDArray[np.int64], share: float) -> NDArray[np.bool_]:
    """Return which items (I,) are not among the fewest ones that hold a share of all interactions."""
    order = np.argsort(-popularity, kind="stable")  # (I,)
    before = np.cumsum(popularity[order]) - popularity[order]  # (I,) interactions of more popular items
    tail = np.empty(len(popularity), np.bool_)  # (I,)
    tail[order] = before >= share * popularity.sum() - 1e-9
    return tail


def mainstreamness(history: Interactions, popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the mean popularity (U,) float64 of the items that each user is known by; NaN without any."""
    before = np.append(0, np.cumsum(popularity[history.items]))  # (nnz + 1,)
    with np.errstate(invalid="ignore"):
        mean: NDArray[np.float64] = np.diff(before[history.indptr]) / history.user_counts  # (U,)
    return mean


def quartiles(value: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return the quarter (n,) int64 of each value, 0 the lowest: as many in each as can be, ties by place, NaN last."""
    group = np.empty(len(value), np.int64)  # (n,)
    group[np.argsort(value, kind="stable")] = np.arange(len(value)) * QUARTILES // max(len(value), 1)
    return group
