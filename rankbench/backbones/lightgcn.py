"""LightGCN: matrix factorisation smoothed over the user-item graph."""

import torch
from torch import Tensor

from rankbench.backbones import Backbone, Batch, initial, param
from rankbench.data.interactions import Interactions
from rankbench.sparse import Graph


class LightGCN(Backbone):
    r"""Light graph convolution: embeddings averaged over the layers of a linear propagation.

    $$E^{(l+1)} = A E^{(l)}, \quad E = \frac{1}{L + 1} \sum_{l=0}^{L} E^{(l)}, \quad
      A_{ui} = \frac{1}{\sqrt{|P_u| |P_i|}}$$

    He, Deng, Wang, Li, Zhang, Wang: LightGCN: Simplifying and powering graph convolution network for recommendation.
    SIGIR 2020, arXiv 2002.02126.
    """

    paper = "He et al., SIGIR 2020, arXiv 2002.02126"

    layers: int = param(2, "propagation steps, L", at_least=1, grid=(1, 2, 3))

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the two embedding tables and the graph."""
        self.user = initial(train.n_users, dim, init, generator)  # (U, d)
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)
        self.graph = Graph(train)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the vectors after propagation."""
        return self._propagated(users=None)

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the same vectors, right for the users of the batch, and no penalty."""
        return *self._propagated(batch.user), None

    def _propagated(self, users: Tensor | None) -> tuple[Tensor, Tensor]:
        mean = [1 / (self.layers + 1)] * (self.layers + 1)
        return self.graph.polynomial(self.user, self.item, mean, users)
