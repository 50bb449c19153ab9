"""BCE, the sampled binary cross-entropy."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from rankbench.losses import Loss, Scores, param
from rankbench.params import Value
from rankbench.rowwise import sum_of_softplus


class BCE(Loss):
    r"""BCE (sampled binary cross-entropy): the logistic loss of the positive and of each negative on its own.

    $\ell = w_+ \log(1 + e^{-s_i}) + w_- c \sum_j \log(1 + e^{s_j})$, with inner products as scores. `reduction` is what
    circulates for c, and for the weight of the positive beside it:

    - `sum`: c = 1, every negative counts as much as the positive; NCF, with 4 negatives;
    - `mean`: c = 1/N, the negatives together count as much as the positive;
    - `mean-all`: `sum` divided by N + 1, as libraries that average over all logits do; `gbce:t=0` is the same;
    - `balanced`: the positive N times, c = 1, as GuidedRec does; this is N times `mean`.

    So there are two objectives, each in two scales. Adam does not see the scale of a loss, weight decay does.

    Gradient: $\partial \ell / \partial s_j = w_- c \sigma(s_j)$ and
    $\partial \ell / \partial s_i = -w_+ \sigma(-s_i)$: a negative is pushed until its own score is low, however far it
    is below the positive. Scores are inner products, since the logistic function of a cosine only spans .27 to .73.

    With few of all items as negatives, positives are seen more often than they occur and the predicted probabilities
    come out too high; `gbce` corrects that.

    Paper: He, Liao, Zhang, Nie, Hu, Chua. Neural Collaborative Filtering. WWW 2017, arXiv 1708.05031.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "pointwise"
    paper = "He et al., WWW 2017, arXiv 1708.05031"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.003,
        "weight_decay": 1e-5,
        "negatives": 4,
        "init": "xavier",
        "epochs": 200,
        "patience": 5,
    }

    reduction: str = param(
        "sum", "how negatives weigh against the positive", choices=("sum", "mean", "mean-all", "balanced")
    )
    positive_weight: float = param(1.0, "weight of the positive, w_+", above=0)
    negative_weight: float = param(1.0, "weight of the negatives, w_-", above=0, grid=(0.1, 0.3, 1.0, 3.0))

    def forward(self, s: Scores) -> Tensor:
        """Return the weighted logistic losses (B,) of each positive and its negatives."""
        N = s.neg.shape[1]
        pos = self.positive_weight * softplus(-s.pos)  # (B,)
        neg = self.negative_weight * sum_of_softplus(s.neg)  # (B,)
        match self.reduction:
            case "sum":
                return pos + neg  # (B,)
            case "mean":
                return pos + neg / N  # (B,)
            case "mean-all":
                return (pos + neg) / (N + 1)  # (B,)
            case _:
                return N * pos + neg  # (B,)
