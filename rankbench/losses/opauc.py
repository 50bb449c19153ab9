"""OPAUC, the one-way partial AUC, by its exact estimator DNS(m, N)."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from rankbench.losses import Loss, Scores, param
from rankbench.params import Value
from rankbench.rowwise import largest


class OPAUC(Loss):
    r"""OPAUC (one-way partial AUC): the logistic loss of the m hardest of the N negatives, DNS(m, N).

    $\ell = (1/m) \sum_{j \in H} \log(1 + e^{d_j})$, with $d_j = s_j - s_i$, inner products as scores and H the m
    negatives with the highest scores.

    The AUC counts all pairs of a positive and a negative; its part with false positive rates up to $\beta$ counts only
    the share $\beta$ of negatives that score highest, which is what the top of a list depends on. Dynamic negative
    sampling with $\beta = m/N$ estimates that part's logistic surrogate exactly. $m = N$ is `bpr` over N negatives,
    $m = 1$ trains on the hardest. For a top K, $\beta$ should be about K over the number of items.

    Gradient: $\partial \ell / \partial s_j = \sigma(d_j)/m$ within H, else 0;
    $\partial \ell / \partial s_i = -(1/m) \sum_{j \in H} \sigma(d_j)$.

    Published with N = 200 and learning rates of 1e-3 and 1e-2; the released code adds up the m terms instead of taking
    their mean, which Adam without weight decay does not see.

    Paper: Shi, Chen, Feng, Zhang, Wu, Gao, He. On the Theories Behind Hard Negative Sampling for Recommendation.
    WWW 2023, arXiv 2302.03472.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "partial AUC"
    paper = "Shi et al., WWW 2023, arXiv 2302.03472"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.003,
        "weight_decay": 1e-5,
        "negatives": 200,
        "init": "xavier",
        "epochs": 200,
        "patience": 5,
    }

    hardest: int = param(10, "negatives that count, m; at most N do", at_least=1, grid=(1, 2, 5, 10, 20, 50))

    def forward(self, s: Scores) -> Tensor:
        """Return the mean logistic loss (B,) of each positive over its hardest negatives."""
        hard = s.neg.gather(1, largest(s.neg, min(self.hardest, s.neg.shape[1])))  # (B, m)
        return softplus(hard - s.pos[:, None]).mean(dim=1)  # (B,)
