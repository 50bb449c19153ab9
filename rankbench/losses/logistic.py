"""The logistic likelihood over the whole catalogue."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from rankbench.losses import ListLoss, Lists
from rankbench.params import Value
from rankbench.rowwise import sum_of_softplus


class Logistic(ListLoss):
    r"""Logistic likelihood: every item on its own is in the user's train items or is not, without sampling.

    $\ell_u = \sum_{i \in P_u} \log(1 + e^{-s_i}) + \sum_{k \notin P_u} \log(1 + e^{s_k})$, with inner products as
    scores; equally $\sum_k \log(1 + e^{s_k}) - \sum_{i \in P_u} s_i$. It is what `bce` samples. Beside `multinomial`
    and the Gaussian likelihood, which is `wrmf`, it is one of the three that Mult-VAE's paper compares as the
    likelihood of an autoencoder (`multdae`, `multvae`).

    Gradient: $\partial \ell_u / \partial s_k = \sigma(s_k) - [k \in P_u]$. Unlike that of `multinomial` it does not add
    up to nought over the items: items do not compete for one budget of probability.

    Paper: Liang, Krishnan, Hoffman, Jebara. Variational Autoencoders for Collaborative Filtering. WWW 2018,
    arXiv 1802.05814.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "pointwise"
    paper = "Liang et al., WWW 2018, arXiv 1802.05814"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"lr": 0.003, "init": "xavier", "weight_decay": 1e-5, "batch_size": 64}

    def forward(self, s: Lists) -> Tensor:
        """Return the negative log-likelihood (B,) of each user's row."""
        own = s.score.masked_fill(~s.relevant, 0).sum(dim=1)  # (B,)
        return sum_of_softplus(s.score) - own  # (B,)
