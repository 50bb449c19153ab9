"""WARP, the margin loss weighted by an estimated rank."""

from collections.abc import Mapping
from typing import ClassVar, Literal

import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param
from rankbench.params import Value

EULER = 0.5772156649015329
"""The digamma function at r + 1 is the r-th harmonic number less this."""


class WARP(Loss):
    r"""WARP (weighted approximate-rank pairwise), our reading: the hinge of the first violator, weighted by a rank.

    The negatives are looked at in the order in which they are drawn. The first that violates the margin, $d_j > -m$
    with $d_j = s_j - s_i$, at trial n, is the only one that counts:
    $\ell = \Phi(\lfloor (I - 1)/n \rfloor) \max(m + d_j, 0)$, with inner products as scores, and 0 without a violator.
    The fewer trials it takes, the more violators there must be, so $\lfloor (I - 1)/n \rfloor$ estimates the positive's
    rank. The weight carries no gradient. `weight` is what it is made of the rank r:

    - `harmonic`: $\Phi(r) = \sum_{k \le r} 1/k$, which stresses the top of the list; WSABIE;
    - `log`: $\Phi(r) = \min(\log r, 10)$, as LightFM has it, where a violator found as late as possible weighs nothing.

    Gradient: $\partial \ell / \partial s_j = \Phi$ for that negative and $\partial \ell / \partial s_i = -\Phi$.

    N is the number of trials, 10 in LightFM. A trial that finds nothing costs as much as one that does, since all
    negatives of a batch are scored at once. What is ours: the formulas are WSABIE's as we know them, checked
    against the LightFM code for `log`, not against the paper.

    Paper: Weston, Bengio, Usunier. WSABIE: Scaling Up to Large Vocabulary Image Annotation. IJCAI 2011.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    provenance: ClassVar[Literal["paper", "reading"]] = "reading"
    family = "margin"
    paper = "our reading of Weston et al., IJCAI 2011"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.003,
        "weight_decay": 1e-5,
        "negatives": 10,
        "init": "xavier",
        "epochs": 200,
        "patience": 5,
    }

    margin: float = param(1.0, "lead that a positive is to have, m", above=0, grid=(0.1, 0.5, 1.0, 2.0))
    weight: str = param("harmonic", "weight of an estimated rank", choices=("harmonic", "log"))

    def bind(self, train: Interactions, seed: int) -> None:
        """Note how many items a positive is ranked among."""
        self.n_others = max(train.n_items - 1, 1)

    def forward(self, s: Scores) -> Tensor:
        """Return the weighted hinge (B,) of each positive against its first violator."""
        limit = s.pos - self.margin  # (B,) the score up to which a negative keeps the margin
        # Of equal values, argmax gives the first; without a violator that one's excess is 0.
        first = (s.neg > limit[:, None]).to(torch.uint8).argmax(dim=1, keepdim=True)  # (B, 1)
        excess = (s.neg.gather(1, first)[:, 0] - limit).relu()  # (B,)
        rank = self.n_others // (first[:, 0] + 1)  # (B,)
        return self.weight_of(rank.to(excess)) * excess  # (B,)

    def weight_of(self, rank: Tensor) -> Tensor:
        r"""Return $\Phi$ (B,) of estimated ranks (B,) float."""
        if self.weight == "harmonic":
            return torch.digamma(rank + 1) + EULER  # (B,) 0 for rank 0
        return rank.clamp_min(1).log().clamp_max(10)  # (B,)
