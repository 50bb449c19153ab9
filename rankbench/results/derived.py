r"""Metrics that are not stored with a run but made of what is, so that runs made before they were thought of have them.

Log ARP is novelty in other units. The exposure q of items is compared with their shares p in train by
$KL(q \Vert p) = -\sum_i q_i \ln p_i - H(q)$, whose first part is novelty where all lists are as long, and whose second
is the entropy; with all items alike by $\ln I - H(q)$.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from scipy.special import gammaln

from rankbench.evaluation.metrics import AT
from rankbench.results.per_user import Place
from rankbench.results.store import DamagedRunError, StoredRun

SAMPLE = 1000
"""The users of `coverage_1000`."""


@dataclass(frozen=True)
class At:
    """Where a metric is asked for.

    Args:
        stored: the run.
        place: (selected_by, convention, test).
        K: the cut-off.
        values: the stored metrics at K that it is made of, by name.
        users: how many users the first of them is over.
    """

    stored: StoredRun
    place: Place
    K: int
    values: Mapping[str, float]
    users: int


@dataclass(frozen=True)
class Derived:
    """A metric made of others.

    Args:
        of: the stored metrics at the same K that it takes.
        value: what makes it.
    """

    of: tuple[str, ...]
    value: Callable[[At], float]


def rarefied(counts: NDArray[np.int64], users: int, sample: int) -> float:
    r"""Return the share of items that the lists of a sample of users have, in the mean over all samples.

    $\frac{1}{I} \sum_i (1 - \binom{U - c_i}{m} / \binom{U}{m})$. Hurlbert, Ecology 1971.

    Args:
        counts: (I,) how many lists have each item.
        users: how many lists there are, U.
        sample: m, how many are drawn; NaN if there are fewer.
    """
    if users < sample or not len(counts):
        return math.nan
    without = users - counts  # (I,)
    possible = without >= sample  # (I,)
    rest = np.maximum(without, sample)  # (I,)
    logarithm = gammaln(rest + 1) - gammaln(rest - sample + 1)  # (I,)
    logarithm -= gammaln(users + 1) - gammaln(users - sample + 1)
    return float(1 - np.where(possible, np.exp(logarithm), 0.0).mean())


def _exposure_kl(at: At) -> float:
    short = at.stored.spec["protocol"].startswith("exposure")  # lists may be shorter than K there
    return math.nan if short else math.log(2) * at.values["novelty"] - at.values["entropy"]


def _exposure_kl_uniform(at: At) -> float:
    share = at.values["entropy_share"]
    return at.values["entropy"] * (1 / share - 1) if share else math.nan


def _coverage(at: At) -> float:
    counts = _rows(at, "items", f"recommended@{AT}").to_numpy(zero_copy_only=False)
    return rarefied(counts.astype(np.int64), at.users, SAMPLE)


def _of_quarters(by: str, spread: Callable[[NDArray[np.float64]], float]) -> Derived:
    def value(at: At) -> float:
        found = _rows(at, "user_groups", "ndcg", by=by, k=at.K).to_numpy(zero_copy_only=False)
        return spread(found.astype(np.float64)) if len(found) else math.nan

    return Derived((), value)


def _rows(at: At, name: str, column: str, **also: str | int) -> pa.ChunkedArray:
    """Return a column of a table at the place asked for."""
    wanted = dict(zip(("selected_by", "convention", "test"), at.place, strict=True)) | also
    if name not in at.stored.tables:
        raise DamagedRunError(at.stored.path, f"it lacks {name}; a later version of rankbench stores them")
    table = at.stored.table(name)
    if absent := [key for key in (*wanted, column) if key not in table.column_names]:
        raise DamagedRunError(at.stored.path, f"it lacks the column {absent[0]} of {name}.parquet")
    try:
        for key, value in wanted.items():
            table = table.filter(pc.field(key) == value)
    except pa.ArrowException as error:
        raise DamagedRunError(at.stored.path, f"{name}.parquet cannot be read ({error})") from error
    found: pa.ChunkedArray = table[column]
    return found


DERIVED: Mapping[str, Derived] = {
    "log_arp": Derived(("novelty",), lambda at: -math.log(2) * at.values["novelty"]),
    "exposure_kl": Derived(("novelty", "entropy"), _exposure_kl),
    "exposure_kl_uniform": Derived(("entropy", "entropy_share"), _exposure_kl_uniform),
    "coverage_1000": Derived(("coverage",), _coverage),
    **{
        f"{what}_{by}": _of_quarters(by, spread)
        for by in ("activity", "mainstreamness")
        for what, spread in (("worst", lambda v: float(v.min())), ("gap", lambda v: float(v.max() - v.min())))
    },
}
"""Every metric that is made of others, by name."""
