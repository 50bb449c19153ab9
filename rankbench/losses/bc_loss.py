"""BC loss, softmax with an angular margin that popularity sets."""

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import softplus

from rankbench.data.interactions import Interactions
from rankbench.losses import Epoch, Loss, Scores, param
from rankbench.minimax import descend, parameter
from rankbench.params import Value
from rankbench.rowwise import log_sum_exp_of_gaps
from rankbench.scoring import products
from rankbench.scoring.unit import unit

DIMENSIONS = 64
"""Dimensions of the popularity branch's vectors."""

INSIDE = 1 - 1e-7
"""Cosines are kept this far from the ends, where the arc cosine has no derivative."""


class BCLoss(Loss):
    r"""BC loss (bias-aware margins): softmax whose positive must win by an angle, less where popularity explains it.

    $\ell = (1 - w) \ell_1$ with $\ell_1 = -\log [e^{c/\tau_1} / (e^{c/\tau_1} + \sum_j e^{s_j/\tau_1})]$ and cosines as
    scores. $c = \cos(\min(\theta + M, \pi))$ is the positive's cosine at a wider angle: $\theta = \arccos s_i$ and M is
    the margin of user and positive in radians, a constant. With M = 0 and w = 0 it is `softmax:incl=true` at $\tau_1$.

    Gradient: with $P = \sigma(\log \sum_j e^{(s_j - c)/\tau_1})$, the probability of being wrong, and p the softmax of
    $s_j/\tau_1$: $\partial \ell_1 / \partial s_j = P p_j/\tau_1$ and
    $\partial \ell_1 / \partial s_i = -\frac{P}{\tau_1} \frac{\sin(\theta + M)}{\sin \theta}$, which beside softmax's
    grows as the pair draws together. Where $\theta + M > \pi$ it is 0; the released code goes on past $\pi$, where the
    cosine rises again, and pushes such a positive further away.

    The margin is from a branch that knows users and items by their popularity only. It has a vector p for every number
    of train interactions that occurs among the users and a vector q for every one that occurs among the items, and
    learns $\ell_2$, which is softmax with the positive in the denominator at $\tau_2$ on their cosines. The margin is

    - `margin=sigmoid`: $M = 1 - \sigma(\langle p_u, q_i \rangle)$, of the inner product, so between 0 and 1. It is that
      of the released code, hence of the published figures.
    - `margin=angle`: $M = \min(\xi, \pi - \theta)$ with $\xi$ the angle between the two vectors. It is the paper's as
      remembered, not checked against it: our reading. It is about $\pi/2$ until the branch has learnt much.

    In the first `warmup` epochs only the branch learns, $\ell = w \ell_2$, and the model rests; they count among those
    of the training. From then on the branch is frozen. The original still adds $w \ell_2$, which no longer has a
    gradient; it is left out of the value here. So w only scales the gradient, which Adam does not notice without weight
    decay. With w = 0 the branch stays as it was drawn, and the margin is about half a radian for all.

    Published: $\tau_1$ = .07, $\tau_2$ = .1, w = .5, 5 epochs of warm-up; learning rate 5e-4 for model and branch, here
    `popularity_rate` times the model's for the branch; weight decay 1e-5, Xavier's start; N = 128 with matrix
    factorisation (the recipe), `--sampler in-batch` with LightGCN, for which the released code leaves the margin out of
    the denominator and does not run as it is.

    The value falls, too, when all users turn away from all items, where a margin costs little and a positive is pulled
    no more. In our first runs on Online Retail, at a learning rate of .1, the model got lost there with N = 256 at
    $\tau_1$ = .07 and .1 and with N = 1000 at .15, and not with N = 128 and 256 at .15, the default. `margin=angle` got
    lost in both of its runs, at .15 and .25. So it did where a higher `popularity_rate`, .1, spread the margins.

    The branch starts from Xavier's N(0, 2/(rows + 64)).

    Paper: Zhang, Ma, Wang, Chua. Incorporating Bias-aware Margins into Contrastive Loss for Collaborative Filtering.
    NeurIPS 2022, arXiv 2210.11054.
    """

    family = "softmax"
    paper = "Zhang et al., NeurIPS 2022, arXiv 2210.11054"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"negatives": 128}

    tau1: float = param(
        0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.07, 0.1, 0.15, 0.2, 0.25)
    )
    tau2: float = param(0.1, "temperature of the popularity branch", above=0)
    weight: float = param(0.5, "weight of the popularity branch, w", at_least=0, below=1)
    warmup: int = param(5, "first epochs, in which only the branch learns", at_least=0)
    margin: str = param("sigmoid", "what of the branch's vectors it is", choices=("sigmoid", "angle"))
    popularity_rate: float = param(5e-3, "learning rate of the branch, in that of the model", at_least=1e-6)

    def bind(self, train: Interactions, seed: int) -> None:
        """Draw the branch's vectors (P, 64) for the P popularities of users and of items, stored with the model.

        They are held over their rate, and are frozen until `refresh` begins a warm-up.
        """
        generator = torch.Generator().manual_seed(seed)
        self.user_class: Tensor
        self.item_class: Tensor
        user_class, item_class = classes(train.user_counts), classes(train.item_counts)  # (U,), (I,)
        self.register_buffer("user_class", user_class, persistent=False)
        self.register_buffer("item_class", item_class, persistent=False)
        self.user_popularity = self.vectors(user_class, generator)  # (P, 64)
        self.item_popularity = self.vectors(item_class, generator)  # (P, 64)
        self.warm_up(False)

    def vectors(self, row: Tensor, generator: torch.Generator) -> nn.Parameter:
        """Return a vector for each class that occurs among some rows, (P, 64), that start as Xavier's normal."""
        P = int(row.max()) + 1
        drawn = torch.randn(P, DIMENSIONS, generator=generator) * math.sqrt(2 / (P + DIMENSIONS))  # (P, 64)
        return parameter(drawn, self.popularity_rate)  # (P, 64)

    def refresh(self, epoch: Epoch) -> None:
        """Decide whose epoch this is: the branch's, or the model's."""
        self.warm_up(epoch.number < self.warmup)

    def warm_up(self, begins: bool) -> None:
        """Let the branch learn alone, or freeze it and let the model learn."""
        self.warming_up = begins
        self.user_popularity.requires_grad_(begins)
        self.item_popularity.requires_grad_(begins)

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example: the branch's in the warm-up, the model's after it."""
        if self.warming_up:
            return self.weight * self.branch_loss(s)  # (B,)
        softmax = log_sum_exp_of_gaps(s.neg, self.widened(s), 1 / self.tau1)  # (B,)
        return (1 - self.weight) * softplus(softmax)  # (B,)

    def branch(self, like: Tensor) -> tuple[Tensor, Tensor]:
        """Return the vectors of the popularities of users (P, 64) and of items (P, 64), in the precision of `like`."""
        user, item = self.user_popularity.to(like.dtype), self.item_popularity.to(like.dtype)  # (P, 64), (P, 64)
        return descend(user, self.popularity_rate), descend(item, self.popularity_rate)

    def branch_loss(self, s: Scores) -> Tensor:
        r"""Return $\ell_2$ (B,) of each example."""
        user, item = (unit(vector) for vector in self.branch(s.neg))  # (P, 64), (P, 64)
        query = user.index_select(0, self.user_class[s.user])  # (B, 64)
        pos = (query * item.index_select(0, self.item_class[s.pos_item])).sum(dim=1)  # (B,)
        neg = products(query, item, self.item_class[s.neg_item])  # (B, N)
        return softplus(log_sum_exp_of_gaps(neg, pos, 1 / self.tau2))  # (B,)

    def widened(self, s: Scores) -> Tensor:
        """Return the cosine (B,) of each positive at an angle that is wider by its margin, pi at most."""
        angle = torch.acos(s.pos.clamp(-INSIDE, INSIDE))  # (B,)
        return torch.cos((angle + self.margins(s)).clamp_max(math.pi))  # (B,)

    def margins(self, s: Scores) -> Tensor:
        """Return the margin (B,) of each positive in radians."""
        user, item = self.branch(s.pos)  # (P, 64), (P, 64)
        p = user.index_select(0, self.user_class[s.user])  # (B, 64)
        q = item.index_select(0, self.item_class[s.pos_item])  # (B, 64)
        if self.margin == "sigmoid":
            return torch.sigmoid(-(p * q).sum(dim=1))  # (B,)
        return torch.acos((unit(p) * unit(q)).sum(dim=1).clamp(-INSIDE, INSIDE))  # (B,)


def classes(count: NDArray[np.int64]) -> Tensor:
    """Return the place (n,) int32 of each of some counts (n,) among the different ones in their order."""
    return torch.from_numpy(np.unique(count, return_inverse=True)[1].astype(np.int32))  # (n,)
