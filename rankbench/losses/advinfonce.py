"""AdvInfoNCE, softmax with weights of the negatives that an adversary learns."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from rankbench.data.interactions import Interactions
from rankbench.losses import Epoch, Loss, Scores, param
from rankbench.minimax import ascend, parameter
from rankbench.rowwise import log_sum_exp, log_sum_exp_of_gaps
from rankbench.scoring import products
from rankbench.scoring.unit import unit

DIMENSIONS = 64
"""Dimensions of the adversary's vectors."""


class AdvInfoNCE(Loss):
    r"""AdvInfoNCE (adversarial InfoNCE): softmax whose negatives have weights that an adversary learns to make it hard.

    $\ell = -\log [e^{s_i/\tau} / (e^{s_i/\tau} + \lambda \sum_j e^{\delta_j} e^{s_j/\tau})]$, with cosines as scores
    and $e^{\delta_j} = N \mathrm{softmax}_j(g_{uj})$, so that the weights average 1. $g_{uj}$ is the inner product of
    vectors of user and item that belong to the adversary; `adversary=cosine` takes their cosine.

    With $p_j = \lambda e^{\delta_j + d_j/\tau} / (1 + \sum_l \lambda e^{\delta_l + d_l/\tau})$ and
    $d_j = s_j - s_i$: $\partial \ell / \partial s_j = p_j/\tau$, $\partial \ell / \partial s_i = -\sum_j p_j / \tau$
    and $\partial \ell / \partial g_j = p_j - \mathrm{softmax}_j(g) \sum_l p_l$, which the adversary climbs. With equal
    weights and $\lambda = 1$ it is InfoNCE (`softmax:incl=true`); $\lambda$ weighs the sample up towards all items.

    Model and adversary take turns. After every `every` (T) epochs of the model, first after T - 2, comes one in which
    the model rests and the adversary climbs, `adversarial_epochs` (E) times at most: with T = 5 after 3, 8, 13 ...
    epochs of the model. The radius of the robust set grows with E. The adversary's epochs count among those of the
    training. With `together=true` both move in the epochs 3, 8, 13 ... and none is taken from the model.

    Published: $\lambda$ = 64, T = 5, E of 7 to 20, N of 64 to 128; the adversary's learning rate is 5e-5, here
    `adversary_rate` times the model's. In the benchmark of PSL and SL@K $\tau$ is .2 Health, .2 Electronic, .1 Gowalla,
    .1 Book, and g is a cosine, which is nearly flat when its vectors hardly move; T = 1 is its default, with which its
    model would never be trained. The paper's formula has a weight for each pair of positive and negative; its code, and
    this one, a weight for each pair of user and negative.

    The adversary starts from Xavier's N(0, 2/(rows + 64)).

    Paper: Zhang, Sheng, Cai, Wang, Chua. Empowering Collaborative Filtering with Principled Adversarial Contrastive
    Loss. NeurIPS 2023, arXiv 2310.18700.
    """

    family = "softmax"
    paper = "Zhang et al., NeurIPS 2023, arXiv 2310.18700"

    tau: float = param(
        0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.05, 0.1, 0.15, 0.2, 0.25)
    )
    negative_weight: float = param(64.0, "weight of the sum over negatives, lambda", above=0)
    every: int = param(5, "epochs of the model between two of the adversary, T", at_least=1, grid=(5, 15))
    adversarial_epochs: int = param(7, "most epochs of the adversary, E", at_least=0, grid=(7, 12, 20))
    adversary_rate: float = param(5e-4, "learning rate of the adversary, in that of the model", at_least=1e-6)
    adversary: str = param("dot", "its score, inner product or cosine", choices=("dot", "cosine"))
    together: bool = param(False, "let the model move in epochs of the adversary too")

    def bind(self, train: Interactions, seed: int) -> None:
        """Draw the adversary's vectors (U, 64) and (I, 64), stored with the model; both are held over their rate."""
        generator = torch.Generator().manual_seed(seed)
        self.user = self.vectors(train.n_users, generator)  # (U, 64)
        self.item = self.vectors(train.n_items, generator)  # (I, 64)
        self.adversarial = False

    def vectors(self, rows: int, generator: torch.Generator) -> nn.Parameter:
        """Return vectors (rows, 64) that start as Xavier's normal."""
        drawn = torch.randn(rows, DIMENSIONS, generator=generator) * math.sqrt(2 / (rows + DIMENSIONS))
        return parameter(drawn, self.adversary_rate)  # (rows, 64)

    def refresh(self, epoch: Epoch) -> None:
        """Decide whose epoch this is."""
        self.adversarial = self.is_adversarial(epoch.number)

    @property
    def divisible(self) -> bool:
        """Whether the adversary is at rest: the gradient of its tables is best taken once a batch."""
        return not self.adversarial

    def is_adversarial(self, number: int) -> bool:
        """Return whether the adversary climbs in an epoch, counted from 0."""
        first, cycle = -3 % self.every, self.every
        if not self.together:
            first, cycle = first + 1, cycle + 1
        turn, rest = divmod(number - first, cycle)
        return rest == 0 and turn < self.adversarial_epochs

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example."""
        pos, neg = s.pos, s.neg  # (B,), (B, N)
        if self.adversarial and not self.together:
            pos, neg = pos.detach(), neg.detach()  # (B,), (B, N)
        softmax = log_sum_exp_of_gaps(neg, pos, 1 / self.tau, self.hardness(s))  # (B,)
        return softplus(math.log(self.negative_weight) + softmax)  # (B,)

    def hardness(self, s: Scores) -> Tensor:
        r"""Return $\delta$ (B, N); the mean of its exponential over each row is 1."""
        with torch.set_grad_enabled(self.adversarial and torch.is_grad_enabled()):
            user = ascend(self.user.to(s.neg.dtype), self.adversary_rate)  # (U, 64)
            item = ascend(self.item.to(s.neg.dtype), self.adversary_rate)  # (I, 64)
            if self.adversary == "cosine":
                user, item = unit(user), unit(item)  # (U, 64), (I, 64)
            g = products(user.index_select(0, s.user), item, s.neg_item.to(torch.int32))  # (B, N)
            return g - log_sum_exp(g)[:, None] + math.log(g.shape[1])  # (B, N)
