"""The multinomial likelihood, Mult-VAE's."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from rankbench.losses import ListLoss, Lists
from rankbench.params import Value
from rankbench.rowwise import log_sum_exp


class Multinomial(ListLoss):
    r"""Multinomial likelihood (Mult-VAE's): a user's train items as so many draws from one softmax over all items.

    $\ell_u = -\sum_{i \in P_u} \log \frac{e^{s_i}}{\sum_k e^{s_k}} = |P_u| \log \sum_k e^{s_k} - \sum_{i \in P_u} s_i$,
    with inner products as scores and no temperature: their size is learned. It is |P_u| times the mean cross-entropy,
    so it differs from `full-softmax` in the scale of its scores, and in a constant factor, only.

    Gradient: $\partial \ell_u / \partial s_k = |P_u| p_k - [k \in P_u]$. Published with an autoencoder for a backbone,
    and a Kullback-Leibler term that belongs to it, not to the likelihood.

    Paper: Liang, Krishnan, Hoffman, Jebara. Variational Autoencoders for Collaborative Filtering. WWW 2018,
    arXiv 1802.05814.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "softmax"
    paper = "Liang et al., WWW 2018, arXiv 1802.05814"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"lr": 0.003, "init": "xavier", "weight_decay": 1e-5, "batch_size": 64}

    def forward(self, s: Lists) -> Tensor:
        """Return the negative log-likelihood (B,) of each user's train items."""
        positives = s.relevant.sum(dim=1)  # (B,)
        own = s.score.masked_fill(~s.relevant, 0).sum(dim=1)  # (B,)
        return positives * log_sum_exp(s.score) - own  # (B,)
