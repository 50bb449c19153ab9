"""LLPAUC, the lower-left partial area under the ROC curve."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.nn.functional import softplus

from rankbench.data.interactions import Interactions
from rankbench.losses import Loss, Scores, param
from rankbench.minimax import directed, parameter
from rankbench.params import Value
from rankbench.rowwise import softplus_and_slope

SCALARS = {
    "a": (1.0, 0.0, 1.0, 1.0),
    "b": (0.0, 0.0, 1.0, 1.0),
    "gamma": (0.0, -1.0, 1.0, 2.0),
    "s_pos": (0.5, -1.0, 4.0, 2.0),
    "s_neg": (0.5, 0.0, 5.0, 2.0),
    "theta_a": (0.5, 0.0, math.inf, 1.0),
    "theta_b": (0.5, 0.0, math.inf, 1.0),
}
"""The numbers that are learned beside the model: where each starts, its least and largest value, its rate."""

GAMMA = [*SCALARS].index("gamma")

CLIMBERS = ("gamma", "s_pos")
"""Those that climb."""


class LLPAUC(Loss):
    r"""LLPAUC (lower-left partial AUC): how well the best positives rank above the hardest negatives.

    With $f = \sigma(s)$, cosines as scores, $\ell^+ = (f_i - a)^2 - 2 (1 + \gamma) f_i$,
    $\ell^-_j = (f_j - b)^2 + 2 (1 + \gamma) f_j$ and $r(x) = \log(1 + e^{\kappa x})/\kappa$, a smooth $[x]_+$:

    $\ell = -s^+ - r(-\ell^+ - s^+)/\alpha + s^- + \mathrm{mean}_j r(\ell^-_j - s^-)/\beta - \gamma^2
    + \theta_a (a + \gamma) + \theta_b (\gamma + 1 - b)$.

    Seven scalars are learned beside the model. $a, b, s^-, \theta_a, \theta_b$ descend; $\gamma$ and $s^+$ climb, and
    with $s^-$ take twice the model's learning rate. All are kept in their bounds after each step. At their optimum
    $s^-$ leaves the hardest share $\beta$ of the negatives and $s^+$ the best share $\alpha$ of the positives;
    $a$, $b$, $\gamma$ turn the square of all pairs, $\mathrm{mean} (1 - (f_i - f_j))^2 - 1$, into a sum over single
    scores, to which the loss comes down at $\alpha = \beta = 1$ and $\kappa \to \infty$.

    `mode=min-max` is the paper's. `mode=min-min` is that of the benchmark of PSL and SL@K, whose authors found that
    climbing failed: $\gamma$ and $s^+$ descend as well, $\gamma$ is kept at $\max(-a, b - 1)$ or more, where $\ell^+$
    falls and $\ell^-$ rises with f, and $\theta_a$ and $\theta_b$ are free, so that falling without end they drive a
    and $\gamma$ to 1 and b to 0. The LLPAUC rows in their tables come from it.

    Published $(\alpha, \beta)$: (.7, .1) Adressa, (.9, .01) Yelp2018 and Amazon-Book, with N = 100 and inner products
    as scores; in the benchmark, with cosines, (.7, .01), Electronic (.5, .01). Weight decay, where it is asked for,
    pulls the scalars to 0 too, as in both released codes. In both, vectors start small (the benchmark's with a standard
    deviation of .01), hence Xavier's. In our first runs, at a learning rate of .1, `min-min` learnt nothing in five
    epochs from N(0, 1), while `min-max` learnt faster from it.

    Paper: Shi, Wang, Feng, Zhang, Wang, Wu, He. Lower-Left Partial AUC: An Effective and Efficient Optimization Metric
    for Recommendation. WWW 2024, arXiv 2403.00844.
    """

    family = "partial AUC"
    paper = "Shi et al., WWW 2024, arXiv 2403.00844"
    divisible = True
    recipe: ClassVar[Mapping[str, Value]] = {"init": "xavier"}

    alpha: float = param(
        0.7, "share of the positives, the best ones", above=0, at_most=1, grid=(0.1, 0.3, 0.5, 0.7, 0.9)
    )
    beta: float = param(0.01, "share of the negatives, the hardest ones", above=0, at_most=1, grid=(0.01, 0.1))
    kappa: float = param(5.0, "sharpness of the smooth [x]+", above=0)
    mode: str = param("min-max", "whether gamma and s+ climb or descend", choices=("min-max", "min-min"))

    def bind(self, train: Interactions, seed: int) -> None:
        """Create the scalars (), trained and stored with the model; each is held over its rate."""
        for name, (start, _, _, rate) in SCALARS.items():
            self.register_parameter(name, parameter(torch.tensor(start), rate))
        self.range: Tensor
        self.register_buffer("range", torch.tensor([*map(self.range_of, SCALARS)]).T, persistent=False)  # (4, 7)

    def range_of(self, name: str) -> tuple[float, float, float, float]:
        """Return least and largest value of what is stored of a scalar, its rate, and the sign of its direction."""
        _, low, high, rate = SCALARS[name]
        if self.mode == "min-min":
            return -math.inf if name.startswith("theta") else low / rate, high / rate, rate, 1
        return low / rate, high / rate, rate, -1 if name in CLIMBERS else 1

    def scalars(self, like: Tensor) -> tuple[Tensor, ...]:
        """Return the scalars () within their bounds, in the precision of `like`; in training, put them back first."""
        stored: list[Tensor] = [self.get_parameter(name) for name in SCALARS]  # () each
        if self.training and torch.is_grad_enabled():  # first, as what lies beyond its bounds has no gradient
            for place, value in zip(stored, self.within(torch.stack(stored).detach()), strict=True):
                place.data.copy_(value)
        _, _, rate, sign = self.range.to(like)  # (7,) each
        return directed(self.within(torch.stack(stored).to(like)), rate, sign).unbind()

    def within(self, stored: Tensor) -> Tensor:
        """Return what is stored of the scalars (7,), within their bounds."""
        low, high, rate, _ = self.range.to(stored)  # (7,) each
        bounded = stored.clamp(low, high)  # (7,)
        if self.mode == "min-max":
            return bounded
        a, b = bounded.detach()[:2]  # () each, of rate 1
        low = low.clone()  # (7,)
        low[GAMMA] = torch.maximum(-a, b - 1) / rate[GAMMA]
        return bounded.clamp(min=low)  # (7,)

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example; in training, the scalars that left their bounds are put back first."""
        a, b, gamma, s_pos, s_neg, theta_a, theta_b = self.scalars(s.pos)  # () each
        f_pos = torch.sigmoid(s.pos)  # (B,)
        slope = 2 * (1 + gamma)  # ()
        pos = (f_pos - a).square() - slope * f_pos  # (B,)
        best = -s_pos - softplus(-pos - s_pos, beta=self.kappa) / self.alpha  # (B,)
        excess: Tensor = _MeanExcess.apply(s.neg, slope - 2 * b, b.square() - s_neg, self.kappa)  # type: ignore[no-untyped-call]
        hardest = s_neg + excess / self.beta  # (B,)
        return best + hardest - gamma.square() + theta_a * (a + gamma) + theta_b * (gamma + 1 - b)  # (B,)


