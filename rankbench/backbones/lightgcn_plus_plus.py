"""LightGCN++: LightGCN with the norms of embeddings, the degrees and layer 0 weighed apart."""

import torch
from torch import Tensor

from rankbench.backbones import Backbone, Batch, initial, param
from rankbench.data.interactions import Interactions
from rankbench.scoring.unit import unit
from rankbench.sparse import Graph


class LightGCNPlusPlus(Backbone):
    r"""LightGCN of normalised embeddings, with free powers of the degrees and a weight of its own for layer 0.

    $$E^{(l+1)}_u = \frac{1}{|P_u|^{\alpha}} \sum_{i \in P_u} \frac{1}{|P_i|^{\beta}} \frac{E^{(l)}_i}{|E^{(l)}_i|},
      \quad E = \gamma E^{(0)} + \frac{1 - \gamma}{L} \sum_{l=1}^{L} E^{(l)}$$

    and for items likewise. The defaults are those that the authors recommend in their repository (geon0325/LightGCNpp),
    with which the formula was compared; the paper itself was not at hand.

    Lee, Kim, Shin: Revisiting LightGCN: Unexpected inflexibility, inconsistency, and a remedy towards improved
    recommendation. RecSys 2024.
    """

    paper = "Lee, Kim, Shin, RecSys 2024"

    layers: int = param(2, "propagation steps, L", at_least=1, grid=(1, 2, 3))
    alpha: float = param(0.6, "power of a node's own degree", grid=(0.4, 0.5, 0.6))
    beta: float = param(-0.1, "power of its neighbours' degrees", grid=(-0.1, 0.0, 0.1))
    gamma: float = param(0.2, "weight of layer 0", at_least=0, at_most=1, grid=(0.0, 0.1, 0.2))

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the two embedding tables and the graph."""
        self.user = initial(train.n_users, dim, init, generator)  # (U, d)
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)
        self.graph = Graph(train, self.alpha, self.beta)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the vectors after propagation."""
        return self._propagated(users=None)

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the same vectors, right for the users of the batch, and no penalty."""
        return *self._propagated(batch.user), None

    def _propagated(self, users: Tensor | None) -> tuple[Tensor, Tensor]:
        layer = torch.cat([self.user, self.item])  # (U + I, d)
        total = self.gamma * layer  # (U + I, d)
        for number in range(1, self.layers + 1):
            layer = self.graph.product(unit(layer), users if number == self.layers else None)  # (U + I, d)
            total = total + layer * ((1 - self.gamma) / self.layers)  # (U + I, d)
        return self.graph.parts(total)
