"""Protocol `iid`: 80 % of each user's items at random to train, the rest to test.

Compatible by seed with the published splits of IR-Benchmark, bit for bit: Python's own generator, seed 0, one stream
through the users in ascending order.
"""

from __future__ import annotations

import numpy as np

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.parts import Pairs

SEED = 0
TRAIN = 0.8


def iid(pairs: Pairs) -> tuple[Interactions, Interactions]:
    """Return train and test: each user's items shuffled, the first floor(0.8 n) train, the rest test.

    A test pair whose item does not occur in train is dropped, and so is the pair of a user who has only one.
    """
    from rankbench.data.protocols.twister import shuffled  # it needs numba, the names of the protocols do not

    everything = pairs.select(np.ones(len(pairs), np.bool_))
    user, item = everything.users, everything.items
    rank = np.arange(len(everything)) - everything.indptr[user]  # (n,) the place among the user's
    in_train = np.zeros(len(everything), np.bool_)  # (n,)
    in_train[shuffled(everything.indptr, SEED)[rank < (everything.user_counts * TRAIN).astype(np.int64)[user]]] = True
    item_known = np.bincount(item[in_train], minlength=pairs.n_items) > 0  # (I,)
    in_test = ~in_train & item_known[item] & (everything.user_counts > 1)[user]  # (n,)
    train, test = (
        Interactions.from_pairs(user[rows], item[rows], pairs.n_users, pairs.n_items) for rows in (in_train, in_test)
    )
    return train, test
