"""Groups of users: whom the recommendations are good for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.evaluation.groups import QUARTILES, mainstreamness, quartiles

BY = ("activity", "mainstreamness")
"""What users are grouped by: how many items they are known by, and the mean popularity of these."""


@dataclass(frozen=True, eq=False)
class UserGroups:
    """Accuracy by group of users, quarters of the users of a test from the lowest to the highest.

    Args:
        users: (QUARTILES,) int64, users in each group.
        values: ndcg and recall, (QUARTILES, len(KS)) float64 each; NaN for a group without users.
    """

    users: NDArray[np.int64]
    values: dict[str, NDArray[np.float64]]


def user_groups(
    history: Interactions,
    popularity: NDArray[np.int64],
    users: NDArray[np.int64],
    values: dict[str, NDArray[np.float64]],
) -> dict[str, UserGroups]:
    """Return the groups of the users (n,) of a test by each of `BY`.

    Args:
        history: what users are known by: train, and what is folded in.
        popularity: (I,) int64, train interactions of each item.
        users: (n,) int64, the users of the test.
        values: ndcg and recall of each, (n, len(KS)) float64.
    """
    by = (history.user_counts[users].astype(np.float64), mainstreamness(history, popularity)[users])  # (n,), (n,)
    return {name: _grouped(quartiles(value), values) for name, value in zip(BY, by, strict=True)}


def _grouped(group: NDArray[np.int64], values: dict[str, NDArray[np.float64]]) -> UserGroups:
    size = np.bincount(group, minlength=QUARTILES)  # (Q,)
    found = {}
    for metric in ("ndcg", "recall"):
        total = np.stack([np.bincount(group, column, QUARTILES) for column in values[metric].T], axis=1)  # (Q, C)
        with np.errstate(invalid="ignore"):
            found[metric] = total / size[:, None]  # (Q, C)
    return UserGroups(size, found)
