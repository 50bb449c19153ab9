"""SL, the sampled softmax loss."""

from torch import Tensor
from torch.nn.functional import softplus

from rankbench.losses import Loss, Scores, param
from rankbench.rowwise import log_sum_exp


class Softmax(Loss):
    r"""Sampled softmax (SL, SSM, InfoNCE): the log-sum-exp of the negatives' lead over the positive.

    $\ell = \log \sum_j \exp(d_j / \tau)$, with $d_j = s_j - s_i$ and cosines as scores.

    Gradient: $\partial \ell / \partial s_j = p_j / \tau$ with $p = \mathrm{softmax}(d / \tau)$ and
    $\partial \ell / \partial s_i = -1 / \tau$: every positive is pulled alike, and the pull is shared out among the
    negatives by hardness. $\tau$ is the one parameter and decides more than the choice of loss.

    `incl=true` counts the positive in the denominator,
    $\ell = -\log [e^{s_i/\tau} / (e^{s_i/\tau} + \sum_j e^{s_j/\tau})]$, as InfoNCE is usually written. It equals
    $\log(1 + e^\ell)$ of the form above, and its pull fades as the positive wins. The published tables
    of SL, BSL, PSL and SL@K come from the form without it.

    Published optimum $\tau$ (cosine): .2 Health, .2 Electronic, .1 Gowalla, .05 Book, .1 Movie; under popularity shift
    .1 CD, .1 Yelp2018, .05 Gowalla. The PSL paper halves the cosine and prints half of these values.

    Paper: Wu, Wang, Gao, Chen, Fu, Qiu, He. On the Effectiveness of Sampled Softmax Loss for Item Recommendation.
    TOIS 2024, arXiv 2201.02327.
    """

    paper = "Wu et al., TOIS 2024, arXiv 2201.02327"
    divisible = True

    tau: float = param(
        0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.05, 0.1, 0.15, 0.2, 0.25)
    )
    incl: bool = param(False, "count the positive in the denominator")

    def forward(self, s: Scores) -> Tensor:
        """Return the log-sum-exp (B,) of the gaps of each positive."""
        gap = (s.neg - s.pos[:, None]) / self.tau  # (B, N)
        loss = log_sum_exp(gap)  # (B,)
        return softplus(loss) if self.incl else loss  # (B,)
