"""Protocol `temporal`: one point in time for all users; the first 60 % of the rows train, the last 20 % test.

Compatible with the published splits of IR-Benchmark. The 20 % between are unused. Users and items are numbered over the
full set, so some of them never occur in train; many test users are new and dropped, hence test users are few.
"""

from __future__ import annotations

import numpy as np

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.parts import Pairs

TRAIN = 0.6
TEST = 0.2


def temporal(pairs: Pairs) -> tuple[Interactions, Interactions]:
    """Return train and test: rows by time, ties by (user, item); test keeps users and items that occur in train.

    A pair that has several times and is in train already is no test pair.
    """
    if pairs.time is None:
        raise ValueError("a temporal split needs times")
    order = np.argsort(pairs.time, kind="stable")  # (n,)
    first, last = order[: int(TRAIN * len(pairs))], order[len(pairs) - int(TEST * len(pairs)) :]
    train, late = pairs.select(first), pairs.select(last)
    kept = (train.user_counts > 0)[late.users] & (train.item_counts > 0)[late.items]  # (nnz,)
    known = Interactions.from_pairs(late.users[kept], late.items[kept], pairs.n_users, pairs.n_items)
    return train, known.without(train)
