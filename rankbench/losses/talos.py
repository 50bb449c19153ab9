"""Talos, softmax of the odds of being above a learned top-K threshold."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param
from rankbench.minimax import descend, parameter
from rankbench.rowwise import log_sum_exp


class Talos(Loss):
    r"""Talos (top-K threshold): softmax of how surely each item is above its user's threshold, which is learned.

    $\ell = -(1/\tau) \log \sigma(s_i - \beta_u) + \log \sum_j \sigma(s_j - \beta_u)^{1/\tau}$, with cosines as scores;
    $\beta_u$, the user's threshold, carries no gradient here. The exponent $1/\tau$ stands outside the sigmoid, and the
    positive is not counted among the negatives. With $\beta_u \to \infty$ it is softmax at $\tau$.

    Gradient: $\partial \ell / \partial s_j = q_j \sigma(\beta_u - s_j)/\tau$ with q the softmax of
    $\log \sigma(s_j - \beta_u)/\tau$, and $\partial \ell / \partial s_i = -\sigma(\beta_u - s_i)/\tau$: what is far
    above the threshold, positive or negative, moves no more.

    The thresholds are learned beside the model by quantile regression: $\beta_u$ descends on
    $(1/M) [\sum_{i \in P_u} \rho(s_i - \beta_u) + \frac{M - |P_u|}{N} \sum_j \rho(s_j - \beta_u)]$ with
    $\rho(x) = (1 - K/M) [x]_+ + (K/M) [-x]_+$, scores held constant and M items. Its slope is K less the estimated
    number of items above $\beta_u$, over M, so $\beta_u$ settles where K items are above it. This term is left out of
    the value. Adam takes `threshold_rate` times the model's learning rate for it; published is 1e-3 in all.

    Published: $\tau$ searched in .05 to .3, best near .05 on Gowalla and at .1 to .15 on Beauty, Games and Electronics;
    K = 20, N = 1024. Without the threshold, $\beta = 0$, it is worse; the paper's gain over SL@K is largest where few
    negatives are drawn.

    What differs from the released code: there, all positives of a user enter $\rho$'s first sum in each row; here, the
    row's own positive does, $|P_u|$ times, which is the same on average over an epoch.

    Paper: Zhang, Yang, Chen, Wu, Sun, Wang, Shi, Wang. Talos: Optimizing Top-K Accuracy in Recommender Systems.
    WWW 2026, arXiv 2601.19276.
    """

    family = "top K"
    paper = "Zhang et al., WWW 2026, arXiv 2601.19276"
    divisible = True

    tau: float = param(0.1, "temperature", above=0, grid=(0.05, 0.1, 0.15, 0.2, 0.25, 0.3))
    k: int = param(20, "the K of the metric", at_least=1)
    threshold_rate: float = param(0.01, "learning rate of the thresholds, in that of the model", at_least=1e-6)

    def bind(self, train: Interactions, seed: int) -> None:
        """Start with the threshold 0 for every user: `threshold` (U,) holds thresholds over `threshold_rate`."""
        self.n_items = train.n_items
        self.count: Tensor
        self.register_buffer("count", torch.from_numpy(train.user_counts), persistent=False)  # (U,)
        self.threshold = parameter(torch.zeros(train.n_users), self.threshold_rate)  # (U,)

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example, with the slope of the quantile regression for its threshold."""
        threshold = descend(self.threshold, self.threshold_rate)[s.user].to(s.pos)  # (B,)
        fixed = threshold.detach()  # (B,)
        lead = s.neg - fixed[:, None]  # (B, N)
        loss = log_sum_exp(logsigmoid(lead) / self.tau) - logsigmoid(s.pos - fixed) / self.tau  # (B,)
        return loss + self.slope(s, lead > 0, s.pos > fixed) * (threshold - fixed)  # (B,)

    @torch.no_grad()
    def slope(self, s: Scores, neg_above: Tensor, pos_above: Tensor) -> Tensor:
        """Return the slope (B,) of the quantile regression, given which scores are above their thresholds."""
        count = self.count[s.user].to(s.pos)  # (B,)
        each = (self.n_items - count) / s.neg.shape[1]  # (B,) items that a negative stands for
        above = count * pos_above + each * neg_above.sum(dim=1)  # (B,)
        return (self.k - above) / self.n_items  # (B,)
