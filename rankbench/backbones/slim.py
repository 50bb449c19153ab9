"""SLIM: sparse linear weights between items."""

import numpy as np
from numba import njit
from torch import Tensor

from rankbench.backbones import LossFree, RowBackbone, param
from rankbench.backbones._items import SparseWeights, gram
from rankbench.data.interactions import Interactions
from rankbench.memory import require
from rankbench.parallel import over_rows

TOLERANCE = 1e-4
"""Most that a weight still moves in the last sweep."""

SWEEPS = 200
"""Sweeps after which an item's weights are taken as they are."""


class SLIM(LossFree, RowBackbone):
    r"""Sparse linear method: each item from a few others, by an elastic net without negative weights.

    $$\min_{W \ge 0} \frac{1}{2} |X - XW|_F^2 + \frac{\beta}{2} |W|_F^2 + \lambda |W|_1, \quad W_{jj} = 0; \quad
      s(u, j) = x_u W$$

    Solved item by item by coordinate descent on $X^T X$, until no weight moves by more than 1e-4 in a sweep. As neither
    co-occurrences nor weights are negative, an item that has λ users or fewer in common with j has no weight to it.

    Ning, Karypis: SLIM: Sparse linear methods for top-N recommender systems. ICDM 2011.
    """

    paper = "Ning, Karypis, ICDM 2011"
    folds_in = True

    l1: float = param(1.0, "lambda: the larger, the fewer weights", at_least=0, grid=(1.0, 5.0, 20.0))
    l2: float = param(10.0, "beta", above=0, grid=(10.0, 50.0, 200.0))

    def fit(self, train: Interactions, seed: int) -> None:
        """Solve for the weights to every item.

        Raises:
            UserError: the catalogue needs more memory than there is.
        """
        n = train.n_items
        require(12 * n * n, f"slim with {n:,} items", "the co-occurrences of all pairs of them")
        weight = np.zeros((n, n), np.float32)  # (I, I), to each item from all others
        over_rows(_solve, n, gram(train), self.l1, self.l2, weight)
        target, source = np.nonzero(weight)  # (nnz,), (nnz,)
        self.weights = SparseWeights.of(source, target, weight[target, source], n)

    def forward(self, user: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores (b, I) of some users (b,)."""
        return self.weights.rows(user, inputs)


@njit(cache=True, nogil=True)
def _solve(start, stop, gram, l1, l2, out):  # type: ignore[no-untyped-def]
    for j in range(start, stop):
        near = np.flatnonzero(gram[j] > l1)  # (n,) those that can have a weight
        near = near[near != j]
        left, weight = gram[j][near], np.zeros(len(near))  # (n,), (n,) what is not explained yet, and by what it is
        for _ in range(SWEEPS):
            if _sweep(gram, near, left, weight, l1, l2) <= TOLERANCE:
                break
            active = np.flatnonzero(weight)  # (a,) nearly all sweeps are over these alone
            before, own_left, own = weight[active], left[active], weight[active]  # (a,), (a,), (a,)
            for _ in range(SWEEPS):
                if _sweep(gram, near[active], own_left, own, l1, l2) <= TOLERANCE:
                    break
            weight[active] = own
            for k in range(len(active)):
                _explain(left, gram[near[active[k]]], near, own[k] - before[k])
        out[j, near] = weight


@njit(cache=True, nogil=True)
def _sweep(gram, near, left, weight, l1, l2):  # type: ignore[no-untyped-def]
    """Set each weight (n,) of the items `near` to its best, and return how far the one that moved most did."""
    moved = 0.0
    for k in range(len(near)):
        own = gram[near[k], near[k]]
        step = max(0.0, (left[k] + own * weight[k] - l1) / (own + l2)) - weight[k]
        if step != 0:
            weight[k] += step
            _explain(left, gram[near[k]], near, step)
            moved = max(moved, abs(step))
    return moved


@njit(cache=True, nogil=True, inline="always")
def _explain(left, row, near, step):  # type: ignore[no-untyped-def]
    for m in range(len(near)):
        left[m] -= step * row[near[m]]
