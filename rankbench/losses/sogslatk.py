"""SogSL@K, SogCLR weighted by how near a positive is to the top K."""

from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import Epoch, Scores, param
from rankbench.losses.slatk import SLatK
from rankbench.losses.sogclr import SogCLR


class SogSLatK(SogCLR):
    r"""SogSL@K (averaged top-K softmax): SogCLR weighted by how surely the positive is among its user's top K.

    $\ell = w (-s_i/\tau + \hat g / g_u)$, with cosines as scores, $\hat g$ and $g_u$ those of SogCLR and
    $w = \sigma((s_i - \beta_u)/\tau_w)$ divided by its mean over the batch, so that the value depends on which rows
    share a batch. $\beta_u$ is SL@K's threshold, refreshed every T epochs. Here w carries no gradient, unlike in SL@K:
    $\partial \ell / \partial s_i = -w/\tau$ and $\partial \ell / \partial s_j = w e^{s_j/\tau} / (N \tau g_u)$. With
    $\tau_w \to \infty$ it is SogCLR.

    `weight_both=false` is the form of the benchmark in which it was published: there w multiplies the positive's term
    only, $\ell = -w s_i/\tau + \hat g / g_u$, so that an unlikely positive is pulled less while its negatives are
    pushed as hard as any. We take that for an oversight, since SL@K weighs the whole loss: the default is our reading.

    Paper: Yang, Chen, Zhang, Wu, Sun, Feng, Chen, Wang. Breaking the Top-K Barrier: Advancing Top-K Ranking Metrics
    Optimization in Recommender Systems. KDD 2025, arXiv 2508.05673 (SL@K; this variant is in its released benchmark).
    """

    provenance: ClassVar[Literal["paper", "reading"]] = "reading"
    family = "top K"
    paper = "our reading of the released code of Yang et al., KDD 2025, arXiv 2508.05673"

    tau_weight: float = param(
        2.5, "temperature of the weight; 6 to 17 times tau", above=0, grid=(0.5, 1.0, 1.5, 2.0, 2.5, 3.0)
    )
    k: int = param(20, "the K of the metric", at_least=1)
    refresh_every: int = param(20, "epochs between two refreshes of the thresholds, T", at_least=1, grid=(5, 20))
    weight_both: bool = param(True, "weigh the negatives' term too; false: as released")

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        threshold: dict[str, Any] = {"k": self.k, "refresh_every": self.refresh_every}
        self.top = SLatK(**threshold)

    def bind(self, train: Interactions, seed: int) -> None:
        """Start without averages and with the threshold 0 for every user; both are stored with the model."""
        super().bind(train, seed)
        self.top.bind(train, seed)

    def refresh(self, epoch: Epoch) -> None:
        """Set every user's threshold anew before the epochs T, 2T, ..."""
        self.top.refresh(epoch)

    def forward(self, s: Scores) -> Tensor:
        """Return the weighted loss (B,) of each example; in training, update its user's average."""
        weight = self.weight(s)  # (B,)
        negative = self.normalised(s)  # (B,)
        return (weight * negative if self.weight_both else negative) - weight * s.pos / self.tau  # (B,)

    @torch.no_grad()
    def weight(self, s: Scores) -> Tensor:
        """Return the weights (B,) of the batch's positives; their mean is 1."""
        lead = (s.pos - self.top.threshold[s.user]) / self.tau_weight  # (B,)
        return torch.softmax(torch.nn.functional.logsigmoid(lead), dim=0) * len(lead)  # (B,)
