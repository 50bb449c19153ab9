r"""Graded popularity shift: one test set, its pairs weighted by $w_i = pop_i^{-\gamma}$.

$\gamma = 0$ is the test as it was drawn, $\gamma = 1$ one in which all items that it holds count alike, in expectation:
importance weighting in place of another test set (self-normalised, as Yang et al., RecSys 2018, do for missing data;
that it is put together in this way for a shift is our reading). NDCG@K of user u is a sum over the user's hits,
$\sum_i c_{ui}$; so

    NDCG(gamma) = sum_u sum_i w_i c_ui / sum_u mean_{i in T_u} w_i,

which is NDCG@K for $\gamma = 0$ and a ratio of two sums over users, so that it can be resampled by user. It is linear
in the pairs, and with other weights than 1 not bounded by 1: popular and rare items of a user share one ideal.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.evaluation.lists import Lists
from rankbench.evaluation.meanings import GAMMAS
from rankbench.evaluation.metrics import ideal

UNBIASED = (0.5, 1.0)
"""The exponents of popularity-unbiased recall."""


def item_weights(popularity: NDArray[np.int64], gamma: float) -> NDArray[np.float64]:
    """Return the weight (I,) of each item over the mean over train interactions; one without any counts as with one.

    The scale cancels out of every ratio; it keeps stored sums near 1.
    """
    weight: NDArray[np.float64] = np.maximum(popularity, 1.0) ** -gamma  # (I,)
    return weight / np.average(weight, weights=popularity) if popularity.any() else weight


def graded_gains(lists: Lists, relevant: Interactions, popularity: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the weighted NDCG of each user, the sum above the line, (n, len(ends), len(GAMMAS)) float64."""
    gain = np.stack([item_weights(popularity, gamma) for gamma in GAMMAS], axis=1)  # (I, G)
    best = ideal(relevant.user_counts[lists.users], lists.ends)  # (n, C)
    return lists.gained(gain) / best[:, :, None]  # (n, C, G)


def graded_weights(
    users: NDArray[np.int64], relevant: Interactions, popularity: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Return the mean weight of each user's test items, the sum below the line, (n, len(GAMMAS)) float64."""
    columns = []
    for gamma in GAMMAS:
        weight = item_weights(popularity, gamma)[relevant.items]  # (nnz,)
        total = np.bincount(relevant.users, weight, relevant.n_users)[users]  # (n,)
        columns.append(total / relevant.user_counts[users])  # (n,)
    return np.stack(columns, axis=1)  # (n, G)
