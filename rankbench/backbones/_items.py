"""What item-to-item recommenders share: co-occurrences of items, and scores by weights between items.

A score is the sum of the weights from a user's items, $s(u, j) = \\sum_{i \\in P_u} W_{ij}$, so a user is scored from a
row of items alone, seen in training or not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.parallel import over_rows


def transposed(train: Interactions) -> Interactions:
    """Return the users of each item, as if items were users."""
    order = np.argsort(train.items, kind="stable")  # (nnz,)
    indptr = np.append(0, np.cumsum(train.item_counts))  # (I + 1,)
    return Interactions(indptr, train.users[order], train.n_users)


def gram(train: Interactions) -> NDArray[np.float64]:
    """Return $X^T X$ (I, I) float64: how many users two items have in common; exact, so no order of sums matters."""
    by_item, out = transposed(train), np.zeros((train.n_items, train.n_items))  # (I, I)
    over_rows(_count, train.n_items, by_item.indptr, by_item.items, train.indptr, train.items, out)
    return out


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """Weights between items, those that are not 0.

    Args:
        indptr: (I + 1,) int64, the weights from item i are those from `indptr[i]` to `indptr[i + 1]`.
        item: (nnz,) int32, the items that they lead to.
        weight: (nnz,) float32, the weights.
    """

    indptr: NDArray[np.int64]
    item: NDArray[np.int32]
    weight: NDArray[np.float32]

    @classmethod
    def of(
        cls, source: NDArray[np.integer], target: NDArray[np.integer], weight: NDArray[np.float32], n_items: int
    ) -> SparseWeights:
        """Return the weights (nnz,) that lead from the items `source` (nnz,) to the items `target` (nnz,)."""
        order = np.lexsort((target, source))  # (nnz,)
        indptr = np.append(0, np.cumsum(np.bincount(source, minlength=n_items)))  # (I + 1,)
        return cls(indptr, target[order].astype(np.int32), weight[order])

    def rows(self, user: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores of all items (b, I) float32 for some users (b,), from their rows of `inputs`."""
        out = np.zeros((len(user), inputs.n_items), np.float32)  # (b, I)
        _add_sparse(user.numpy(), inputs.indptr, inputs.items, self.indptr, self.item, self.weight, out)
        return torch.from_numpy(out)


def dense_rows(weight: NDArray[np.float32], user: Tensor, inputs: Interactions) -> Tensor:
    """Return the scores of all items (b, I) float32 for some users (b,) by dense weights (I, I)."""
    out = np.zeros((len(user), inputs.n_items), np.float32)  # (b, I)
    _add_dense(user.numpy(), inputs.indptr, inputs.items, weight, out)
    return torch.from_numpy(out)


@njit(cache=True, nogil=True)
def _count(start, stop, item_indptr, users, user_indptr, items, out):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        for u in users[item_indptr[i] : item_indptr[i + 1]]:
            for j in items[user_indptr[u] : user_indptr[u + 1]]:
                out[i, j] += 1


@njit(cache=True, nogil=True)
def _add_sparse(user, user_indptr, items, indptr, item, weight, out):  # type: ignore[no-untyped-def]
    for b in range(len(user)):
        for i in items[user_indptr[user[b]] : user_indptr[user[b] + 1]]:
            for e in range(indptr[i], indptr[i + 1]):
                out[b, item[e]] += weight[e]


@njit(cache=True, nogil=True)
def _add_dense(user, user_indptr, items, weight, out):  # type: ignore[no-untyped-def]
    for b in range(len(user)):
        row = out[b]
        for i in items[user_indptr[user[b]] : user_indptr[user[b] + 1]]:
            w = weight[i]
            for j in range(len(row)):
                row[j] += w[j]
