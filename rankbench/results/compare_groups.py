"""What a line reaches for groups of items by popularity and of users by what they did: means over the seeds."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import fmean

import pyarrow as pa
import pyarrow.compute as pc

from rankbench.results.leaderboard import Line, Query
from rankbench.results.store import DamagedRunError, StoredRun


@dataclass(frozen=True)
class Grouping:
    """A value by group.

    Args:
        table: the table that holds it.
        by: the column `by` of it, "" where it has none.
        column: the value.
    """

    table: str
    by: str
    column: str


def by_group(line: Line, grouping: Grouping, test: str, K: int, query: Query) -> tuple[float | None, ...]:
    """Return the value of each group, in order, None where it is undefined for a seed.

    Raises:
        DamagedRunError: a run does not hold it.
    """
    of_runs = [_of_run(run.stored, grouping, test, K, query) for run in line.choice.runs]
    columns = list(zip(*of_runs, strict=True))
    return tuple(None if None in column else fmean(v for v in column if v is not None) for column in columns)


def _of_run(stored: StoredRun, grouping: Grouping, test: str, K: int, query: Query) -> list[float | None]:
    table = stored.table(grouping.table)
    wanted = {"selected_by": query.select, "convention": query.convention, "test": test, "k": K}
    if grouping.by:
        wanted["by"] = grouping.by
    if absent := [name for name in (*wanted, "group", grouping.column) if name not in table.column_names]:
        raise DamagedRunError(stored.path, f"it lacks the column {absent[0]} of {grouping.table}.parquet")
    try:
        for name, value in wanted.items():
            table = table.filter(pc.field(name) == value)
    except pa.ArrowException as error:
        raise DamagedRunError(stored.path, f"{grouping.table}.parquet cannot be read ({error})") from error
    if not len(table):
        raise DamagedRunError(stored.path, f"it lacks rows of {grouping.table} on the test {test}")
    values: list[float | None] = table.sort_by("group")[grouping.column].to_pylist()
    return values
