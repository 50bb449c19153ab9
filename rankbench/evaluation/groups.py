"""Popularity groups of items: who in the catalogue, from head to tail, the recommendations reach."""

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions

GROUPS = 5
"""How many popularity groups there are; group 0 is the head."""


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
