"""Hinge, the pairwise margin loss."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from rankbench.losses import Loss, Scores, param
from rankbench.params import Value


class Hinge(Loss):
    r"""Hinge (pairwise margin): how far each negative is from being a margin below the positive.

    $\ell = (1/N) \sum_j \max(m + d_j, 0)$, with $d_j = s_j - s_i$ and inner products as scores.

    Gradient: $\partial \ell / \partial s_j = 1/N$ where $d_j > -m$, else 0, and $\partial \ell / \partial s_i$ is minus
    the share of such negatives: every pair within the margin pulls alike, a pair beyond it not at all. It is the limit
    of the logistic loss of `bpr` at a low temperature. With inner products the margin only sets their scale, which
    weight decay holds against; with Adam alone there is little to search.

    Paper: Joachims. Optimizing Search Engines using Clickthrough Data. KDD 2002. It has the loss for rankings of
    documents; with one sampled negative for each interaction it is the triplet loss of collaborative filtering.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "margin"
    paper = "Joachims, KDD 2002"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.003,
        "weight_decay": 1e-5,
        "negatives": 1,
        "init": "xavier",
        "epochs": 200,
        "patience": 5,
    }

    margin: float = param(1.0, "lead that a positive is to have, m", above=0, grid=(0.1, 0.5, 1.0, 2.0))

    def forward(self, s: Scores) -> Tensor:
        """Return the mean hinge (B,) of each positive over its negatives."""
        gap = s.neg - s.pos[:, None]  # (B, N)
        return (gap + self.margin).relu().mean(dim=1)  # (B,)
