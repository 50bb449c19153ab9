"""ApproxNDCG, NDCG with a smoothed rank."""

import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param


class ApproxNDCG(Loss):
    r"""ApproxNDCG: minus the NDCG of the list of the positive and its negatives, with a smooth rank.

    $\ell = -1 / \log_2(1 + \hat r)$, where $\hat r = 1 + \sum_j \sigma(d_j/\tau)$ with $d_j = s_j - s_i$ and cosines.
    With one positive in the list the ideal DCG is 1, so DCG is NDCG; as $\tau$ falls, $\hat r$ tends to the rank.

    Gradient: with $D = 1 / (\ln 2 \log_2(1 + \hat r)^2 (1 + \hat r))$ and $\sigma_j = \sigma(d_j/\tau)$,
    $\partial \ell / \partial s_j = D \sigma_j (1 - \sigma_j)/\tau$ and $\partial \ell / \partial s_i$ is minus the sum.
    A negative pulls while its score is within a few $\tau$ of the positive's, and D is large near the top only: a
    positive far down the list hardly moves, which a large $\tau$ mends at the price of what the rank means.

    `catalogue=true` estimates the rank among all items, $\hat r = 1 + ((I - 1)/N) \sum_j \sigma(d_j/\tau)$.

    Published for lists of documents, where $1/\tau$ is called alpha and scores are not bounded; libraries default to
    $\tau$ of 1 and .1. On cosines it must be small. They differ in what they average: some add the lists up.

    Paper: Qin, Liu, Li. A General Approximation Framework for Direct Optimization of Information Retrieval Measures.
    Information Retrieval 2010. Bruch, Zoghi, Bendersky, Najork. Revisiting Approximate Metric Optimization in the Age
    of Deep Neural Networks. SIGIR 2019.
    """

    family = "listwise"
    paper = "Qin et al., Information Retrieval 2010"
    divisible = True

    tau: float = param(0.1, "temperature of the rank", above=0, grid=(0.01, 0.05, 0.1, 0.2, 0.5))
    catalogue: bool = param(False, "estimate the rank among all items")

    def bind(self, train: Interactions, seed: int) -> None:
        """Note how many items a positive is ranked among."""
        self.n_others = max(train.n_items - 1, 1)

    def forward(self, s: Scores) -> Tensor:
        """Return minus the smoothed NDCG (B,) of each positive."""
        beaten_by = torch.sigmoid((s.neg - s.pos[:, None]) / self.tau)  # (B, N)
        above = self.n_others * beaten_by.mean(dim=1) if self.catalogue else beaten_by.sum(dim=1)  # (B,)
        return -1 / torch.log2(2 + above)  # (B,)
