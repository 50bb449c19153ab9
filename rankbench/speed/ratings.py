"""A made-up file of ratings of the shape that MovieLens 25M has: users, items, rows, and how unevenly they are spread.

What a user rates and how often an item is rated are log-normal, so that a third of the items have most of the ratings
and as many are too rare for a 10-core; four of five ratings are 3 or more; most users rate within days, some for years.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv


@dataclass(frozen=True)
class RatingsShape:
    """How large the file is.

    Args:
        name: what it is called.
        n_users, n_items: U and I; each occurs.
        n_ratings: rows, each another pair; at most a tenth of all pairs.
    """

    name: str
    n_users: int
    n_items: int
    n_ratings: int


MOVIELENS_1M = RatingsShape("1M", 6_040, 3_706, 1_000_209)
MOVIELENS_25M = RatingsShape("25M", 162_541, 59_047, 25_000_095)

_USER_SPREAD, _ITEM_SPREAD = 1.2, 2.9  # standard deviations of the logarithm of activity and popularity
_MOST = 0.5  # of the users rate the most popular item
_SPARE = 1.1  # pairs drawn for each that is still missing: some come twice
_STARS = np.arange(1, 11) / 2
_OFTEN = np.array([16, 31, 16, 66, 51, 196, 127, 265, 88, 144]) / 1000
_FIRST, _LAST, _DAYS = 820_454_400, 1_577_836_800, 3 * 86_400.0  # from 1996 to 2019; seconds
_TIME_SPREAD = 3.0  # standard deviation of the logarithm of how long a user rates


def write_ratings(file: Path, shape: RatingsShape = MOVIELENS_25M, seed: int = 0) -> None:
    """Write `userId,movieId,rating,timestamp` with a header, a user's rows together; the same for the same seed."""
    rng = np.random.default_rng([seed, shape.n_users, shape.n_items])
    key = _pairs(shape, rng)  # (n,)
    user = key // shape.n_items  # (n,)
    since, days = rng.integers(_FIRST, _LAST, shape.n_users), rng.lognormal(np.log(_DAYS), _TIME_SPREAD, shape.n_users)
    time = since[user] + (days[user] * rng.random(len(key))).astype(np.int64)  # (n,)
    table = pa.table(
        {
            "userId": (user + 1).astype(np.int32),
            "movieId": (key % shape.n_items + 1).astype(np.int32),
            "rating": _STARS[rng.choice(10, len(key), p=_OFTEN)],
            "timestamp": np.minimum(time, _LAST),
        }
    )
    csv.write_csv(table, file)


def _pairs(shape: RatingsShape, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return user * I + item of as many distinct pairs as there are ratings (n,), ascending."""
    users, items = np.arange(shape.n_users), np.arange(shape.n_items)
    activity = _cumulated(rng.lognormal(sigma=_USER_SPREAD, size=shape.n_users), 1.0)  # (U,)
    most = _MOST * shape.n_users / shape.n_ratings
    popularity = _cumulated(rng.lognormal(sigma=_ITEM_SPREAD, size=shape.n_items), most)  # (I,)
    some_item, some_user = rng.integers(0, shape.n_items, shape.n_users), rng.integers(0, shape.n_users, shape.n_items)
    needed = np.unique(np.concatenate([users * shape.n_items + some_item, some_user * shape.n_items + items]))
    key = needed
    while (missing := shape.n_ratings - len(key)) > 0:
        drawn = int(missing * _SPARE) + 1
        user, item = (np.searchsorted(upto, rng.random(drawn), side="right") for upto in (activity, popularity))
        key = np.sort(np.concatenate([key, user * shape.n_items + item]))
        key = key[np.diff(key, prepend=-1) > 0]
    free = np.flatnonzero(~np.isin(key, needed))
    kept = np.ones(len(key), np.bool_)  # (n + surplus,)
    kept[rng.choice(free, -missing, replace=False)] = False
    return key[kept]


def _cumulated(weight: NDArray[np.float64], most: float) -> NDArray[np.float64]:
    """Return the cumulated probabilities (n - 1,) of weights (n,), none of which gets more than `most`."""
    share = np.minimum(weight / weight.sum(), most)  # (n,)
    return np.cumsum(share / share.sum())[:-1]
