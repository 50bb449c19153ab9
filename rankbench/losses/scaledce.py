"""Scaled CE, softmax with the sampled negatives weighed up."""

import math

from torch import Tensor
from torch.nn.functional import softplus

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param
from rankbench.rowwise import log_sum_exp_of_gaps


class ScaledCE(Loss):
    r"""Scaled CE (scaled cross-entropy): softmax that counts the positive once and every negative alpha times.

    $\ell = \log(1 + \alpha \sum_j e^{d_j/\tau})$, with $d_j = s_j - s_i$ and cosines as scores.

    Few negatives make the sampled sum, and with it the loss's pull, too small beside the positive; $\alpha$ makes up
    for those not drawn. `alpha=0` stands for $(I - 1)/N$, with which $\alpha \sum_j$ estimates the sum over all other
    items. $\alpha = 1$ is `softmax:incl=true`; as $\alpha$ grows, $\ell - \log \alpha$ tends to `softmax`, whose pull
    never fades. It is AdvInfoNCE without its adversary.

    Gradient: with $P = \sigma(\log \alpha + \log \sum_j e^{d_j/\tau})$, the probability of being wrong,
    $\partial \ell / \partial s_j = P p_j/\tau$ and $\partial \ell / \partial s_i = -P/\tau$, where
    $p = \mathrm{softmax}(d/\tau)$.

    Published with inner products in sequential models, without a temperature: $\alpha = 100$ with N = 100 on
    MovieLens-1M. It is not `sce`, the scalable cross-entropy, which is called SCE too.

    Paper: Xu, Zhu, Yu, Wang, Wang, Zhang. Are LLM-based Recommenders Already the Best? Simple Scaled Cross-entropy
    Unleashes the Potential of Traditional Sequential Recommenders. 2024, arXiv 2408.14238.
    """

    family = "softmax"
    paper = "Xu et al., 2024, arXiv 2408.14238"
    divisible = True

    tau: float = param(
        0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.05, 0.1, 0.15, 0.2, 0.25)
    )
    alpha: float = param(
        100.0, "weight of a negative; 0: the items per negative", at_least=0, grid=(0.0, 1.0, 10.0, 100.0)
    )

    def bind(self, train: Interactions, seed: int) -> None:
        """Note how many items can be negatives of a positive: all others."""
        self.n_others = max(train.n_items - 1, 1)

    def forward(self, s: Scores) -> Tensor:
        """Return the scaled cross-entropy (B,) of each positive."""
        alpha = self.alpha or self.n_others / s.neg.shape[1]
        return softplus(log_sum_exp_of_gaps(s.neg, s.pos, 1 / self.tau) + math.log(alpha))  # (B,)
