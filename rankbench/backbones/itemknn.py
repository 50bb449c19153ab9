"""Item neighbours: what is like the items that a user has."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.backbones import LossFree, RowBackbone, param
from rankbench.backbones._items import SparseWeights, transposed
from rankbench.data.interactions import Interactions
from rankbench.parallel import over_rows


class ItemKNN(LossFree, RowBackbone):
    r"""Item neighbours: the similarities of an item to the user's, if they are among its K nearest.

    $$s(u, j) = \sum_{i \in P_u \cap N_K(j)} w_{ij}, \quad
      w_{ij} = \frac{|U_i \cap U_j|}{\sqrt{|U_i| |U_j|} + h}$$

    with U_i the users of item i. At h = 0 the similarity is the cosine; a shrinkage h > 0 lowers those that rest on few
    users. N_K(j) are the K items most similar to j, equal ones by id.

    Sarwar, Karypis, Konstan, Riedl: Item-based collaborative filtering recommendation algorithms. WWW 2001; shrinkage:
    Bell, Koren: Scalable collaborative filtering with jointly derived neighborhood interpolation weights. ICDM 2007.
    """

    paper = "Sarwar, Karypis, Konstan, Riedl, WWW 2001"
    folds_in = True

    neighbours: int = param(20, "neighbours of an item, K", at_least=1, grid=(5, 10, 20, 50, 100, 200))
    shrinkage: float = param(0.0, "h, added to the norms", at_least=0, grid=(0.0, 10.0, 50.0))

    def fit(self, train: Interactions, seed: int) -> None:
        """Find the neighbours of every item; memory grows with I K, not with I^2."""
        source, weight = nearest(train, min(self.neighbours, train.n_items), self.shrinkage)  # (I, K), (I, K)
        target, place = np.nonzero(source >= 0)  # (nnz,), (nnz,)
        self.weights = SparseWeights.of(source[target, place], target, weight[target, place], train.n_items)

    def forward(self, user: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores (b, I) of some users (b,)."""
        return self.weights.rows(user, inputs)


def nearest(train: Interactions, K: int, shrinkage: float) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """Return the K most similar items of each item (I, K) int32, -1 for none, and their similarities (I, K) float32."""
    by_item, shape = transposed(train), (train.n_items, K)
    source, weight = np.full(shape, -1, np.int32), np.zeros(shape, np.float32)  # (I, K), (I, K)
    root = np.sqrt(train.item_counts.astype(np.float64))  # (I,)
    rows = (by_item.indptr, by_item.items, train.indptr, train.items)
    over_rows(_nearest, train.n_items, *rows, root, shrinkage, source, weight)
    return source, weight


@njit(cache=True, nogil=True)
def _nearest(start, stop, item_indptr, users, user_indptr, items, root, shrinkage, source, weight):  # type: ignore[no-untyped-def]
    K, n_items = source.shape[1], len(root)
    common = np.zeros(n_items, np.int64)  # (I,)
    for j in range(start, stop):
        for u in users[item_indptr[j] : item_indptr[j + 1]]:
            for i in items[user_indptr[u] : user_indptr[u + 1]]:
                common[i] += 1
        common[j] = 0
        found = np.flatnonzero(common)  # (n,)
        similarity = common[found] / (root[j] * root[found] + shrinkage)  # (n,)
        best = np.argsort(-similarity, kind="mergesort")[:K]  # (at most K,)
        source[j, : len(best)] = found[best]
        weight[j, : len(best)] = similarity[best]
        common[found] = 0
        common[j] = 0
