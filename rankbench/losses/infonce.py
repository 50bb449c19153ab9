"""InfoNCE with the other positives of the batch as negatives."""

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import VectorLoss, Vectors, param
from rankbench.rows_on import relevant
from rankbench.rowwise import log_sum_exp


class InfoNCE(VectorLoss):
    r"""InfoNCE (in-batch softmax): softmax whose negatives are the positives of the batch's other examples.

    $\ell_a = -\log \frac{e^{x_{aa}}}{\sum_b e^{x_{ab}}}$ with $x_{ab} = \cos(u_a, i_b)/\tau - \log q_{i_b}$: every
    example is ranked against the positives of all others, which costs one product of two small matrices. The positive
    counts in the denominator, and the value depends on which examples share a batch.

    An item is met as often as it is popular. `logq=true` corrects for that: $q_i$ is its share of the train
    interactions. Without it ($\log q = 0$) popular items are pushed down harder than the full softmax would.

    `mask=true` leaves out accidental hits: $b \ne a$ whose item is the positive of a, or is in a's train items. Code in
    circulation often leaves them in, and pushes down what the user likes.

    Gradient: $\partial \ell_a / \partial x_{ab} = p_{ab} - [a = b]$ with $p$ the softmax of the row. Published optimum:
    $\tau$ of .1 to .3, somewhat above that of sampled softmax.

    Paper: van den Oord, Li, Vinyals. Representation Learning with Contrastive Predictive Coding. 2018,
    arXiv 1807.03748; as a loss of recommenders, Wu et al., TOIS 2024, arXiv 2201.02327. The correction: Yi et al.
    Sampling-Bias-Corrected Neural Modeling for Large Corpus Item Recommendations. RecSys 2019.
    """

    family = "softmax"
    paper = "van den Oord et al., 2018, arXiv 1807.03748"

    tau: float = param(0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.1, 0.15, 0.2, 0.3))
    logq: bool = param(False, "correct for how often an item is met", grid=(False, True))
    mask: bool = param(True, "leave out items that the user has in train")

    def bind(self, train: Interactions, seed: int) -> None:
        """Keep the train interactions, to find accidental hits, and the items' shares of them."""
        self.train_interactions = train
        share = np.maximum(train.item_counts, 1) / max(len(train), 1)  # (I,)
        self.log_share: Tensor
        self.register_buffer("log_share", torch.from_numpy(np.log(share)), persistent=False)  # (I,)

    def forward(self, s: Vectors) -> Tensor:
        """Return the cross-entropy (B,) of each example among the positives of the batch."""
        logit = s.user_vec @ s.item_vec.t() / self.tau  # (B, B)
        if self.logq:
            logit = logit - self.log_share.to(logit)[s.item]  # (B, B)
        own = logit.diagonal()  # (B,)
        if self.mask:
            logit = logit.masked_fill(self.hits(s), -torch.inf)  # (B, B)
        return log_sum_exp(logit) - own  # (B,)

    def hits(self, s: Vectors) -> Tensor:
        """Return which items of the batch (B, B) bool are another row's and in the user's train items, or the same."""
        hit = relevant(self.train_interactions, s.user).index_select(1, s.item)  # (B, B)
        return (hit | (s.item[:, None] == s.item)).fill_diagonal_(False)  # (B, B)
