"""iALS: matrix factorisation of the whole matrix by alternating least squares."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.backbones import LossFree, param
from rankbench.backbones._items import transposed
from rankbench.backbones._least_squares import LANES, solve
from rankbench.data.interactions import Interactions


class IALS(LossFree):
    r"""Implicit alternating least squares: all pairs count, those that were not observed less.

    $$\sum_{(u,i) \in S} (\langle w_u, h_i \rangle - 1)^2 + \alpha \sum_{u,i} \langle w_u, h_i \rangle^2
      + \lambda \sum_u (|P_u| + \alpha |I|)^{\nu} |w_u|^2 + \lambda \sum_i (|P_i| + \alpha |U|)^{\nu} |h_i|^2$$

    A sweep sets all items to their best for the users, then all users to theirs for the items, `block` coordinates at
    a time: with as many as dimensions each is solved exactly, with fewer many dimensions stay affordable (iALS++). The
    objective never rises. Unlike what is trained by a loss here, it has its own `dim`.

    Hu, Koren, Volinsky: Collaborative filtering for implicit feedback datasets. ICDM 2008; in the form of Rendle,
    Krichene, Zhang, Koren: Revisiting the performance of iALS on item recommendation benchmarks. RecSys 2022, arXiv
    2110.14037; blocks: Rendle, Krichene, Zhang, Koren: iALS++. 2021, arXiv 2110.14044.
    """

    paper = "Hu, Koren, Volinsky, ICDM 2008; Rendle et al., RecSys 2022, arXiv 2110.14037"
    folds_in = True
    uses_seed = True

    dim: int = param(64, "dimensions, d", at_least=1)
    reg: float = param(0.003, "regularisation, lambda", above=0, grid=(0.001, 0.003, 0.01, 0.03))
    unobserved: float = param(0.3, "weight of all pairs, alpha", above=0, grid=(0.1, 0.3, 1.0))
    exponent: float = param(1.0, "how regularisation grows with the interactions, nu", at_least=0)
    sweeps: int = param(16, "times that all vectors are set", at_least=1)
    block: int = param(128, "coordinates set at once", at_least=1)
    deviation: float = param(0.1, "standard deviation of initial users, times the root of d", above=0)

    def fit(self, train: Interactions, seed: int) -> None:
        """Alternate between items and users, from random users."""
        width = -(-self.dim // LANES) * LANES
        generator = torch.Generator().manual_seed(seed)
        user = torch.zeros(train.n_users, width)  # (U, width), what is beyond d stays 0
        user[:, : self.dim] = torch.randn(train.n_users, self.dim, generator=generator)
        self._user = (user * (self.deviation / math.sqrt(self.dim))).numpy()  # (U, width)
        self._item = np.zeros((train.n_items, width), np.float32)  # (I, width)
        by_item = transposed(train)
        for _ in range(self.sweeps):
            solve(by_item, self._user, self._item, self.unobserved, self._reg_of(by_item), self.block)
            solve(train, self._item, self._user, self.unobserved, self._reg_of(train), self.block)

    def fold_in(self, inputs: Interactions) -> None:
        """Set every user to the best for the items as they are."""
        solve(inputs, self._item, self._user, self.unobserved, self._reg_of(inputs), self._user.shape[1])

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the two tables."""
        user, item = (np.ascontiguousarray(vec[:, : self.dim]) for vec in (self._user, self._item))
        return torch.from_numpy(user), torch.from_numpy(item)  # (U, d), (I, d)

    def _reg_of(self, rows: Interactions) -> NDArray[np.float64]:
        """Return the regularisation of each row (n,): of each user, or, transposed, of each item."""
        return self.reg * (rows.user_counts + self.unobserved * rows.n_items) ** np.float64(self.exponent)  # (n,)
