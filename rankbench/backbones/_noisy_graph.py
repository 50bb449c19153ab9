"""What graph backbones with noise share: propagation without layer 0, perturbed in training, and a contrast."""

import torch
from torch import Tensor

from rankbench.backbones import Backbone, Batch, initial, param
from rankbench.backbones._contrast import contrast
from rankbench.backbones._noise import perturbed
from rankbench.data.interactions import Interactions
from rankbench.sampling.hashing import Key, derived
from rankbench.sparse import Graph


class NoisyGraph(Backbone):
    r"""Graph convolution that is evaluated without noise, $E = \frac{1}{L} \sum_{l=1}^{L} A^l E^{(0)}$."""

    key_on_device = True

    layers: int = param(3, "propagation steps, L", at_least=1, grid=(2, 3))
    noise: float = param(0.1, "length of the noise, epsilon", at_least=0, grid=(0.05, 0.1, 0.2))
    form: str = param("paper", "whose noise and batch", choices=("paper", "ir-benchmark"))

    tau: float
    weight: float

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the two embedding tables and the graph."""
        self.user = initial(train.n_users, dim, init, generator)  # (U, d)
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)
        self.graph = Graph(train)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the vectors after propagation without noise."""
        return self.propagated(users=None)

    def propagated(self, users: Tensor | None) -> tuple[Tensor, Tensor]:
        """Return the vectors after propagation without noise: of all items, and of some users (b,) or all."""
        mean = [0.0] + [1 / self.layers] * self.layers
        return self.graph.polynomial(self.user, self.item, mean, users)

    def noisy_layers(self, key: Key, users: Tensor, items: Tensor | None) -> list[Tensor]:
        """Return the layers 1 to L of a noisy propagation, (U + I, d) each.

        Args:
            key: what the noise is a function of.
            users, items: (b,) int64 each, those whose vectors of the last layer are looked at; None for all items.
        """
        every = [torch.cat([self.user, self.item])]  # (U + I, d)
        signs = "own" if self.form == "paper" else "any"
        for number in range(self.layers):
            last = number == self.layers - 1
            layer = self.graph.product(every[-1], *((users, items) if last else ()))  # (U + I, d)
            every.append(perturbed(layer, self.noise, derived(key, number), signs))
        return every[1:]

    def contrast(self, one: Tensor, other: Tensor, batch: Batch) -> Tensor:
        """Return the weighted contrast () of two views (U + I, d) of the batch's users and positives."""
        term = contrast(one, other, batch, self.graph.n_users, self.tau, distinct=self.form == "paper")  # ()
        return self.weight * term
