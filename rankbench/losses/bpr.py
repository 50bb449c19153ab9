"""BPR, the pairwise logistic loss."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from torch import Tensor
from torch.nn.functional import softplus

from rankbench.losses import Loss, Scores
from rankbench.params import Value


class BPR(Loss):
    r"""BPR (Bayesian personalised ranking): the logistic loss of each pair of a positive and a negative.

    $\ell = (1/N) \sum_j \log(1 + e^{d_j})$, with $d_j = s_j - s_i$ and inner products as scores.

    Gradient: $\partial \ell / \partial s_j = \sigma(d_j) / N$ and
    $\partial \ell / \partial s_i = -\sum_j \sigma(d_j) / N$, so a pair that is already well ordered pulls no more.
    With one negative it is the softmax loss that counts the positive (`softmax:incl=true,tau=1`).

    It has no parameter of its own: learning rate and weight decay decide. The inner products must start small, hence
    Xavier's initial embeddings. Published optimum (learning rate, weight decay) of matrix factorisation, from the SL@K
    paper: (1e-3, 1e-4) Health, (1e-3, 1e-5) Electronic, (1e-3, 1e-6) Gowalla, (1e-4, 0) Book.

    Implementations that write $-\log(\epsilon + \sigma(-d))$ lose the gradient of very wrong pairs; this one does not.

    Paper: Rendle, Freudenthaler, Gantner, Schmidt-Thieme. BPR: Bayesian Personalized Ranking from Implicit Feedback.
    UAI 2009, arXiv 1205.2618.
    """

    score: ClassVar[Literal["cosine", "dot"]] = "dot"
    family = "pairwise"
    paper = "Rendle et al., UAI 2009, arXiv 1205.2618"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {
        "lr": 0.003,
        "weight_decay": 1e-5,
        "negatives": 1,
        "init": "xavier",
        "epochs": 200,
        "patience": 5,
    }

    def forward(self, s: Scores) -> Tensor:
        """Return the mean logistic loss (B,) of each positive over its negatives."""
        gap = s.neg - s.pos[:, None]  # (B, N)
        return softplus(gap).mean(dim=1)  # (B,)
