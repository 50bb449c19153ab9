"""Protocol `leave-one-out`: of each user the last interaction to test, the last but one to validation, the rest train.

Ties in time are in the order of the items. A pair that has several times counts at its first, so that nothing is tested
which train has. Users with fewer than 3 items stay in train. An item may occur in the test set only: it is ranked like
any other, as is usual for this protocol, and a warning counts such pairs.
"""

from __future__ import annotations

import numpy as np

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.parts import Pairs, Parts

LEAST = 3
"""Items that a user must have to be tested."""


def leave_one_out(pairs: Pairs) -> Parts:
    """Return train, the validation set of the last but one and the test set of the last interactions."""
    if pairs.time is None:
        raise ValueError("leaving out the last interaction needs times")
    user, item, time = pairs.user, pairs.item, pairs.time
    by_pair = np.lexsort((time, item, user))  # (n,)
    again = (np.diff(user[by_pair], prepend=-1) == 0) & (np.diff(item[by_pair], prepend=-1) == 0)  # (n,)
    rows = by_pair[~again]  # (m,) the first of each pair
    rows = rows[np.lexsort((item[rows], time[rows], user[rows]))]  # (m,)
    counts = np.bincount(user[rows], minlength=pairs.n_users)  # (U,)
    later = np.cumsum(counts)[user[rows]] - 1 - np.arange(len(rows))  # (m,) how many of the user come after
    left_out = np.where(counts[user[rows]] >= LEAST, later, LEAST)  # (m,)
    train, valid, test = (pairs.select(rows[chosen]) for chosen in (left_out > 1, left_out == 1, left_out == 0))
    return Parts(
        train=train,
        valids={"iid": valid},
        tests={"leave-one-out": test},
        parameters={
            "test": "last interaction of each user",
            "valid iid": "last but one interaction of each user",
            "least items of a user that is tested": LEAST,
            "generator": "none: rows by time, ties by item",
        },
        warnings=tuple(filter(None, (_unknown("test", train, test), _unknown("validation", train, valid)))),
    )


def _unknown(name: str, train: Interactions, part: Interactions) -> str:
    """Return the sentence that counts the pairs of a part whose item train lacks, empty if there are none."""
    n = int((train.item_counts[part.items] == 0).sum())
    return f"{n} of {len(part)} {name} pairs have an item that does not occur in train." if n else ""
