"""SL, the sampled softmax loss."""

import math

import torch
from torch import Tensor
from torch.nn.functional import softplus

from rankbench.errors import UserError
from rankbench.losses import LogSumExp, Loss, Scores, param
from rankbench.params import Value
from rankbench.rowwise import log_sum_exp_of_gaps


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

    `logq` corrects for a sampler that does not draw uniformly, with $q_j$ the probability of a draw:

    - `standard`: $\log q$ is taken off every logit, the positive's too, and the positive counts (Yi et al., RecSys
      2019): $\ell = \log(1 + \sum_j e^{d_j/\tau} q_i/q_j)$. If $q$ is uniform it is `incl=true`. The positive
      counts $1/(N q_i)$ times.
    - `refined`: the positive is not drawn, so it is not corrected and leaves the denominator (Khrylchenko et al.,
      RecSys 2025, arXiv 2507.09331, in our derivation from its abstract):
      $\ell = (1 - P_i) \log [(1/N) \sum_j e^{d_j/\tau} / q_j]$, where $P_i$, the probability that the model gives
      the positive by the same estimate, carries no gradient. The gradient is that of softmax over all items, estimated
      by importance sampling, and also that of $\log(1 + (1/N) \sum_j e^{d_j/\tau} / q_j)$.

    `rho` weakens the pull on the positive, $\ell = -\rho s_i/\tau + \log \sum_j e^{s_j/\tau}$: an ablation, which did
    what SL@K does in our first runs. Up to a factor it is `bsl:mode=ratio` with ratio $1/\rho$.

    Published optimum $\tau$ (cosine): .2 Health, .2 Electronic, .1 Gowalla, .05 Book, .1 Movie; under popularity shift
    .1 CD, .1 Yelp2018, .05 Gowalla. The PSL paper halves the cosine and prints half of these values.

    Paper: Wu, Wang, Gao, Chen, Fu, Qiu. On the Effectiveness of Sampled Softmax Loss for Item Recommendation.
    TOIS 2024, arXiv 2201.02327.

    Raises:
        UserError: more than one of `incl`, `logq` and `rho` is given.
    """

    family = "softmax"
    paper = "Wu et al., TOIS 2024, arXiv 2201.02327"
    divisible = True

    tau: float = param(
        0.15, "temperature; smaller weighs hard negatives more", above=0, grid=(0.05, 0.1, 0.15, 0.2, 0.25)
    )
    incl: bool = param(False, "count the positive in the denominator")
    logq: str = param("none", "correction for the sampler", choices=("none", "standard", "refined"))
    rho: float = param(1.0, "weight of the pull on the positive; .6 to 1", above=0)

    def __init__(self, **values: Value) -> None:
        super().__init__(**values)
        given = [name for name in ("incl", "logq", "rho") if getattr(self, name) != self.params[name].default]
        if len(given) > 1:
            raise UserError(
                f"softmax: {' and '.join(given)} do not go together.", "Each is another form of the loss; give one."
            )

    def as_log_sum_exp(self, s: Scores) -> LogSumExp | None:
        """Return the sharpness of the plain form."""
        plain = self.rho == 1 and not self.incl and self.logq == "none"
        return LogSumExp(1 / self.tau) if plain else None

    def forward(self, s: Scores) -> Tensor:
        """Return the log-sum-exp (B,) of the gaps of each positive, in the chosen form."""
        if self.logq != "none":
            return self.corrected(s)  # (B,)
        loss = log_sum_exp_of_gaps(s.neg, s.pos, 1 / self.tau)  # (B,)
        if self.rho != 1:
            return loss + (1 - self.rho) / self.tau * s.pos  # (B,)
        return softplus(loss) if self.incl else loss  # (B,)

    def corrected(self, s: Scores) -> Tensor:
        """Return the loss (B,), corrected for how probable each draw was.

        No draw is the positive, so its probability needs no rescaling to the other items.
        """
        loss = log_sum_exp_of_gaps(s.neg, s.pos, 1 / self.tau, -s.log_q(s.neg_item))  # (B,)
        if self.logq == "standard":
            return softplus(loss + s.log_q(s.pos_item[:, None])[:, 0])  # (B,)
        lead = loss - math.log(s.neg.shape[1])  # (B,)
        return torch.sigmoid(lead.detach()) * lead  # (B,)
