"""For whom one run is better than another of the same split: users one by one, and items by how often they are found.

A user's values are stored in single precision; equal means equal to the last bit of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from rankbench.errors import UserError, unknown
from rankbench.evaluation.metrics import AT, KS
from rankbench.results.per_user import Place, user_values
from rankbench.results.store import DamagedRunError, StoredRun

SINGLE = (
    *(f"{metric}@{K}" for metric in ("ndcg", "recall", "precision", "hit_rate", "mrr") for K in KS),
    *(f"{metric}@{AT}" for metric in ("arp", "tail_ndcg")),
)
"""The metrics that are stored of single users, or follow from what is."""


@dataclass(frozen=True)
class Gainer:
    """A user or an item with what each run does for it.

    Args:
        number: the user or item.
        a, b: the metric of the user, or the hits with the item.
        relevant: test pairs of the item; None for a user.
    """

    number: int
    a: float
    b: float
    relevant: int | None = None


@dataclass(frozen=True)
class ByUser:
    """How many users each run serves better on a test set, and whom the change moves most.

    Args:
        test, metric: of what.
        better, equal, worse: users for whom B is better, the same, worse.
        difference: mean of B - A over the users.
        gain, lose: the users who gain and who lose most from A to B, most first.
        items_gain, items_lose: the items that are found more often, and less often; empty where that is not stored.
    """

    test: str
    metric: str
    better: int
    equal: int
    worse: int
    difference: float
    gain: tuple[Gainer, ...]
    lose: tuple[Gainer, ...]
    items_gain: tuple[Gainer, ...]
    items_lose: tuple[Gainer, ...]


def by_user(a: StoredRun, b: StoredRun, metric: str, measured: Place, most: int) -> ByUser:
    """Return for whom the run `b` is better or worse than the run `a` of the same split.

    Args:
        a, b: the runs.
        metric: METRIC@K.
        measured: (selected_by, convention, test).
        most: how many users and items to name on either side.

    Raises:
        UserError: the metric is not stored by user, or the runs are not of the same users.
    """
    (users, of_a), (users_of_b, of_b) = (_values(stored, metric, measured) for stored in (a, b))  # (n,) each
    if not np.array_equal(users, users_of_b):
        raise UserError(
            f"The runs {a.id} and {b.id} of one split have different users on the test {measured[2]}.",
            "One of them is damaged: make both again with `rankbench run --force`.",
        )
    change = of_b - of_a  # (n,)
    gain, lose = _most(users, of_a, of_b, None, most)
    items_gain, items_lose = _items(a, b, measured, most)
    return ByUser(
        test=measured[2],
        metric=metric,
        better=int((change > 0).sum()),
        equal=int((change == 0).sum()),
        worse=int((change < 0).sum()),
        difference=float(change.mean()) if len(change) else 0.0,
        gain=gain,
        lose=lose,
        items_gain=items_gain,
        items_lose=items_lose,
    )


def _values(stored: StoredRun, metric: str, measured: Place) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Return users and their values, those that are undefined left out."""
    if metric not in SINGLE:
        raise unknown("metric of single users", metric, SINGLE, "For example ndcg@20.")
    users, values = user_values(stored, [metric], [measured])[measured]  # (n,), {name: (n,)}
    order = np.argsort(users, kind="stable")  # (n,)
    defined = order[np.isfinite(values[metric][order])]
    return users[defined], values[metric][defined]


def _items(a: StoredRun, b: StoredRun, measured: Place, most: int) -> tuple[tuple[Gainer, ...], tuple[Gainer, ...]]:
    """Return the items that B finds more often than A, and less often."""
    if not all((stored.path / "items.parquet").is_file() for stored in (a, b)):
        return (), ()
    tables = [_measured(stored, "items", measured) for stored in (a, b)]
    hits = next(name for name in tables[0].schema.names if name.startswith("hits@"))
    numbers, relevant = (tables[0][name].to_numpy() for name in ("item", "relevant"))  # (I,), (I,)
    by_a, by_b = (table[hits].to_numpy().astype(np.float64) for table in tables)  # (I,), (I,)
    if len(by_a) != len(by_b):
        raise DamagedRunError(b.path, "items.parquet has other items than the run that it is compared with")
    return _most(numbers, by_a, by_b, relevant, most)


def _most(
    numbers: NDArray[Any], a: NDArray[np.float64], b: NDArray[np.float64], relevant: NDArray[Any] | None, most: int
) -> tuple[tuple[Gainer, ...], tuple[Gainer, ...]]:
    change = b - a  # (n,)
    sides = []
    for sign in (-1, 1):
        order = np.lexsort((numbers, sign * change))[:most]  # by change, ties by number
        sides.append(
            tuple(
                Gainer(int(numbers[i]), float(a[i]), float(b[i]), None if relevant is None else int(relevant[i]))
                for i in order
                if sign * change[i] < 0
            )
        )
    return sides[0], sides[1]


def _measured(stored: StoredRun, name: str, measured: Place) -> pa.Table:
    table = stored.table(name)
    try:
        chosen = pc.field("selected_by") == measured[0]
        chosen = chosen & (pc.field("convention") == measured[1]) & (pc.field("test") == measured[2])
        found = table.filter(chosen)
    except pa.ArrowException as error:
        raise DamagedRunError(stored.path, f"{name}.parquet lacks columns ({error})") from error
    if not len(found):
        raise DamagedRunError(stored.path, f"it lacks rows of {name} on the test {measured[2]}")
    return found
