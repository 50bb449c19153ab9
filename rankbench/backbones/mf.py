"""Matrix factorisation."""

import torch
from torch import Tensor

from rankbench.backbones import Backbone, initial
from rankbench.data.interactions import Interactions


class MF(Backbone):
    r"""Matrix factorisation: a free vector for each user and each item.

    $$s(u, i) = \langle p_u, q_i \rangle$$

    Koren, Bell, Volinsky: Matrix factorization techniques for recommender systems. IEEE Computer 42(8), 2009.
    """

    paper = "Koren, Bell, Volinsky, IEEE Computer 2009"

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the two embedding tables."""
        self.user = initial(train.n_users, dim, init, generator)  # (U, d)
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the two tables."""
        return self.user, self.item
