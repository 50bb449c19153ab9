"""Mult-DAE, the denoising autoencoder."""

import torch
from torch import Tensor

from rankbench.backbones._autoencoder import Autoencoder
from rankbench.data.interactions import Interactions


class MultDAE(Autoencoder):
    r"""Denoising autoencoder (Mult-DAE with the loss `multinomial`): a user's items in, the scores of all items out.

    $$s_u = W_2 \tanh(W_1^T \tilde{x}_u + b_1) + b_2, \quad \tilde{x}_u = \mathrm{dropout}(x_u / \lVert x_u \rVert)$$

    One hidden layer of d units, d = 200 as published. The likelihood is the loss: `multinomial`, `logistic`, or `wrmf`,
    which is the Gaussian one. Published with weight decay on top (lambda = .01 for batches of 500, ours 4e-5) and a
    choice of the epoch by NDCG@100; here validation NDCG@20 chooses, as for every backbone.

    Liang, Krishnan, Hoffman, Jebara: Variational autoencoders for collaborative filtering. WWW 2018, arXiv 1802.05814.
    """

    paper = "Liang et al., WWW 2018, arXiv 1802.05814"

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the two layers."""
        self.make_outer_layers(train.n_items, dim, dim, init, generator)

    def encode(self, first: Tensor, noise: torch.Generator | None) -> tuple[Tensor, Tensor | None]:
        """Return the first hidden layer (B, d), which is the last, and no penalty."""
        return first, None
