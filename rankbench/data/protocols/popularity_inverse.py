r"""Protocol `popularity-inverse`: 20 % of the pairs to test, drawn with probability inverse to the item's popularity.

Pairs are drawn one after the other without replacement, each with probability $w_{ui} / \sum w$ over the pairs that are
left, $w_{ui} = 1 / |P_i|$: all items are equally likely at first, and less so the more of their pairs are gone. (In
`popularity` an item is as likely to the end, so the tail loses more there.) A draw that would take the last pair of an
item or a user is passed over, so both stay in train.

With independent exponential variables $E_{ui}$ of mean 1, the order of the keys $E_{ui} / w_{ui}$, smallest first, is
an order of such draws: Efraimidis, Spirakis: Weighted random sampling with a reservoir. Information Processing Letters
97(5), 2006. The variable of a pair is a function of seed, stream and pair.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.hashing import exponential, hashed
from rankbench.data.protocols.parts import Pairs
from rankbench.errors import UserError

SEED = 0
TRAIN = 0.8
STREAM = "test-popularity-inverse"

_BLOCK = 1 << 16


def popularity_inverse(pairs: Pairs) -> tuple[Interactions, Interactions]:
    """Return train and test.

    Raises:
        UserError: there are too few pairs to take 20 % and leave one of each user and item.
    """
    everything = pairs.select(np.ones(len(pairs), np.bool_))
    need = len(everything) - int(TRAIN * len(everything))
    drawn = exponential(hashed(SEED, STREAM, everything.keys))  # (nnz,)
    key = drawn * everything.item_counts[everything.items]  # (nnz,)
    taken = _take(everything, np.argsort(key, kind="stable"), need)
    if len(taken) < need:
        raise UserError(
            f"{len(everything)} pairs of {pairs.n_users} users and {pairs.n_items} items are too few to take {need} "
            "and leave one of each user and item.",
            "Use a larger core or another protocol.",
        )
    in_test = np.zeros(len(everything), np.bool_)  # (nnz,)
    in_test[taken] = True
    user, item = everything.users, everything.items
    train, test = (
        Interactions.from_pairs(user[rows], item[rows], pairs.n_users, pairs.n_items) for rows in (~in_test, in_test)
    )
    return train, test


def _take(everything: Interactions, order: NDArray[np.int64], need: int) -> list[int]:
    """Return up to `need` rows, in the order given, but never the last one of a user or an item."""
    user_left, item_left = everything.user_counts.tolist(), everything.item_counts.tolist()
    taken: list[int] = []
    for start in range(0, len(order), _BLOCK):
        block = order[start : start + _BLOCK]  # (b,)
        listed = zip(block.tolist(), everything.users[block].tolist(), everything.items[block].tolist(), strict=True)
        for row, user, item in listed:
            if len(taken) == need:
                return taken
            if user_left[user] > 1 and item_left[item] > 1:
                user_left[user] -= 1
                item_left[item] -= 1
                taken.append(row)
    return taken
