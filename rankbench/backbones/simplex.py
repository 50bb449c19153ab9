"""SimpleX: matrix factorisation with the user's behaviour aggregated."""

import torch
from torch import Tensor

from rankbench.backbones import Backbone, Batch, initial, param
from rankbench.backbones._attention import Attention
from rankbench.data.interactions import Interactions
from rankbench.sparse import Graph


class SimpleX(Backbone):
    r"""Matrix factorisation whose user vector is a mix of its own and of the items that the user has.

    $$h_u = g\, p_u + (1 - g)\, W \sum_{i \in P_u} a_{ui} q_i, \quad s(u, i) = \langle h_u, q_i \rangle$$

    with $a_{ui} = 1 / |P_u|$ (pooling "mean") or $a_{ui} \propto \exp(v^\top \tanh(W_1 q_i + b))$, summing to 1 over
    $P_u$ (pooling "attention", the paper's self-attention), or the same with the user's own vector $p_u$ in the place
    of v (pooling "user-attention"). The paper's loss is `ccl`, on cosines; any loss trains it here. All train items
    count; the paper keeps the latest of long histories. g = 1 is `mf`. The paper is known to us from memory and from
    other implementations of it.

    Mao, Zhu, Wang, Dai, Dong, Xiao, He: SimpleX: A simple and strong baseline for collaborative filtering. CIKM 2021,
    arXiv 2109.12613.
    """

    paper = "Mao et al., CIKM 2021, arXiv 2109.12613"

    gate: float = param(0.5, "weight of the user's own vector, g", at_least=0, at_most=1, grid=(0.1, 0.3, 0.5, 0.7))
    pooling: str = param("mean", "how the items of a user are weighed", choices=("mean", "attention", "user-attention"))

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the two embedding tables, the projection, the attention if there is one, and the graph."""
        self.user = initial(train.n_users, dim, init, generator)  # (U, d)
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)
        self.projection = initial(dim, dim, "xavier", generator)  # (d, d)
        if self.pooling != "mean":
            self.inner = initial(dim, dim, "xavier", generator)  # (d, d)
            self.bias = torch.nn.Parameter(torch.zeros(dim))  # (d,)
        if self.pooling == "attention":
            self.query = initial(1, dim, "xavier", generator)  # (1, d)
        self.means, self.attention = Graph(train, alpha=1, beta=0), Attention(train)

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the mixed user vectors and the item table."""
        return self._mixed(users=None), self.item

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the same vectors, right for the users of the batch, and no penalty."""
        return self._mixed(batch.user), self.item, None

    def _mixed(self, users: Tensor | None) -> Tensor:
        if self.gate == 1:
            return self.user
        return self.gate * self.user + (1 - self.gate) * self._pooled(users) @ self.projection.t()  # (U, d)

    def _pooled(self, users: Tensor | None) -> Tensor:
        """Return the weighted mean (U, d) of each user's items."""
        if self.pooling == "mean":
            return self.means.aggregate(self.item, users)
        key = torch.tanh(self.item @ self.inner.t() + self.bias)  # (I, d)
        if self.pooling == "user-attention":
            return self.attention.pooled(self.user, key, self.item, users)
        logit = key @ self.query.t()  # (I, 1) whoever asks, so that the weights are a ratio of two sums over the graph
        weight = torch.exp(logit - logit.max().detach())  # (I, 1)
        both = self.means.aggregate(torch.cat([weight * self.item, weight], dim=1), users)  # (U, d + 1)
        return both[:, :-1] / both[:, -1:].clamp_min(torch.finfo(both.dtype).tiny)  # (U, d)
