"""gBCE, the generalised binary cross-entropy of gSASRec."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param
from rankbench.params import Value
from rankbench.rowwise import sum_of_softplus


class GBCE(Loss):
    r"""gBCE (generalised binary cross-entropy): BCE with the positive weighed down for the negatives not sampled.

    $\ell = (1/(N + 1)) [\beta \log(1 + e^{-s_i}) + \sum_j \log(1 + e^{s_j})]$, with inner products as scores,
    $\beta = \alpha (t (1 - 1/\alpha) + 1/\alpha) = 1 - t(1 - \alpha)$ and $\alpha = N/(I - 1)$, the share of the
    negatives that is sampled, 1 at most.

    BCE on few negatives sees positives far more often than they occur and learns probabilities near 1 for many items,
    which no longer order the top (overconfidence). $t$ interpolates: $t = 0$ is BCE (`bce:reduction=mean-all`),
    $t = 1$ gives $\beta = \alpha$, which undoes the sampling, so that the probabilities are those of BCE on all items.

    Gradient: $\partial \ell / \partial s_j = \sigma(s_j)/(N+1)$ and
    $\partial \ell / \partial s_i = -\beta \sigma(-s_i)/(N+1)$.

    Published: $t = .75$ with N = 256 on MovieLens-1M; $t$ of .75 and .9 in later comparisons. The paper raises the
    predicted probability to the power $\beta$, $-\log \sigma(s_i)^\beta$, and the released code shifts the logit in
    float64 to that end; both are this formula.

    Paper: Petrov, Macdonald. gSASRec: Reducing Overconfidence in Sequential Recommendation Trained with Negative
    Sampling. RecSys 2023, arXiv 2308.07192.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "pointwise"
    paper = "Petrov and Macdonald, RecSys 2023, arXiv 2308.07192"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.01,
        "negatives": 256,
        "init": "xavier",
        "epochs": 200,
        "patience": 5,
    }

    t: float = param(
        0.75,
        "calibration: 0 is BCE, 1 undoes the sampling",
        at_least=0,
        at_most=1,
        grid=(0.0, 0.5, 0.75, 0.9, 1.0),
    )

    def bind(self, train: Interactions, seed: int) -> None:
        """Note how many items can be negatives of a positive: all others."""
        self.n_others = max(train.n_items - 1, 1)

    def forward(self, s: Scores) -> Tensor:
        """Return the mean logistic loss (B,) of each positive, so weighed, and its negatives."""
        N = s.neg.shape[1]
        beta = 1 - self.t * (1 - min(N / self.n_others, 1))
        return (beta * softplus(-s.pos) + sum_of_softplus(s.neg)) / (N + 1)  # (B,)
