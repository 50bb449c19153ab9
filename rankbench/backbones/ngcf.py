"""NGCF: messages between users and items that are transformed, multiplied and activated."""

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu

from rankbench.backbones import Backbone, Batch, initial, param
from rankbench.backbones._noise import dropped
from rankbench.data.interactions import Interactions
from rankbench.sampling.hashing import Key, derived
from rankbench.scoring.unit import unit
from rankbench.sparse import Graph


class NGCF(Backbone):
    r"""Neural graph collaborative filtering: what LightGCN took the weights and activations from.

    $$E^{(l+1)} = \phi((A E^{(l)} + E^{(l)}) W^{(l)}_1 + (A E^{(l)} \odot E^{(l)}) W^{(l)}_2), \quad
      E = [E^{(0)}, E^{(1)}, \ldots, E^{(L)}]$$

    with $A_{ui} = 1 / \sqrt{|P_u| |P_i|}$ and $\phi$ the leaky ReLU of slope .2. As in the paper, so a vector has d (L
    + 1) numbers. In training a number of a layer is set to 0 with probability `dropout` (message dropout), and a node
    sends nothing of a layer to its neighbours with probability `node_dropout`, while the others send as much more. The
    defaults are those of the authors' code, where the latter is off, and is one of edges.

    Their code divides each $E^{(l)}$, l > 0, by its length before it is concatenated, which `norm` does as well; it
    adds biases, activates the two terms apart and by default replaces A by the mean of the neighbours, which is not
    done here. The paper is known to us from memory, the code was read.

    Wang, He, Wang, Feng, Chua: Neural graph collaborative filtering. SIGIR 2019, arXiv 1905.08108.
    """

    paper = "Wang et al., SIGIR 2019, arXiv 1905.08108"
    key_on_device = True

    layers: int = param(3, "propagation steps, L", at_least=1, grid=(1, 2, 3))
    dropout: float = param(0.1, "message dropout", at_least=0, below=1, grid=(0.0, 0.1))
    node_dropout: float = param(0.0, "share of nodes that send nothing", at_least=0, below=1, implied=True)
    norm: bool = param(True, "divide each layer by its length before it is concatenated")

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the two embedding tables, the weights of the layers and the graph."""
        self.user = initial(train.n_users, dim, init, generator)  # (U, d)
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)
        weights = [initial(dim, dim, "xavier", generator) for _ in range(2 * self.layers)]  # (d, d) each
        self.of_sum, self.of_product = nn.ParameterList(weights[::2]), nn.ParameterList(weights[1::2])
        self.graph = Graph(train)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the concatenated layers without dropout: (U, d (L + 1)) and (I, d (L + 1))."""
        return self._propagated(users=None, key=None)

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the concatenated layers with dropout, right for the users of the batch, and no penalty."""
        return *self._propagated(batch.user, batch.key), None

    def _propagated(self, users: Tensor | None, key: Key | None) -> tuple[Tensor, Tensor]:
        layer = torch.cat([self.user, self.item])  # (U + I, d)
        every = [layer]
        for number, (of_sum, of_product) in enumerate(zip(self.of_sum, self.of_product, strict=True)):
            sent = self._sent(layer, key, number)  # (U + I, d)
            side = self.graph.product(sent, users if number == self.layers - 1 else None)  # (U + I, d)
            layer = leaky_relu((side + layer) @ of_sum + (side * layer) @ of_product, 0.2)  # (U + I, d)
            if key is not None and self.dropout:
                layer = dropped(layer, self.dropout, derived(key, number))  # (U + I, d)
            every.append(unit(layer) if self.norm else layer)
        whole = torch.cat(every, dim=1)  # (U + I, d (L + 1))
        return self.graph.parts(whole)

    def _sent(self, layer: Tensor, key: Key | None, number: int) -> Tensor:
        """Return what nodes send of a layer (U + I, d): in training, nothing from some of them."""
        if key is None or not self.node_dropout:
            return layer
        ones = torch.ones_like(layer[:, :1], requires_grad=False)  # (U + I, 1)
        return layer * dropped(ones, self.node_dropout, derived(key, self.layers + number))  # (U + I, d)
