"""MAWU, alignment with learned margins and weighted uniformity."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from rankbench.data.interactions import Interactions
from rankbench.losses import VectorLoss, Vectors, param
from rankbench.losses.directau import uniformity
from rankbench.params import Value

_INSIDE = 1 - 1e-6
"""Cosines are kept this far from the ends, where the arc cosine has no derivative."""


class MAWU(VectorLoss):
    r"""MAWU (margin-aware alignment, weighted uniformity): DirectAU with a learned margin for each user and item.

    $\ell_a = -\cos(\min(\theta_a + M_a, \pi)) + \gamma_1 U(x) + \gamma_2 U(y)$ with $\theta_a$ the angle of user and
    positive, $M_a = 1 - \sigma(m_u + m_i)$ in radians, and U the uniformity of `directau`. The margins $m_u$, $m_i$ are
    parameters, read within [0, 1], so that $M \ge 1 - \sigma(2) = .119$; they shrink where a pair resists alignment.
    All start at 1/2, which is our choice. The value depends on which examples share a batch.

    Gradient of the alignment by the cosine: $-\sin(\theta + M)/\sin \theta$, more than DirectAU's for pairs that are
    aligned already. Published optimum $(\gamma_1, \gamma_2)$ of matrix factorisation: (1, .1) Beauty, (2.6, 1.4)
    Gowalla, (.8, .6) Yelp; batches of 2,048, learning rate 1e-3, weight decay 1e-6 to 1e-4. The released code averages
    its uniformity over the whole matrix of pairs with half of it and the diagonal set to cosine 0; this is the paper's.

    Paper: Park, Yoon, Lee, Park, Lee. Toward a Better Understanding of Loss Functions for Collaborative Filtering.
    CIKM 2023, arXiv 2308.06091.
    """

    family = "alignment"
    paper = "Park et al., CIKM 2023, arXiv 2308.06091"
    recipe: ClassVar[Mapping[str, Value]] = {"lr": 0.003, "weight_decay": 1e-6, "epochs": 100, "init": "xavier"}

    gamma_user: float = param(1.0, "weight of the users' uniformity", at_least=0, grid=(0.4, 1.0, 2.0))
    gamma_item: float = param(0.5, "weight of the items' uniformity", at_least=0, grid=(0.1, 0.5, 1.0))

    def bind(self, train: Interactions, seed: int) -> None:
        """Create the margins `user_margin` (U,) and `item_margin` (I,), which are trained."""
        self.user_margin = nn.Parameter(torch.full((train.n_users,), 0.5))  # (U,)
        self.item_margin = nn.Parameter(torch.full((train.n_items,), 0.5))  # (I,)

    def forward(self, s: Vectors) -> Tensor:
        """Return the alignment (B,) of each pair beyond its margin plus the uniformities of the batch."""
        cosine = (s.user_vec * s.item_vec).sum(dim=1).clamp(-_INSIDE, _INSIDE)  # (B,)
        margin = self.user_margin[s.user].clamp(0, 1) + self.item_margin[s.item].clamp(0, 1)  # (B,)
        angle = (torch.acos(cosine) + 1 - torch.sigmoid(margin.to(cosine))).clamp_max(math.pi)  # (B,)
        apart = self.gamma_user * uniformity(s.user_vec) + self.gamma_item * uniformity(s.item_vec)  # ()
        return apart - torch.cos(angle)  # (B,)
