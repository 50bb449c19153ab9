"""NewBackbone, a backbone: from train interactions to vectors of users and items."""

import torch
from torch import Tensor

from rankbench.backbones import Backbone, initial, param
from rankbench.data.interactions import Interactions
from rankbench.sparse import Graph


class NewBackbone(Backbone):
    r"""NewBackbone (what it is, in few words): what it does, in one sentence.

    $h_u = (1 - w)\, p_u + \frac{w}{|P_u|} \sum_{i \in P_u} q_i$ and $s(u, i) = \langle h_u, q_i \rangle$: matrix
    factorisation, with the mean of the user's items in the user's vector. `rankbench show` draws formulas between
    dollars on the terminal.

    Paper: Authors. Title. VENUE YEAR, arXiv NNNN.NNNNN.
    """

    paper = "unpublished"  # or "First author et al., VENUE YEAR, arXiv NNNN.NNNNN"
    # recipe = {"lr": 0.01}  # training values that it needs, whatever the loss: see `rankbench run --help`

    # Each parameter is typed as `new_backbone.py:weight=0.5`; `rankbench run --grid` tries the values of its grid.
    weight: float = param(0.3, "weight of the user's items, w", at_least=0, at_most=1, grid=(0.1, 0.3, 0.5))

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the parameters, once, before the training; every random number comes from the generator.

        `train` has train.n_users, train.n_items, train.users and train.items (nnz,), train.user_counts (U,),
        train.item_counts (I,) and train.row(user). Tables called `user` and `item` can be hashed, as in `--item-table
        hash:50%`.
        """
        self.user = initial(train.n_users, dim, init, generator)  # (U, d) an nn.Parameter, trained and stored
        self.item = initial(train.n_items, dim, init, generator)  # (I, d)
        self.means = Graph(train, alpha=1, beta=0)  # its product is fast, and has gradients

    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the user vectors (U, d) and the item vectors (I, d), as they are evaluated: without noise."""
        user, item = self.user, self.item  # (U, d), (I, d)
        return (1 - self.weight) * user + self.weight * self.means.aggregate(item), item

    # A backbone may train on other vectors than it is evaluated with, and add a penalty to the loss of a step.
    # Without either, delete all that follows.
    #
    # def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
    #     """Return the vectors that the loss of a step sees, and the penalty () or None.
    #
    #     `batch` has batch.user (B,) and batch.pos (B,), the users and positives of the step, and batch.key, what its
    #     random numbers follow from, so that a training that is resumed draws the same.
    #     """
    #     noise = torch.Generator().manual_seed(batch.key >> 1)
    #     user_vec, item_vec = self()  # (U, d), (I, d)
    #     moved = user_vec + 0.01 * torch.randn(user_vec.shape, generator=noise).to(user_vec)  # (U, d)
    #     gap = moved.index_select(0, batch.user) - item_vec.index_select(0, batch.pos)  # (B, d)
    #     return moved, item_vec, 0.001 * gap.square().sum(dim=1).mean()
    #
    # Imports: Batch from rankbench.backbones. Scores that are no inner products: see `RowBackbone` there. Recommenders
    # that are fitted at once, without a loss: `LossFree`.
