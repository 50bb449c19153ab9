"""SogCLR, softmax whose normaliser is averaged over steps."""

import math

import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param
from rankbench.rowwise import log_mean_by_group, log_sum_exp


class SogCLR(Loss):
    r"""SogCLR (global contrastive): softmax whose normaliser is a running average over the user's past steps.

    $\ell = -s_i/\tau + \hat g / g_u$, with cosines as scores and $\hat g = \mathrm{mean}_j e^{s_j/\tau}$. $g_u$ is
    $\hat g$ itself at the user's first step and $(1 - \gamma) g_u + \gamma \hat g$ from then on; it is updated before
    it is used and carries no gradient. A user who has several rows in a batch is updated once, by their mean, so the
    value depends on which rows share a batch.

    Gradient: $\partial \ell / \partial s_j = e^{s_j/\tau} / (N \tau g_u)$ and
    $\partial \ell / \partial s_i = -1/\tau$: that of softmax, were the negatives of many steps to normalise it. So
    with few negatives its gradient is less biased than softmax's. With $\gamma = 1$, and one row a user, the gradients
    are softmax's and the value is $1 - s_i/\tau$.

    The average is kept as its logarithm, since $e^{s/\tau}$ overflows at temperatures in use; a buffer stores it with
    the model. Published range of $\gamma$: .1 to .9. The original keeps an average for every anchor and contrasts views
    of an image; with users as anchors this is the form that was published for recommendation, in the benchmark of SL@K,
    whose code lets the last of several rows of a user win instead of their mean.

    Paper: Yuan, Wu, Qiu, Du, Zhang, Zhou, Yang. Provable Stochastic Optimization for Global Contrastive Learning: Small
    Batch Does Not Harm Performance. ICML 2022, arXiv 2202.12387.
    """

    family = "softmax"
    paper = "Yuan et al., ICML 2022, arXiv 2202.12387"

    tau: float = param(
        0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.05, 0.1, 0.15, 0.2, 0.25)
    )
    gamma: float = param(
        0.9, "weight of the newest step in the average", above=0, at_most=1, grid=(0.1, 0.3, 0.5, 0.7, 0.9)
    )

    def bind(self, train: Interactions, seed: int) -> None:
        r"""Start without averages: `log_average` (U,) is $\log g_u$, $-\infty$ before the first step of a user."""
        self.log_average: Tensor
        self.register_buffer("log_average", torch.full((train.n_users,), -math.inf))  # (U,)

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example; in training, update its user's average."""
        return self.normalised(s) - s.pos / self.tau  # (B,)

    def normalised(self, s: Scores) -> Tensor:
        r"""Return $\hat g / g_u$ (B,) with the average updated."""
        log_mean = log_sum_exp(s.neg / self.tau) - math.log(s.neg.shape[1])  # (B,)
        keep = self.training and torch.is_grad_enabled()
        return (log_mean - self.averaged(s.user, log_mean.detach(), keep)).exp()  # (B,)

    @torch.no_grad()
    def averaged(self, user: Tensor, log_mean: Tensor, keep: bool) -> Tensor:
        """Return the logarithm (B,) of each row's updated average and, if asked to, keep the averages."""
        new = log_mean_by_group(log_mean, user, len(self.log_average))  # (U,)
        old = self.log_average.to(new)  # (U,)
        stay = math.log1p(-self.gamma) if self.gamma < 1 else -math.inf
        mixed = torch.logaddexp(old + stay, new + math.log(self.gamma))  # (U,)
        average = torch.where(old.isinf(), new, mixed)  # (U,)
        if keep:
            self.log_average.copy_(torch.where(new.isnan(), old, average))
        return average[user]  # (B,)
