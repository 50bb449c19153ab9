"""What a run reaches for each user of a test, read from the row group of that test alone (see `measured`)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from rankbench.evaluation.metrics import AT, KS
from rankbench.results.store import DamagedRunError, StoredRun

Column = NDArray[np.float64]
Place = tuple[str, str, str]
"""(selected_by, convention, test)."""

_OLDER = "an earlier version of rankbench may have measured it"


def user_values(
    stored: StoredRun, names: Iterable[str], places: Iterable[Place]
) -> dict[Place, tuple[NDArray[np.int64], dict[str, Column]]]:
    """Return, for each place, the users (n,) int64 of the test and their values by name, (n,) float64 each.

    Args:
        stored: the run.
        names: METRIC@K with precision, hit_rate and mrr among the metrics, or other columns of users.parquet.
        places: what was measured: the validation set that chose the epoch, the convention, and the test.

    Raises:
        DamagedRunError: the file cannot be read, or does not have them.
    """
    names = tuple(dict.fromkeys(names))
    columns = ["user", *dict.fromkeys(column for name in names for column in _columns_for(name))]
    answer = {}
    try:
        with pq.ParquetFile(stored.path / "users.parquet", page_checksum_verification=True) as file:
            if absent := [column for column in columns if column not in file.schema_arrow.names]:
                raise DamagedRunError(stored.path, f"it lacks {absent[0]} of users; {_OLDER}")
            groups = _row_groups(file)
            for place in places:
                if place not in groups:
                    raise DamagedRunError(stored.path, f"it lacks users of the test {place[2]} selected by {place[0]}")
                table = file.read_row_group(groups[place], columns)
                arrays = {column: table.column(column).to_numpy() for column in columns}
                answer[place] = arrays["user"].astype(np.int64), {name: _values(name, arrays) for name in names}
    except (OSError, pa.ArrowException) as error:
        raise DamagedRunError(stored.path, f"users.parquet cannot be read ({error})") from error
    return answer


def _row_groups(file: pq.ParquetFile) -> dict[Place, int]:
    """Return which row group holds what: the columns that name it have one value in it."""
    found = {}
    for i in range(file.metadata.num_row_groups):
        group = file.metadata.row_group(i)
        ends = [group.column(c).statistics for c in range(3)]
        if all(end is not None and end.has_min_max and end.min == end.max for end in ends):
            selected_by, convention, test = (end.min for end in ends)
            found[selected_by, convention, test] = i
    return found


def _columns_for(name: str) -> tuple[str, ...]:
    metric, _, K = name.partition("@")
    return {
        "precision": (f"recall@{K}", "relevant"),
        "hit_rate": ("first_hit",),
        "mrr": ("first_hit",),
    }.get(metric, (name,))


def _values(name: str, arrays: Mapping[str, NDArray[np.generic]]) -> Column:
    metric, _, cut = name.partition("@")
    if metric == "precision":
        return np.rint(arrays[f"recall@{cut}"].astype(np.float64) * arrays["relevant"].astype(np.float64)) / int(cut)
    if metric in ("hit_rate", "mrr"):
        first = arrays["first_hit"].astype(np.float64)  # (n,)
        found = (first > 0) & (first <= int(cut))  # (n,)
        return np.where(found, 1 / np.maximum(first, 1) if metric == "mrr" else 1.0, 0.0)
    return arrays[name].astype(np.float64)


def is_kept(name: str, K: int) -> bool:
    """Return whether a metric at K is kept for each user."""
    accuracy = name in ("ndcg", "recall", "precision", "hit_rate", "mrr") and K in KS
    return accuracy or (name in ("arp", "tail_ndcg") and K == AT)
