"""SimGCL: LightGCN without layer 0, and a contrast between two noisy propagations."""

import torch
from torch import Tensor

from rankbench.backbones import Backbone, Batch, initial, param
from rankbench.backbones._contrast import contrast
from rankbench.backbones._noise import perturbed
from rankbench.data.interactions import Interactions
from rankbench.sampling.hashing import Key, derived
from rankbench.sparse import Graph


class SimGCL(Backbone):
    r"""Graph convolution whose embeddings should survive noise: two perturbed views of a batch are contrasted.

    $$E = \frac{1}{L} \sum_{l=1}^{L} A^l E^{(0)}, \quad
      V^{(l)} = A V^{(l-1)} + \Delta^{(l)}, \quad V^{(0)} = E^{(0)}, \quad V = \frac{1}{L} \sum_{l=1}^{L} V^{(l)}$$

    with $A_{ui} = 1 / \sqrt{|P_u| |P_i|}$ and noise of length $\epsilon$ in each node's own orthant, $\Delta =
    \epsilon\, \mathrm{sign}(A V) \odot r / |r|$, r uniform on (0, 1). The loss sees E, as evaluation does; with two
    views V' and V'' the step adds $\lambda (\mathrm{InfoNCE}_\tau(V'_B, V''_B) + \mathrm{InfoNCE}_\tau(V'_{P},
    V''_{P}))$ over the distinct users B and positives P of the batch.

    As in the authors' code (Coder-Yu/SELFRec). The code of the published tables (IR-Benchmark), `form=ir-benchmark`,
    draws r from the normal distribution, so that the noise has any signs, and contrasts users and positives as often as
    they occur. Both start from Xavier embeddings (`--set init=xavier`), beside whose length of about .25 the noise is
    large; beside that of N(0, 1) embeddings it is small.

    Yu, Yin, Xia, Chen, Cui, Nguyen: Are graph augmentations necessary? Simple graph contrastive learning for
    recommendation. SIGIR 2022, arXiv 2112.08679.
    """

    paper = "Yu et al., SIGIR 2022, arXiv 2112.08679"
    key_on_device = True

    layers: int = param(3, "propagation steps, L", at_least=1, grid=(2, 3))
    noise: float = param(0.1, "length of the noise, epsilon", at_least=0, grid=(0.05, 0.1, 0.2))
    tau: float = param(0.2, "temperature of the contrast", above=0)
    weight: float = param(0.5, "weight of the contrast, lambda", at_least=0, grid=(0.1, 0.2, 0.5))
    form: str = param("paper", "whose noise and batch", choices=("paper", "ir-benchmark"))

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the two embedding tables and the graph."""
        self.user = initial(train.n_users, dim, init, generator)  # (U, d)
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)
        self.graph = Graph(train)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the vectors after propagation."""
        return self.graph.polynomial(self.user, self.item, [0.0] + [1 / self.layers] * self.layers)

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the vectors and the contrast of two noisy views."""
        one, other = (self.view(derived(batch.key, which)) for which in range(2))  # (U + I, d) each
        term = contrast(one, other, batch, self.graph.n_users, self.tau, distinct=self.form == "paper")  # ()
        return *self(), self.weight * term

    def view(self, key: Key) -> Tensor:
        """Return the vectors (U + I, d) of a noisy propagation."""
        layer = torch.cat([self.user, self.item])  # (U + I, d)
        total = torch.zeros_like(layer)  # (U + I, d)
        for number in range(self.layers):
            signs = "own" if self.form == "paper" else "any"
            layer = perturbed(self.graph.product(layer), self.noise, derived(key, number), signs)  # (U + I, d)
            total = total + layer  # (U + I, d)
        return total / self.layers
