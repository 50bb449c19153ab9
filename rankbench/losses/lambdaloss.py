"""The lambda losses: pairs weighted by what exchanging their ranks would change."""

from collections.abc import Mapping
from functools import cache
from typing import ClassVar, Literal

import torch
from torch import Tensor
from torch.nn.functional import softplus

from rankbench.losses import ListLoss, Lists, param
from rankbench.params import Value


class LambdaLoss(ListLoss):
    r"""Lambda losses (LambdaRank, LambdaLoss): logistic losses of all pairs, weighted by their places in the ranking.

    $\ell_u = \frac{1}{|P_u|} \sum_{i \in P_u} \sum_{k \notin P_u} \mu_{ik} \log(1 + e^{s_k - s_i})$, with inner
    products as scores. $\mu$ carries no gradient. With $\pi$ the rank among all items, $D(r) = \log_2(1 + r)$ and
    $\eta_r = 1/D(r) - 1/D(r + 1)$, $\eta_0 = 0$:

    - `weight=lambdarank`: $\mu = |1/D(\pi_i) - 1/D(\pi_k)|$, the change of DCG when both change places;
    - `weight=ndcg2`: $\mu = \eta_{|\pi_i - \pi_k|}$, of LambdaLoss, which bounds $1 - $ NDCG;
    - `weight=ndcg2++`: ten times the latter plus the former;
    - `weight=at-k`: as `ndcg2`, divided by $1 - 1/D(\max(\pi_i, \pi_k))$ where that rank is beyond `k`: LambdaLoss@K;
    - `weight=one`: $\mu = 1$, BPR over all pairs.

    Gradient: $\partial \ell_u/\partial s_k = \frac{1}{|P_u|} \sum_i \mu_{ik} \sigma(s_k - s_i)$. Ranks are those of the
    whole catalogue, ties by item. The benchmark of SL@K estimates them from one negative instead, takes
    $1/D(|\pi_i - \pi_k|)$ for $\eta$ and $1 - 1/\pi$ for its factor: its figures come from other losses than these.

    Paper: Wang, Li, Golbandi, Bendersky, Najork. The LambdaLoss Framework for Ranking Metric Optimization. CIKM 2018;
    LambdaRank: Burges, Ragno, Le. NIPS 2006; LambdaLoss@K: Jagerman, Qin, Wang, Bendersky, Najork. SIGIR 2022.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "listwise"
    paper = "Wang et al., CIKM 2018"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.003,
        "init": "xavier",
        "weight_decay": 1e-5,
        "batch_size": 64,
    }

    weight: str = param(
        "ndcg2",
        "what weighs a pair",
        choices=("lambdarank", "ndcg2", "ndcg2++", "at-k", "one"),
        grid=("lambdarank", "ndcg2", "at-k"),
    )
    k: int = param(20, "the K of the metric, for weight=at-k", at_least=1)

    def forward(self, s: Lists) -> Tensor:
        """Return the weighted pairwise loss (B,) of each user."""
        rank = ranks(s.score)  # (B, I)
        return torch.stack([self.of_user(*user) for user in zip(s.score, rank, s.relevant, strict=True)])  # (B,)

    def of_user(self, score: Tensor, rank: Tensor, relevant: Tensor) -> Tensor:
        """Return the loss () of a user with scores (I,) and ranks (I,) of all items."""
        weight = self.pair_weight(rank[relevant][:, None], rank[~relevant])  # (P, I - P)
        gap = score[~relevant] - score[relevant][:, None]  # (P, I - P)
        return (weight.to(gap) * softplus(gap)).sum() / max(len(gap), 1)  # ()

    def pair_weight(self, pos: Tensor, neg: Tensor) -> Tensor:
        r"""Return $\mu$ (P, n) float32 of pairs whose ranks (P, 1) and (n,), from 1, are given."""
        if self.weight == "one":
            return torch.ones(len(pos), len(neg), device=pos.device)  # (P, n)
        inverse, eta = tables(len(pos) + len(neg), pos.device)  # (I + 2,), (I + 1,)
        if self.weight == "lambdarank":
            return (inverse[pos] - inverse[neg]).abs()  # (P, n)
        closeness = eta[(pos - neg).abs()]  # (P, n)
        if self.weight == "ndcg2":
            return closeness
        if self.weight == "ndcg2++":
            return 10 * closeness + (inverse[pos] - inverse[neg]).abs()  # (P, n)
        lower = torch.maximum(pos, neg)  # (P, n)
        return torch.where(lower > self.k, closeness / (1 - inverse[lower]), closeness)  # (P, n)


def ranks(score: Tensor) -> Tensor:
    """Return the rank (B, I), from 1, of each entry of rows (B, I); the higher first, ties by place."""
    order = score.argsort(dim=1, descending=True, stable=True)  # (B, I)
    place = torch.arange(1, score.shape[1] + 1, device=score.device).expand_as(order)  # (B, I)
    return torch.empty_like(order).scatter_(1, order, place)  # (B, I)


@cache
def tables(n_items: int, device: torch.device) -> tuple[Tensor, Tensor]:
    r"""Return $1/D$ of the ranks 0 to I + 1 and $\eta$ of their differences 0 to I, in float32."""
    inverse = 1 / torch.log2(1 + torch.arange(1, n_items + 2, dtype=torch.float64, device=device))  # (I + 1,)
    zero = inverse.new_zeros(1)  # (1,) there is no rank 0, and no weight at distance 0
    return torch.cat([zero, inverse]).float(), torch.cat([zero, inverse[:-1] - inverse[1:]]).float()
