"""MSE, the weighted squared error on sampled negatives."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor

from rankbench.losses import Loss, Scores, param
from rankbench.params import Value


class MSE(Loss):
    r"""MSE (sampled weighted squared error): the positive is to score 1 and the negatives 0.

    $\ell = c_+ (1 - s_i)^2 + (c_0/N) \sum_j s_j^2$, with inner products as scores.

    This is the objective of WRMF (implicit ALS), $\sum_{u,i} c_{ui} (p_{ui} - s_{ui})^2$ with $p_{ui}$ = 1 for
    interactions and 0 elsewhere, changed in two respects. The mean over the sampled negatives stands for the sum over
    all items without interaction, so $c_0$ is WRMF's weight of one such item times how many there are for each
    interaction; and gradient steps take the place of alternating least squares. WRMF has no sampling noise; this form
    has, and is for comparison with other losses on the same negatives.

    Gradient: $\partial \ell / \partial s_j = 2 c_0 s_j / N$ and
    $\partial \ell / \partial s_i = -2 c_+ (1 - s_i)$: unlike in a ranking loss, a positive above 1
    is pushed down and a negative below 0 up. Only the ratio $c_0/c_+$ matters to Adam without weight decay. Searched:
    $c_0$ in {.01, .1, 1, 10}.

    Paper: Hu, Koren, Volinsky. Collaborative Filtering for Implicit Feedback Datasets. ICDM 2008.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "pointwise"
    paper = "Hu et al., ICDM 2008"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"lr": 0.003, "init": "xavier", "epochs": 200, "patience": 5}

    positive_weight: float = param(1.0, "weight of the positive, c_+", above=0)
    negative_weight: float = param(1.0, "weight of the negatives, c_0", above=0, grid=(0.01, 0.1, 1.0, 10.0))

    def forward(self, s: Scores) -> Tensor:
        """Return the weighted squared errors (B,) of each positive and its negatives."""
        pos = (1 - s.pos).square()  # (B,)
        neg = s.neg.square().mean(dim=1)  # (B,)
        return self.positive_weight * pos + self.negative_weight * neg  # (B,)
