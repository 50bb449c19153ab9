"""SimCE, a margin on the hardest negative that bounds the softmax."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from rankbench.losses import Loss, Scores, param
from rankbench.params import Value


class SimCE(Loss):
    r"""SimCE (simplified cross-entropy): the hinge of the hardest of the sampled negatives.

    $\ell = \max(m + \max_j d_j, 0)$, with $d_j = s_j - s_i$ and inner products as scores.

    Gradient: 1 on the hardest negative and -1 on the positive while $\max_j d_j > -m$, else 0.

    It comes from bounding softmax that counts the positive, $\log(1 + \sum_j e^{d_j}) \le
    \max(\log N + \max_j d_j, 0) + \log 2$, so $m = \log N$ is the bound; the margin is tuned instead. With one negative
    it is `hinge`. As the hardest of more negatives is harder, N does what a temperature does in softmax.

    Published: $m = 5$ with N = 64 is the default of the authors' code, with initial embeddings that are small; m from
    .5 to 10 and N from 4 to 64 were searched.

    Paper: Yang, Chen, Yan, Tang, Zhao, Xu, Cai, Tong. SimCE: Simplifying Cross-Entropy Loss for Collaborative
    Filtering. 2024, arXiv 2406.16170.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "margin"
    paper = "Yang et al., 2024, arXiv 2406.16170"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.003,
        "weight_decay": 1e-5,
        "negatives": 64,
        "init": "xavier",
        "epochs": 200,
        "patience": 5,
    }

    margin: float = param(5.0, "lead that the positive is to have, m", above=0, grid=(0.5, 1.0, 2.0, 5.0, 10.0))

    def forward(self, s: Scores) -> Tensor:
        """Return the hinge (B,) of each positive against its hardest negative."""
        return (s.neg.amax(dim=1) - s.pos + self.margin).relu()  # (B,)