class _MeanExcess(torch.autograd.Function):
    """The mean (B,) of r(f^2 + linear f + constant) over negatives (B, N), with its gradient in few passes."""

    @staticmethod
    def forward(ctx: Any, neg: Tensor, linear: Tensor, constant: Tensor, kappa: float) -> Tensor:
        f = torch.sigmoid(neg)  # (B, N)
        steep = torch.add(kappa * linear, f, alpha=kappa)  # (B, N)
        total, slope = softplus_and_slope(torch.addcmul(kappa * constant, f, steep))  # (B,), (B, N)
        of_linear, of_constant = torch.linalg.vecdot(slope, f), slope.sum(dim=1)  # (B,), (B,)
        slope *= steep.add_(f, alpha=kappa)  # (B, N)
        slope *= f.addcmul_(f, f, value=-1)  # (B, N)
        ctx.save_for_backward(slope, of_linear, of_constant)
        ctx.kappa = kappa
        return total / (kappa * neg.shape[1])  # (B,)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None]:
        of_neg, of_linear, of_constant = ctx.saved_tensors  # (B, N), (B,), (B,)
        share = grads[0] / of_neg.shape[1]  # (B,)
        return of_neg * (share / ctx.kappa)[:, None], of_linear @ share, of_constant @ share, None
