"""Protocol `popularity`: a test set in which every item is equally likely, whatever its popularity.

Compatible by seed with the published splits of IR-Benchmark, bit for bit. Every item gets the same expected number of
test pairs, so items of the tail lose a larger share of theirs: the test is uniform over items and the tail is harder to
learn than in `iid`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.parts import Pairs
from rankbench.errors import UserError

SEED = 0
TRAIN = 0.8


def popularity(pairs: Pairs) -> tuple[Interactions, Interactions]:
    """Return train and test: draw an item uniformly, then one of its users, until 20 % of the pairs are drawn.

    A draw that would take an item's last pair is discarded, so every item stays in train. A test pair whose user does
    not occur in train is dropped.

    Raises:
        UserError: there are too few pairs an item to take 20 % and leave one of each.
    """
    from rankbench.data.protocols.twister import take_of_items  # it needs numba, the names of the protocols do not

    everything = pairs.select(np.ones(len(pairs), np.bool_))
    need = len(everything) - int(TRAIN * len(everything))
    items = _in_order_of_occurrence(everything)
    if len(everything) - len(items) < need:
        raise UserError(
            f"{len(everything)} pairs of {len(items)} items are too few to take {need} and leave one of each item.",
            "Use a larger core or another protocol.",
        )
    by_item = np.argsort(everything.items, kind="stable")  # (nnz,) users ascending within each item
    start = np.append(0, np.cumsum(everything.item_counts))  # (I + 1,)
    left, users = take_of_items(items, start, everything.users[by_item], need, SEED)
    item = everything.items[by_item]  # (nnz,)
    in_train = np.arange(len(item)) < (start[:-1] + left)[item]  # (nnz,)
    train, test = (
        Interactions.from_pairs(users[rows], item[rows], pairs.n_users, pairs.n_items) for rows in (in_train, ~in_train)
    )
    return train, _of_trained_users(test, train)


def _in_order_of_occurrence(everything: Interactions) -> NDArray[np.int64]:
    """Return the items that occur, in the order in which they first do."""
    items, first = np.unique(everything.items, return_index=True)
    return items[np.argsort(first)].astype(np.int64)


def _of_trained_users(test: Interactions, train: Interactions) -> Interactions:
    kept = (train.user_counts > 0)[test.users]  # (nnz,)
    return Interactions.from_pairs(test.users[kept], test.items[kept], test.n_users, test.n_items)
