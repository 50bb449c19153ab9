"""DirectAU, alignment and uniformity."""

import math
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from rankbench.losses import VectorLoss, Vectors, param
from rankbench.params import Value
from rankbench.rowwise import log_sum_exp


class DirectAU(VectorLoss):
    r"""DirectAU (alignment and uniformity): pairs are drawn together, all users apart and all items apart.

    $\ell_a = |x_a - y_a|^2 + \frac{\gamma}{2} (U(x) + U(y))$ for unit vectors $x_a$, $y_a$ of user and positive, with
    $U(z) = \log \mathrm{mean}_{a < b} e^{-2 |z_a - z_b|^2}$ over the batch. No negatives: what keeps all vectors from
    falling together is the second term, which every example of a batch has in common; so the value depends on which
    examples share a batch. A user or item that occurs twice in it is a pair at distance 0.

    In cosines $|x - y|^2 = 2 - 2\cos$, so $U(z) = \log \mathrm{mean}\, e^{4 \cos(z_a, z_b) - 4}$: a softmax over pairs
    at temperature 1/4. Published optimum $\gamma$: .5 Beauty (batches of 256), 5 Gowalla, 1 Yelp (batches of 1,024);
    learning rate 1e-3, weight decay 1e-6. The released code ranks by inner products, though it trains cosines; here
    both are cosines.

    Paper: Wang, Yu, Ma, Zhang, Chen, Liu, Ma. Towards Representation Alignment and Uniformity in Collaborative
    Filtering. KDD 2022, arXiv 2206.12811.
    """

    family = "alignment"
    paper = "Wang et al., KDD 2022, arXiv 2206.12811"
    recipe: ClassVar[Mapping[str, Value]] = {"lr": 0.003, "weight_decay": 1e-6, "epochs": 100, "init": "xavier"}

    gamma: float = param(1.0, "weight of the uniformity", at_least=0, grid=(0.2, 0.5, 1.0, 2.0, 5.0, 10.0))

    def forward(self, s: Vectors) -> Tensor:
        """Return the alignment (B,) of each pair plus the uniformity of the batch."""
        alignment = (s.user_vec - s.item_vec).square().sum(dim=1)  # (B,)
        return alignment + self.gamma / 2 * (uniformity(s.user_vec) + uniformity(s.item_vec))  # (B,)


def uniformity(unit_vec: Tensor) -> Tensor:
    r"""Return $\log \mathrm{mean}_{a<b} e^{-2|z_a - z_b|^2}$ () of unit vectors (B, d); 0 for a single one."""
    B = len(unit_vec)
    if B < 2:
        return unit_vec.sum() * 0  # ()
    exponent = 4 * (unit_vec @ unit_vec.t()) - 4  # (B, B)
    itself = torch.eye(B, dtype=torch.bool, device=unit_vec.device)  # (B, B)
    rows = log_sum_exp(exponent.masked_fill(itself, -torch.inf))  # (B,)
    return torch.logsumexp(rows, dim=0) - math.log(B * (B - 1))  # () every pair is there twice
