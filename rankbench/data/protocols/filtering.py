"""Filtering before every split: ratings from a threshold up, distinct pairs, iterative k-core.

Rows stream in and are kept as two numbers each: ids become codes on arrival, in whatever order, and only the ids that
survive the core are sorted. Tens of millions of rows with text ids fit in a few gigabytes this way.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from rankbench.data.filter import Filter
from rankbench.data.protocols.parts import Pairs
from rankbench.errors import UserError

LEAST = 2
"""With fewer users or items than this there is nothing to rank."""

_SPREAD = 4
_SMALL = 1 << 20
_LARGEST = 1 << 63

Codes = NDArray[np.int32]
Times = NDArray[np.int64]


def filtered(frame: pl.DataFrame | pl.LazyFrame, keep: Filter, *, timed: bool = False) -> Pairs:
    """Return the pairs of a data set's rows that a filter keeps: distinct, sorted and numbered.

    The order of the rows plays no part. Ids sort by their type: strings by code points, so that "10" comes before "9".

    Args:
        frame: columns `user` and `item` (both strings or both whole numbers), `rating` if there is a threshold, `time`
            (whole numbers) if `timed`. A lazy frame is run by the streaming engine.
        keep: which rows to keep. A row without a rating reaches no threshold.
        timed: keep the times; rows are then distinct as (user, item, time).

    Raises:
        UserError: no users or items are left, or too few to rank; a row without a time, if `timed`.
    """
    rows = _collected(frame, keep.threshold, timed=timed)
    user_codes, item_codes = _codes(rows["user"]), _codes(rows["item"])  # (rows,), (rows,)
    user, item, time = _distinct(user_codes, item_codes, rows["time"].to_numpy() if timed else None)  # (n,) each
    kept = keep.rows(user, item)  # (m,)
    users, user = _numbered(rows["user"], user_codes, user[kept])
    items, item = _numbered(rows["item"], item_codes, item[kept])
    if len(users) < LEAST or len(items) < LEAST:
        raise UserError(
            f"The filter ({keep}) leaves {len(users)} users and {len(items)} items; a split needs {LEAST} of each.",
            "Use a larger data set or a weaker filter.",
        )
    user, item, time = _distinct(user, item, None if time is None else time[kept])  # (m,) each
    return Pairs(user, item, users, items, time)


def _collected(frame: pl.DataFrame | pl.LazyFrame, threshold: float | None, *, timed: bool) -> pl.DataFrame:
    """Return the columns that count, text ids as categories: one number a row beside one copy of each text."""
    rows = frame.lazy()
    schema = rows.collect_schema()
    if threshold is not None:
        rows = rows.filter(pl.col("rating").cast(pl.Float64) >= threshold)
    ids = [pl.col(name).cast(pl.Categorical if schema[name] == pl.String else pl.Int64) for name in ("user", "item")]
    collected = rows.select(*ids, *([pl.col("time").cast(pl.Int64)] if timed else [])).collect(engine="streaming")
    if timed and (without := collected["time"].null_count()):
        raise UserError(f"{without:,} of {len(collected):,} rows have no time.", "Choose a split that needs no times.")
    return collected


def _codes(ids: pl.Series) -> Codes:
    """Return a number for each row's id, the same for the same id, in no particular order."""
    if ids.dtype == pl.Categorical:
        return ids.to_physical().to_numpy().astype(np.int32)
    values = ids.to_numpy()  # (rows,)
    low, high = (int(values.min()), int(values.max())) if len(values) else (0, 0)
    if high - low < _SPREAD * len(values) + _SMALL:
        return (values - low).astype(np.int32)
    return np.unique(values, return_inverse=True)[1].astype(np.int32)


def _distinct(user: Codes, item: Codes, time: Times | None) -> tuple[Codes, Codes, Times | None]:
    """Return the rows ascending by (user, item[, time]), each once."""
    width = int(item.max(initial=0)) + 1
    key = user.astype(np.int64) * width + item  # (n,), sorts ten times as fast as two columns
    if time is None:
        key.sort()
        key = key[np.diff(key, prepend=-1) > 0]
    else:
        key, time = _by_key_and_time(key, time)
        new = (np.diff(key, prepend=-1) > 0) | (np.diff(time, prepend=0) != 0)
        key, time = key[new], time[new]
    return (key // width).astype(np.int32), (key % width).astype(np.int32), time


def _by_key_and_time(key: Times, time: Times) -> tuple[Times, Times]:
    """Return both, ascending by (key, time): as one number where both fit into it, which sorts ten times as fast."""
    first = int(time.min()) if len(time) else 0
    span = int(time.max()) - first + 1 if len(time) else 1
    if (int(key.max(initial=0)) + 1) * span < _LARGEST:
        both = key * span + (time - first)  # (n,)
        both.sort()
        return both // span, both % span + first
    order = np.lexsort((time, key))
    return key[order], time[order]


def _numbered(ids: pl.Series, codes: Codes, kept: Codes) -> tuple[tuple[str, ...], Codes]:
    """Return the ids that still occur, ascending, and the rows' numbers among them.

    Args:
        ids, codes: (rows,) of all rows.
        kept: (n,) the codes of the rows that are left.
    """
    occurs = np.bincount(kept) > 0
    some_row = np.empty(int(codes.max(initial=0)) + 1, np.int64)
    some_row[codes] = np.arange(len(codes))
    occurring = np.flatnonzero(occurs)
    names = ids.gather(some_row[occurring])
    names = names.cast(pl.String) if names.dtype == pl.Categorical else names
    order = names.arg_sort().to_numpy()
    number = np.empty(len(occurs), np.int32)
    number[occurring[order]] = np.arange(len(order), dtype=np.int32)
    return tuple(names.gather(order).cast(pl.String)), number[kept]
