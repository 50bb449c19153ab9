"""Made-up interactions with the degrees of real ones: a few items are popular, most users are little active.

The number of train interactions of a user is 9 plus a log-normal number, as after the usual filtering to ten; an item
of popularity rank r is drawn with a weight proportional to (r + 5)^-0.65, which gives the items of every size a Gini
coefficient of .4 to .5, where those of the real data sets lie.
"""

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions, Split
from rankbench.speed.sizes import Size

LEAST = 9
"""Train interactions of the least active user."""

_SPREAD = 1.25  # standard deviation of the logarithm of what a user has beyond that
_ZIPF, _FLAT_HEAD = 0.65, 5
_VALID, _TEST = 0.08 / 0.72, 0.2 / 0.72  # against train: a fifth is test, a tenth of the rest validation
_LARGEST_SHARE = 3  # no user has more than one in three items in train


def synthetic_split(size: Size, seed: int = 0) -> Split:
    """Return a split of the size with one validation and one test set; the same for the same size and seed."""
    rng = np.random.default_rng([seed, size.n_users, size.n_items])
    train = _activity(size, rng)  # (U,)
    valid = np.round(train * _VALID).astype(np.int64)  # (U,)
    test = np.maximum(np.round(train * _TEST).astype(np.int64), 1)  # (U,)
    key = _distinct_pairs(train + valid + test, _popularity(size, rng), rng)  # (nnz,)
    user, item = key // size.n_items, key % size.n_items  # (nnz,) each
    order = np.lexsort((rng.random(len(key)), user))  # (nnz,) a user's pairs together, in random order
    user, item = user[order], item[order]  # (nnz,) each
    first = np.cumsum(train + valid + test) - (train + valid + test)  # (U,)
    rank = np.arange(len(user)) - first[user]  # (nnz,)
    part = (rank >= train[user]).astype(np.int8) + (rank >= (train + valid)[user])  # (nnz,)

    def cut(which: int) -> Interactions:
        rows = part == which  # (nnz,)
        return Interactions.from_pairs(user[rows], item[rows], size.n_users, size.n_items)

    return Split(f"synthetic-{size.name}", "iid", cut(0), {"iid": cut(1)}, {"iid": cut(2)})


def gini(counts: NDArray[np.integer]) -> float:
    """Return the Gini coefficient of counts (n,): 0 when all are equal, near 1 when one has everything."""
    n, ascending = len(counts), np.sort(counts)
    return float((2 * np.arange(1, n + 1) - n - 1) @ ascending / (n * max(int(ascending.sum()), 1)))


def _activity(size: Size, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the train interactions (U,) of each user: n_train together, if the users can hold so many."""
    most = max(size.n_items // _LARGEST_SHARE, LEAST)
    beyond = rng.lognormal(sigma=_SPREAD, size=size.n_users)  # (U,)
    beyond *= max(size.n_train - LEAST * size.n_users, 0) / beyond.sum()
    counts = np.minimum(LEAST + beyond.astype(np.int64), most)  # (U,)
    while (short := size.n_train - int(counts.sum())) > 0 and len(room := np.flatnonzero(counts < most)):
        counts[rng.choice(room, min(short, len(room)), replace=False)] += 1
    return counts


def _popularity(size: Size, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the probability (I,) of each item, popular ones anywhere in the catalogue."""
    weight = (np.arange(size.n_items) + float(_FLAT_HEAD)) ** -_ZIPF  # (I,)
    weights: NDArray[np.float64] = rng.permutation(weight / weight.sum())  # (I,)
    return weights


def _distinct_pairs(
    counts: NDArray[np.int64], probability: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return user * I + item (nnz,), ascending, of `counts` distinct items for each user."""
    n_items, upto = len(probability), np.cumsum(probability)  # (I,)
    key = np.empty(0, np.int64)
    need = counts  # (U,)
    while need.any():
        user = np.repeat(np.arange(len(counts)), need)  # (missing,)
        item = np.searchsorted(upto[:-1], rng.random(len(user)), side="right")  # (missing,)
        key = np.sort(np.concatenate([key, user * n_items + item]))
        key = key[np.diff(key, prepend=-1) > 0]
        need = counts - np.bincount(key // n_items, minlength=len(counts))  # (U,)
    return key
