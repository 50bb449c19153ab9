"""Small random data sets for tests."""

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions, Split


def random_interactions(seed: int, n_users: int, n_items: int, each: int) -> Interactions:
    """Users with about `each` items, popular ones more often."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users), each)
    item = (rng.random(len(user)) ** 2 * n_items).astype(np.int64)
    return Interactions.from_pairs(user, item, n_users, n_items)


def random_split(seed: int = 0, n_users: int = 60, n_items: int = 120, each: int = 12) -> Split:
    """A split with two tests and two validations, each pair in one part at random."""
    pairs = random_interactions(seed, n_users, n_items, each)
    part = np.random.default_rng(seed + 1).choice(5, len(pairs), p=[0.6, 0.1, 0.1, 0.1, 0.1])

    def cut(which: int) -> Interactions:
        rows = part == which
        return Interactions.from_pairs(pairs.users[rows], pairs.items[rows], n_users, n_items)

    return Split("toy", "shift", cut(0), {"iid": cut(1), "popularity": cut(2)}, {"iid": cut(3), "popularity": cut(4)})


def adjacency(train: Interactions, alpha: float = 0.5, beta: float = 0.5) -> Tensor:
    """The matrix A of the user-item graph (U + I, U + I), entry by entry."""
    matrix = torch.zeros(train.n_users + train.n_items, train.n_users + train.n_items, dtype=torch.float64)
    for user, item in zip(train.users.tolist(), train.items.tolist(), strict=True):
        of_user, of_item = int(train.user_counts[user]), int(train.item_counts[item])
        matrix[user, train.n_users + item] = of_user**-alpha * of_item**-beta
        matrix[train.n_users + item, user] = of_item**-alpha * of_user**-beta
    return matrix
