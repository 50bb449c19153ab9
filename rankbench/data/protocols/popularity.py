"""Protocol `popularity`: a test set in which every item is equally likely, whatever its popularity.

Compatible by seed with the published splits of IR-Benchmark, bit for bit. Every item gets the same expected number of
test pairs, so items of the tail lose a larger share of theirs: the test is uniform over items and the tail is harder to
learn than in `iid`.
"""

from __future__ import annotations

from random import Random

import numpy as np

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
    everything = pairs.select(np.ones(len(pairs), np.bool_))
    need = len(everything) - int(TRAIN * len(everything))
    users_of = _users_of_items(everything)
    if len(everything) - len(users_of) < need:
        raise UserError(
            f"{len(everything)} pairs of {len(users_of)} items are too few to take {need} and leave one of each item.",
            "Use a larger core or another protocol.",
        )
    test = _draw(users_of, need)
    train = [(user, item) for item, users in users_of.items() for user in users]
    train_set = _interactions(train, pairs)
    return train_set, _of_trained_users(_interactions(test, pairs), train_set)


def _users_of_items(everything: Interactions) -> dict[int, list[int]]:
    """Return the users of each item, ascending; items in the order in which they first occur."""
    users_of: dict[int, list[int]] = {}
    for user, item in zip(everything.users.tolist(), everything.items.tolist(), strict=True):
        users_of.setdefault(item, []).append(user)
    return users_of


def _draw(users_of: dict[int, list[int]], need: int) -> list[tuple[int, int]]:
    """Take `need` pairs (user, item) out of `users_of`."""
    random = Random(SEED)
    items = list(users_of)
    taken: list[tuple[int, int]] = []
    while len(taken) < need:
        item = random.choice(items)
        users = users_of[item]
        user = random.choice(users)  # drawn even when it is discarded: the stream of the published splits needs it
        if len(users) > 1:
            taken.append((user, item))
            users.remove(user)
    return taken


def _interactions(taken: list[tuple[int, int]], pairs: Pairs) -> Interactions:
    user, item = np.array(taken, np.int64).reshape(-1, 2).T  # (n,), (n,)
    return Interactions.from_pairs(user, item, pairs.n_users, pairs.n_items)


def _of_trained_users(test: Interactions, train: Interactions) -> Interactions:
    kept = (train.user_counts > 0)[test.users]  # (nnz,)
    return Interactions.from_pairs(test.users[kept], test.items[kept], test.n_users, test.n_items)
