"""Validation `iid`, cut from train for every protocol: 10 % of each user's train items, at least one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.hashing import hashed

SEED = 0
SHARE = 0.1
STREAM = "valid-iid"


def cut_validation(train: Interactions, stream: str = STREAM) -> tuple[Interactions, Interactions]:
    """Return train and validation: of a user's n train items, max(floor(0.1 n), 1) at random go to validation.

    A user with one train item keeps it. A draw that would take an item's last train pair is passed over for the next in
    the user's random order, so every user and every item of the validation set occurs in train.

    Args:
        train: what is cut.
        stream: of the random numbers; what is cut off for another purpose has another one.
    """
    taken = take_by_user(train.users, train.items, validation_sizes(train.user_counts), train.item_counts, stream)
    valid = np.zeros(len(train), np.bool_)  # (nnz,)
    valid[taken] = True
    rest, cut = (
        Interactions.from_pairs(train.users[rows], train.items[rows], train.n_users, train.n_items)
        for rows in (~valid, valid)
    )
    return rest, cut


def validation_sizes(user_counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many pairs of each user go to validation, (U,), given how many each has."""
    return np.where(user_counts > 1, np.maximum((user_counts * SHARE).astype(np.int64), 1), 0)


def take_by_user(
    user: NDArray[np.int32],
    item: NDArray[np.int32],
    quota: NDArray[np.int64],
    item_left: NDArray[np.int64],
    stream: str,
) -> NDArray[np.int64]:
    """Return the rows taken at random: up to `quota` of each user's, never an item's last one.

    Users are served in ascending order, each in the random order of its pairs. That order is a function of seed, stream
    and pair, so it does not change when other pairs do.

    Args:
        user, item: (n,) the pairs to take from, ascending by user.
        quota: (U,) most pairs to take of each user.
        item_left: (I,) how many pairs each item has among them.
        stream: what is drawn.
    """
    from rankbench.data.protocols.taking import rows_taken  # it needs numba, the names of the protocols do not

    pair = user.astype(np.int64) * len(item_left) + item  # (n,)
    ends = np.cumsum(np.bincount(user, minlength=len(quota)))  # (U,)
    taken: NDArray[np.int64] = rows_taken(hashed(SEED, stream, pair), item, ends, quota, item_left.copy())
    return taken
