r"""Noise `false-positive`: items that a user has nothing to do with, added to the user's train items.

For each user $\lceil r |P_u| \rceil$ items, uniformly at random without replacement among those that the user has not
interacted with, in any part of the split or in what the protocol dropped, and was not exposed to in a test; so what is
measured stays as clean as it was. $P_u$ is what validation left in train. One such item at least is left to each user.

The setting of Yang, Chen, Zhang, Wu, Sun, Feng, Chen, Wang: Breaking the top-K barrier: advancing top-K ranking metrics
optimization in recommender systems. KDD 2025, arXiv 2508.05673.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.data.protocols.hashing import below, hashed
from rankbench.data.protocols.parts import Pairs, Parts

SEED = 0
STREAM = "false-positive"

_DRAWS = 1 << 32
"""Room for the draws of a user among the numbers of the hash."""


def add_false_positives(parts: Parts, rate: float, pairs: Pairs) -> Parts:
    """Return the parts with `rate` false positives a train pair of each user.

    Which items a user gets is a function of seed, stream, the user and the items that may be drawn.

    Args:
        parts: without false positives.
        rate: r.
        pairs: what the parts were made of.
    """
    known = pairs.of_items(parts.items).union(*parts.split("", "").parts().values())
    wanted = np.ceil(np.round(rate * parts.train.user_counts, 9)).astype(np.int64)  # (U,) 0.07 * 100 is above 7
    free = parts.train.n_items - known.user_counts  # (U,)
    n_drawn = np.minimum(wanted, np.maximum(free - 1, 0))  # (U,)
    users = np.repeat(np.arange(parts.train.n_users), n_drawn)  # (m,)
    items = np.fromiter(_items(known, free, n_drawn, users), np.int32, len(users))  # (m,)
    noise = Interactions.from_pairs(users, items, parts.train.n_users, parts.train.n_items)
    short = int(wanted.sum()) - len(noise)
    missing = f"false-positive: {len(noise)} of {len(noise) + short} items were added; some users have all others."
    return replace(
        parts,
        train=parts.train.union(noise),
        parameters={**parts.parameters, "false positives a train pair": rate, "false positives": len(noise)},
        warnings=(*parts.warnings, *((missing,) if short else ())),
    )


def _items(
    known: Interactions, free: NDArray[np.int64], n_drawn: NDArray[np.int64], users: NDArray[np.int64]
) -> Iterator[int]:
    """Yield the items drawn for the users, user by user.

    Of a user's n free items, in their order, m are chosen by Floyd's algorithm: for j = n - m, ..., n - 1 draw a number
    of 0..j, and take j itself when the number is taken already. (Bentley, Floyd, Communications of the ACM 30(9), 1987)
    """
    draw = np.arange(len(users)) - np.repeat(np.cumsum(n_drawn) - n_drawn, n_drawn)  # (m,) counted from 0 for each user
    last = (free - n_drawn)[users] + draw  # (m,)
    number = below(hashed(SEED, STREAM, users * _DRAWS + draw), last + 1).tolist()  # (m,)
    at = 0
    for user in np.flatnonzero(n_drawn).tolist():
        end = at + int(n_drawn[user])
        taken: set[int] = set()
        for x, j in zip(number[at:end], last[at:end].tolist(), strict=True):
            taken.add(j if x in taken else x)
        own = known.row(user)  # (owned,)
        rank = np.array(sorted(taken))  # (m_u,)
        yield from (rank + np.searchsorted(own - np.arange(len(own)), rank, side="right")).tolist()
        at = end
