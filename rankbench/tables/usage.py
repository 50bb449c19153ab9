"""What a table takes and what it mixes up: rows, bytes and collisions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import nn

from rankbench.data.interactions import Interactions
from rankbench.tables.form import FULL
from rankbench.tables.placing import tables_of
from rankbench.tables.table import Table


@dataclass(frozen=True)
class Usage:
    """What is reported of a table.

    Args:
        table: its form, as typed.
        ids: how many ids it gives vectors to, n.
        rows: how many rows it has.
        bytes: the size of its rows.
        collision_rate: 1 - distinct / n, where `distinct` is how many different combinations of rows the ids have.
        traffic_collision_rate: the share of train interactions whose id shares its combination of rows with another.
    """

    table: str
    ids: int
    rows: int
    bytes: int
    collision_rate: float
    traffic_collision_rate: float


def usage_of(table: Table | nn.Parameter, counts: NDArray[np.int64]) -> Usage:
    """Return the usage of a table, or of the parameter (n, d) of a full one.

    Args:
        table: the table.
        counts: (n,) int64, train interactions of each id.
    """
    n = len(counts)
    if not isinstance(table, Table):
        return Usage(FULL, n, len(table), table.nbytes, 0.0, 0.0)
    distinct, combination = distinct_of(table.used)  # (n,)
    shared = np.bincount(combination, minlength=distinct)[combination] > 1  # (n,)
    traffic = float(counts[shared].sum() / max(counts.sum(), 1))
    rows = table.rows
    return Usage(str(table.form), n, len(rows), rows.nbytes, 1 - distinct / max(n, 1), traffic)


def usage_of_tables(backbone: nn.Module, train: Interactions) -> dict[str, Usage]:
    """Return the usage of a backbone's tables by side, "user" and "item"; of those alone that it has."""
    counts = {"user": train.user_counts, "item": train.item_counts}
    return {side: usage_of(table, counts[side]) for side, table in tables_of(backbone).items()}


def distinct_of(used: NDArray[np.int64]) -> tuple[int, NDArray[np.int64]]:
    """Return how many combinations of rows there are, and which one each id has (n,), given its rows (n, F).

    The order of an id's rows is no part of it: their sum is the same.
    """
    combinations, which = np.unique(np.sort(used, axis=1), axis=0, return_inverse=True)  # (distinct, F), (n,)
    return len(combinations), which.reshape(-1)
