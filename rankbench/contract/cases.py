"""Made-up data, and random batches of the three kinds that losses see.

Batches are as training makes them: positives are train interactions, negatives are none, users and items occur more
than once, and some items are in no interaction at all.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from rankbench.contract.batches import Listed, Paired, Sampled, leaf
from rankbench.data.interactions import Interactions
from rankbench.losses import Epoch
from rankbench.randomness import key
from rankbench.sampling import WeightedNegatives

_USERS, _ITEMS, _EACH = 12, 50, 5


def _train() -> Interactions:
    """Return users with up to five items, popular ones more often; the first user has one."""
    rng = np.random.default_rng(0)
    user = np.repeat(np.arange(_USERS), _EACH)[_EACH - 1 :]  # (n,)
    item = (rng.random(len(user)) ** 2 * _ITEMS).astype(np.int64)  # (n,)
    return Interactions.from_pairs(user, item, _USERS, _ITEMS)


TRAIN = _train()
"""The train set of all checks but that of speed."""


def negatives_of(user: Tensor, n: int, seed: int) -> Tensor:
    """Return n items (B, n) int32 of each user (B,) that are not in train, uniformly drawn."""
    row = torch.arange(len(user))  # (B,)
    return WeightedNegatives.uniform(TRAIN).draw(key(seed, "negatives"), row, user, user, n)


def epoch_of(number: int, n: int = 40) -> Epoch:
    """Return what a loss may look at before an epoch: a model that changes a little from epoch to epoch."""
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, _USERS + _ITEMS, 8, generator=generator)  # (U + I, 8) each
    table = normalize(first + 0.1 * number * second, dim=1)  # (U + I, 8)

    def score(user: Tensor, item: Tensor) -> Tensor:
        return (table[user][:, None] * table[_USERS + item.long()]).sum(dim=2)  # (b, M)

    return Epoch(number, TRAIN, lambda user: negatives_of(user, n, number), score)


def sampled(seed: int, B: int, N: int, *, pos: tuple[float, float], neg: tuple[float, float]) -> Sampled:
    """Return B positives with N negatives each, float64, their scores uniform in the given ranges."""
    rng = np.random.default_rng(seed)
    row = rng.integers(len(TRAIN), size=B)  # (B,)
    user, item = (torch.from_numpy(x[row].astype(np.int64)) for x in (TRAIN.users, TRAIN.items))  # (B,), (B,)
    return Sampled(
        pos=leaf(torch.from_numpy(rng.uniform(*pos, B))),
        neg=leaf(torch.from_numpy(rng.uniform(*neg, (B, N)))),
        user=user,
        pos_item=item,
        neg_item=negatives_of(user, N, seed),
        similarity=torch.from_numpy(rng.uniform(-1, 1, (B, N))),
        n_items=_ITEMS,
    )


def listed(seed: int, B: int, *, pos: tuple[float, float], neg: tuple[float, float]) -> Listed:
    """Return up to B different users, float64, the scores of their train items and of all others in given ranges."""
    rng = np.random.default_rng(seed)
    user = rng.permutation(np.flatnonzero(TRAIN.user_counts))[:B]  # (B,)
    relevant = TRAIN.relevant(user)  # (B, I)
    score = np.where(relevant, rng.uniform(*pos, relevant.shape), rng.uniform(*neg, relevant.shape))  # (B, I)
    return Listed(leaf(torch.from_numpy(score)), torch.from_numpy(relevant), torch.from_numpy(user))


def paired(seed: int, B: int, d: int, *, unit: bool) -> Paired:
    """Return B train interactions with float64 vectors of all users and items, of length 1 if asked to."""
    rng = np.random.default_rng(seed)
    row = rng.integers(len(TRAIN), size=B)  # (B,)
    user, item = (torch.from_numpy(x[row].astype(np.int64)) for x in (TRAIN.users, TRAIN.items))  # (B,), (B,)
    table = torch.from_numpy(rng.normal(size=(_USERS + _ITEMS, d)))  # (U + I, d)
    table = normalize(table, dim=1) if unit else table / d**0.5  # (U + I, d)
    return Paired(leaf(table[:_USERS]), leaf(table[_USERS:]), user, item)
