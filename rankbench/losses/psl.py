"""PSL, the pairwise softmax loss."""

import math

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid, softplus

from rankbench.losses import Loss, Scores, param
from rankbench.rowwise import log_sum_exp

LOWEST = -1 + 1e-6
"""Where `relu` and `atan` are cut off: the logarithm of 1 + x has no finite gradient at x = -1."""


class PSL(Loss):
    r"""PSL (pairwise softmax): softmax whose exponential is replaced by a flatter activation of the pairwise gap.

    $\ell = \log \sum_j \sigma(\delta_j)^{1/\tau}$, with $\delta_j = (s_j - s_i) / 2$ and cosines as scores, so that
    $\delta$ lies in [-1, 1]. Activations:

    - `relu`: $\sigma(\delta) = \max(1 + \delta, 0)$, cut off at 1e-6;
    - `atan`: $\sigma(\delta) = 1 + \arctan \delta$, cut off likewise;
    - `tanh`: $\sigma(\delta) = 1 + \tanh \delta$;
    - `softplus`: $\sigma(\delta) = 1 + e^\delta$, above the exponential: looser than softmax and worse than it in every
      published table, for comparison;
    - `exp`: $\sigma(\delta) = e^\delta$, which is softmax at temperature $2\tau$.

    The first three lie between the step function and $e^\delta$ on [-1, 1], so over all items
    $-\log DCG + \log |P_u| \le$ mean PSL $\le$ mean softmax at $2\tau$: a tighter bound than softmax's, and a very
    wrong pair (perhaps a false negative) weighs less. The exponent $1/\tau$ stands outside the activation; inside, the
    loss is much worse.

    Published optimum $\tau$ (relu): .1 Health, .1 Electronic, .05 Gowalla, .025 Book; under popularity shift .05 CD,
    .05 Electronic, .025 Gowalla, .025 Yelp2018; searched in {.005, .0125, .025, .05, .1, .25}. `relu` is best in almost
    every published cell, and "PSL" without an activation means it. Because of the halved cosine these temperatures are
    half of softmax's. Code that takes the logarithm of a plain relu gets NaN gradients where rounding makes it 0.

    Paper: Yang, Chen, Xin, Zhou, Hu, Feng, Chen, Wang. PSL: Rethinking and Improving Softmax Loss from Pairwise
    Perspective for Recommendation. NeurIPS 2024, arXiv 2411.00163.
    """

    family = "softmax"
    paper = "Yang et al., NeurIPS 2024, arXiv 2411.00163"
    divisible = True

    tau: float = param(
        0.075,
        "temperature, about half of softmax's",
        above=0,
        grid=(0.025, 0.05, 0.075, 0.1, 0.125),
    )
    activation: str = param(
        "relu", "what replaces the exponential", choices=("relu", "atan", "tanh", "softplus", "exp")
    )

    def forward(self, s: Scores) -> Tensor:
        """Return the log-sum-exp (B,) of the activated gaps of each positive."""
        half = torch.add(s.pos[:, None] * -0.5, s.neg, alpha=0.5)  # (B, N)
        return log_sum_exp(self.log_activation(half) / self.tau)  # (B,)

    def log_activation(self, half: Tensor) -> Tensor:
        r"""Return $\log \sigma(\delta)$ of the halved gaps, in their shape."""
        match self.activation:
            case "relu":
                return half.clamp_min(LOWEST).log1p()
            case "atan":
                return half.atan().clamp_min(LOWEST).log1p()
            case "tanh":
                return math.log(2) + logsigmoid(2 * half)
            case "softplus":
                return softplus(half)
            case _:
                return half
