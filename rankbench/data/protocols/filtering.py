"""Filtering before every split: ratings from a threshold up, distinct pairs, iterative k-core."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rankbench.data.protocols.parts import Pairs
from rankbench.errors import UserError

LEAST = 2
"""With fewer users or items than this there is nothing to rank."""


def filtered(frame: pl.DataFrame, *, core: int, threshold: float | None = None, timed: bool = False) -> Pairs:
    """Return the pairs of a data set's rows: ratings from a threshold up, distinct, k-core, sorted and numbered.

    The order of the rows plays no part. Ids sort by their type: strings by code points, so that "10" comes before "9".

    Args:
        frame: columns `user` and `item` (both strings or both whole numbers), `rating` if there is a threshold, `time`
            (whole numbers) if `timed`.
        core: least number of rows of every user and every item, k.
        threshold: least rating of a positive; None takes all rows.
        timed: keep the times; rows are then distinct as (user, item, time).

    Raises:
        UserError: no users or items are left, or too few to rank.
    """
    if threshold is not None:
        frame = frame.filter(pl.col("rating").cast(pl.Float64) >= threshold)
    columns = ["user", "item", "time"] if timed else ["user", "item"]
    frame = frame.select(columns).unique().sort(columns)
    users, user = _numbered(frame["user"])
    items, item = _numbered(frame["item"])
    kept = k_core(user, item, core)  # (n,)
    users, user = _renumbered(users, user[kept])
    items, item = _renumbered(items, item[kept])
    if len(users) < LEAST or len(items) < LEAST:
        raise UserError(
            f"The {core}-core leaves {len(users)} users and {len(items)} items; a split needs {LEAST} of each.",
            "Use a larger data set or a smaller core.",
        )
    time = frame["time"].cast(pl.Int64).to_numpy()[kept] if timed else None
    return Pairs(user, item, tuple(users.cast(pl.String)), tuple(items.cast(pl.String)), time)


def k_core(user: NDArray[np.int32], item: NDArray[np.int32], k: int) -> NDArray[np.int64]:
    """Return the rows, ascending, of the largest subset in which every user and every item has k rows or more.

    Each round counts users and items over the same rows and then drops; the outcome does not depend on the order.

    Args:
        user, item: (n,) numbered from 0.
        k: least number of rows.
    """
    rows = np.arange(len(user))  # (n,)
    while True:
        enough = (np.bincount(user[rows]) >= k)[user[rows]] & (np.bincount(item[rows]) >= k)[item[rows]]
        if enough.all():
            return rows
        rows = rows[enough]


def _numbered(ids: pl.Series) -> tuple[pl.Series, NDArray[np.int32]]:
    """Return the distinct ids, ascending, and the number of each row's id among them."""
    distinct = ids.unique().sort()
    numbers = pl.DataFrame({"id": distinct, "number": np.arange(len(distinct), dtype=np.int32)})
    joined = pl.DataFrame({"id": ids}).join(numbers, on="id", how="left", maintain_order="left")
    return distinct, joined["number"].to_numpy()


def _renumbered(ids: pl.Series, number: NDArray[np.int32]) -> tuple[pl.Series, NDArray[np.int32]]:
    """Return the ids that still occur and the rows' numbers among them."""
    occurring, renumbered = np.unique(number, return_inverse=True)
    return ids.gather(occurring), renumbered.astype(np.int32)
