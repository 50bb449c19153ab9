"""EASE: the linear autoencoder with a closed form."""

import numpy as np
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

from rankbench.backbones import LossFree, RowBackbone, param
from rankbench.backbones._items import dense_rows, gram, transposed
from rankbench.backbones._ridge import invert
from rankbench.data.interactions import Interactions
from rankbench.memory import require
from rankbench.parallel import over_rows


class EASE(LossFree, RowBackbone):
    r"""Embarrassingly shallow autoencoder: the linear model of each item on all others, regularised, solved at once.

    $$\min_B |X - XB|_F^2 + \lambda |B|_F^2, \quad B_{jj} = 0; \quad s(u, j) = x_u B$$

    $$P = (X^T X + \lambda I)^{-1}, \quad B_{ij} = -P_{ij} / P_{jj}$$

    in float64. With fewer users than items $P = (I - X^T (X X^T + \lambda I)^{-1} X) / \lambda$ is the smaller problem,
    to the same B. The larger λ, the more popular the items that are recommended. With `inverse_propensity` a > 0 the
    columns of X are divided by $|P_i|^a$ (a variant that others offer; what it does to scores is our reading: they
    are those of the scaled columns).

    Steck: Embarrassingly shallow autoencoders for sparse data. WWW 2019, arXiv 1905.03375.
    """

    paper = "Steck, WWW 2019, arXiv 1905.03375"
    folds_in = True

    reg: float = param(100.0, "regularisation, lambda", above=0, grid=(10.0, 50.0, 100.0, 200.0, 500.0, 1000.0))
    clip_negative: bool = param(False, "take negative weights for 0")
    inverse_propensity: float = param(0.0, "exponent a of the popularity that columns are divided by", at_least=0)

    def fit(self, train: Interactions, seed: int) -> None:
        """Solve for the weights of all pairs of items.

        Raises:
            UserError: the catalogue needs more memory than there is, or λ is too small for float64.
        """
        scale = np.maximum(train.item_counts, 1) ** -self.inverse_propensity  # (I,)
        solve = _dual if train.n_users < train.n_items else _primal
        self.weight = solve(train, scale, self.reg)  # (I, I)
        self.weight *= scale[:, None].astype(np.float32)
        if self.clip_negative:
            np.maximum(self.weight, 0, out=self.weight)

    def forward(self, user: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores (b, I) of some users (b,)."""
        return dense_rows(self.weight, user, inputs)


def _primal(train: Interactions, scale: NDArray[np.float64], reg: float) -> NDArray[np.float32]:
    """Return B (I, I) by the inverse of $D X^T X D + \\lambda I$, with D the scale of the items."""
    n = train.n_items
    require(12 * n * n, f"ease with {n:,} items", "the weights of all pairs of them")
    matrix = gram(train)  # (I, I)
    matrix *= scale
    matrix *= scale[:, None]

    def product(x: NDArray[np.float64]) -> NDArray[np.float64]:
        of_users = np.bincount(train.users, (scale * x)[train.items], train.n_users)  # (U,)
        return scale * np.bincount(train.items, of_users[train.users], n)  # (I,)

    inverse = invert(matrix, reg, product, "ease")  # (I, I)
    weight = np.empty((n, n), np.float32)  # (I, I)
    over_rows(_weights, n, inverse, np.diagonal(inverse).copy(), weight)
    return weight


def _dual(train: Interactions, scale: NDArray[np.float64], reg: float) -> NDArray[np.float32]:
    """Return B (I, I) by the inverse of $X D^2 X^T + \\lambda I$."""
    n_users, n = train.n_users, train.n_items
    require(8 * n_users * (n_users + n) + 4 * n * n, f"ease with {n:,} items", "the weights of all pairs of them")
    by_item = transposed(train)
    matrix = _weighted_gram(train, by_item, scale**2)  # (U, U)

    def product(x: NDArray[np.float64]) -> NDArray[np.float64]:
        of_items = scale**2 * np.bincount(train.items, x[train.users], n)  # (I,)
        return np.bincount(train.users, of_items[train.items], n_users).astype(np.float64)  # (U,)

    inverse = invert(matrix, reg, product, "ease")  # (U, U)
    half = np.zeros((n_users, n))  # (U, I), the inverse times X D
    over_rows(_times_columns, n_users, inverse, by_item.indptr, by_item.items, scale, half)
    explained = scale * np.bincount(train.items, half[train.users, train.items], n)  # (I,)
    weight = np.empty((n, n), np.float32)  # (I, I)
    over_rows(_dual_weights, n, by_item.indptr, by_item.items, half, scale, 1 - explained, weight)
    return weight


def _weighted_gram(train: Interactions, by_item: Interactions, weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return $X W X^T$ (U, U) for weights W (I,) of the items."""
    out = np.zeros((train.n_users, train.n_users))  # (U, U)
    over_rows(_add_users, train.n_users, train.indptr, train.items, by_item.indptr, by_item.items, weight, out)
    return out


@njit(cache=True, nogil=True)
def _weights(start, stop, inverse, diagonal, out):  # type: ignore[no-untyped-def]
    for i in range(start, stop):
        for j in range(len(diagonal)):
            out[i, j] = -inverse[i, j] / diagonal[j]
        out[i, i] = 0


@njit(cache=True, nogil=True)
def _add_users(start, stop, indptr, items, item_indptr, users, weight, out):  # type: ignore[no-untyped-def]
    for u in range(start, stop):
        for i in items[indptr[u] : indptr[u + 1]]:
            for v in users[item_indptr[i] : item_indptr[i + 1]]:
                out[u, v] += weight[i]


@njit(cache=True, nogil=True)
def _times_columns(start, stop, matrix, item_indptr, users, scale, out):  # type: ignore[no-untyped-def]
    for u in range(start, stop):
        row = matrix[u]
        for i in range(len(scale)):
            total = 0.0
            for v in users[item_indptr[i] : item_indptr[i + 1]]:
                total += row[v]
            out[u, i] = total * scale[i]


@njit(cache=True, nogil=True)
def _dual_weights(start, stop, item_indptr, users, half, scale, left, out):  # type: ignore[no-untyped-def]
    total = np.empty(len(scale))  # (I,)
    for i in range(start, stop):
        total[:] = 0
        for u in users[item_indptr[i] : item_indptr[i + 1]]:
            row = half[u]
            for j in range(len(row)):
                total[j] += row[j]
        for j in range(len(scale)):
            out[i, j] = scale[i] * total[j] / left[j]
        out[i, i] = 0
