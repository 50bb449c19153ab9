"""WRMF, the weighted squared error over all pairs."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from rankbench.losses import ListLoss, Lists, param
from rankbench.params import Value


class WRMF(ListLoss):
    r"""WRMF (implicit feedback matrix factorisation): squared errors of all items, small weight on what is unobserved.

    $\ell_u = c_+ \sum_{i \in P_u} (1 - s_i)^2 + c_0 \sum_{k \notin P_u} s_k^2$, with inner products as scores: exact,
    no sampling. It is $\sum_{i \in P_u} [(c_+ - c_0) s_i^2 - 2 c_+ s_i] + c_0 \sum_k s_k^2 + c_+ |P_u|$. `mse` is the
    sampled form; alternating least squares minimises the same function in closed steps, here Adam does.

    Gradient: $2 c_+ (s_i - 1)$ on train items and $2 c_0 s_k$ on all others.

    Paper: Hu, Koren, Volinsky. Collaborative Filtering for Implicit Feedback Datasets. ICDM 2008.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "pointwise"
    paper = "Hu, Koren, Volinsky, ICDM 2008"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"lr": 0.003, "init": "xavier", "weight_decay": 1e-5, "batch_size": 64}

    positive_weight: float = param(1.0, "weight of a train item, c_+", above=0)
    unobserved_weight: float = param(0.1, "weight of any other item, c_0", at_least=0, grid=(0.01, 0.03, 0.1, 0.3, 1.0))

    def forward(self, s: Lists) -> Tensor:
        """Return the weighted squared error (B,) of each user."""
        unobserved = self.unobserved_weight * s.score.square()  # (B, I)
        observed = self.positive_weight * (1 - s.score).square()  # (B, I)
        return observed.where(s.relevant, unobserved).sum(dim=1)  # (B,)
