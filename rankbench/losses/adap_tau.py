"""Adap-tau, softmax whose temperatures follow from the data and from how hard each user is."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.losses import Epoch, Loss, Scores, param
from rankbench.rowwise import log_sum_exp_of_gaps

BLOCK = 1024
"""Users whose negatives are scored at a time."""

WARM_SPREAD = 0.7
"""What the spread of the scores is taken to be during warm-up."""

LEAST_SPREAD = 0.1
"""Least spread of the scores to divide by, so that a model that has learnt nothing has a temperature."""


class AdapTau(Loss):
    r"""Adap-tau (adaptive temperature): softmax with a temperature for each user that is computed, not searched.

    $\ell = -s_i/\tau_0 + \log \sum_j e^{s_j/\tau_u}$, with cosines as scores. `positive=user` takes $\tau_u$ for the
    positive too, $\ell = \log \sum_j e^{d_j/\tau_u}$ with $d_j = s_j - s_i$, which is the natural form; the published
    figures come from code that has $\tau_0$ there, so that a positive is pulled by $1/\tau_0$ and its negatives are
    pushed by $1/\tau_u$ in all.

    The common temperature: with U' the users who have more positives than a fifth of the users have (all users, if
    nobody has), D' their interactions and M items,
    $1/\tau_0 = \log [|U'| M / (2 |D'|)] / [\mathrm{mean}_{D'} s_i - \mathrm{mean}_{U'} \mathrm{mean}_k s_k]$, where k
    runs over all items. During the first `warmup` epochs the denominator, the spread of the scores, is taken to be .7.

    A user's temperature: $1/\tau_u = (1/\tau_0) \exp(-W(\max[(L_u - m)/\beta, -1/e]))$, where $L_u$ is the user's mean
    softmax loss at temperature 1, m the mean of all $L_u$ or their quantile, and W solves $W e^W = x$. So a harder
    user has a higher temperature, and users who are all alike have $\tau_0$: then this is softmax. No temperature
    carries a gradient.

    Published: $\beta$ = .25 with the .9-quantile on Gowalla, 1 and 1.5 with the mean on Yelp2018 and Amazon, N = 1024,
    batches of 2048; the spread was fixed for 100 epochs, at a learning rate that needs many more epochs than ours.

    What is ours: the released code averages $L_u$ over the batches of the last epoch; this one scores all positives and
    N fresh negatives of each user before each epoch, takes the mean over all items from the same scores, and does not
    let the spread fall below .1. In the first epoch all users have $\tau_0$.

    Paper: Chen, Wu, Wu, Zhou, Cao, He. Adap-tau: Adaptively Modulating Embedding Magnitude for Recommendation.
    WWW 2023, arXiv 2302.04775.

    Raises:
        UserError: the train set is so dense, about a half of all pairs, that $1/\tau_0$ would not be positive.
    """

    family = "softmax"
    paper = "Chen et al., WWW 2023, arXiv 2302.04775"
    divisible = True

    beta: float = param(
        1.0, "loss by which a user's temperature moves; smaller moves more", above=0, grid=(0.25, 0.5, 1.0, 1.5, 2.0)
    )
    quantile: float = param(
        0.0, "quantile of the users' losses at which a user has tau_0; 0: their mean", at_least=0, at_most=1
    )
    positive: str = param("common", "temperature of the positive", choices=("common", "user"))
    warmup: int = param(10, "epochs in which the spread of the scores is fixed", at_least=0)

    def bind(self, train: Interactions, seed: int) -> None:
        r"""Start with $\tau_0$ for all: buffers are $1/\tau_0$, `common` (), and $1/\tau_u$, `sharpness` (U,)."""
        common = torch.tensor(log_odds(train) / WARM_SPREAD)  # ()
        self.common: Tensor
        self.sharpness: Tensor
        self.register_buffer("common", common)  # ()
        self.register_buffer("sharpness", common.repeat(train.n_users))  # (U,)

    def refresh(self, epoch: Epoch) -> None:
        """Set all temperatures anew before every epoch but the first."""
        if epoch.number == 0:
            return
        train = epoch.train
        pos, neg, log_sum = observe(epoch, self.sharpness.device)  # (U,) each
        spread = WARM_SPREAD
        if epoch.number >= self.warmup:
            spread = max(spread_of(train, pos, neg), LEAST_SPREAD)
        common = log_odds(train) / spread
        known = train.user_counts > 0  # (U,)
        loss = log_sum[known] - (pos[known] / train.user_counts[known])  # (V,)
        middle = np.quantile(loss, self.quantile) if self.quantile else loss.mean()
        factor = np.ones(train.n_users)  # (U,)
        factor[known] = np.exp(-lambert_w(np.maximum((loss - middle) / self.beta, -math.exp(-1))))  # (V,)
        self.common.fill_(common)
        self.sharpness.copy_(torch.from_numpy(common * factor))

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example at its user's temperature."""
        sharpness = self.sharpness[s.user]  # (B,)
        if self.positive == "user":
            return log_sum_exp_of_gaps(s.neg, s.pos, sharpness)  # (B,)
        return log_sum_exp_of_gaps(s.neg, torch.zeros_like(s.pos), sharpness) - s.pos * self.common  # (B,)


def busy(train: Interactions) -> NDArray[np.bool_]:
    """Return which users (U,) have more interactions than a fifth of them have; all with any, if nobody has more."""
    count = train.user_counts  # (U,)
    above = count > np.quantile(count, 0.2)  # (U,)
    return above if above.any() else count > 0  # (U,)


def log_odds(train: Interactions) -> float:
    """Return the numerator of the common sharpness; raise UserError where it is not positive."""
    chosen = busy(train)  # (U,)
    pairs = max(int(train.user_counts[chosen].sum()), 1)
    ratio = int(chosen.sum()) * train.n_items / (2 * pairs)
    if ratio <= 1:
        raise UserError(
            f"adap-tau has no temperature for a train set with {1 / (2 * ratio):.0%} of all pairs.",
            "Its formula needs data in which users know less than half of the items; use softmax.",
        )
    return math.log(ratio)


def observe(epoch: Epoch, device: torch.device) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return of each user (U,) the summed scores of the positives, and mean and log-sum-exp of N negatives' scores."""
    train, U = epoch.train, epoch.train.n_users
    pos, neg, log_sum = np.zeros(U), np.zeros(U), np.zeros(U)  # (U,) each
    for start in range(0, len(train), BLOCK * BLOCK):
        user = train.users[start : start + BLOCK * BLOCK]  # (n,)
        item = torch.from_numpy(train.items[start : start + BLOCK * BLOCK])[:, None].to(device)  # (n, 1)
        found = epoch.score(torch.from_numpy(user.astype(np.int64)).to(device), item)[:, 0]  # (n,)
        pos += np.bincount(user, weights=found.double().cpu().numpy(), minlength=U)  # (U,)
    for start in range(0, U, BLOCK):
        where = torch.arange(start, min(start + BLOCK, U), device=device)  # (b,)
        score = epoch.score(where, epoch.draw(where)).double()  # (b, N)
        neg[start : start + BLOCK] = score.mean(dim=1).cpu().numpy()  # (b,)
        log_sum[start : start + BLOCK] = torch.logsumexp(score, dim=1).cpu().numpy()  # (b,)
    return pos, neg, log_sum


def spread_of(train: Interactions, pos: NDArray[np.float64], neg: NDArray[np.float64]) -> float:
    """Return how far positives lie above the mean over all items, given sums (U,) of positives, means of negatives."""
    chosen, count = busy(train), train.user_counts  # (U,) each
    all_items = (pos + (train.n_items - count) * neg) / train.n_items  # (U,)
    return float(pos[chosen].sum() / count[chosen].sum() - all_items[chosen].mean())


def lambert_w(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the principal solution w of w exp(w) = x, for x of at least -1/e."""
    p = np.sqrt(np.maximum(2 * (math.e * x + 1), 0))  # (V,) distance from the branch point
    log = np.log1p(np.maximum(x, 0))  # (V,)
    w = np.where(x < 0, -1 + p - p**2 / 3 + p**3 * (11 / 72), log * (1 - np.log1p(log) / (2 + log)))  # (V,)
    for _ in range(6):  # Halley's method; the series is exact enough where it would divide by nearly 0
        exponential = np.exp(w)  # (V,)
        error, above = w * exponential - x, np.maximum(w + 1, 1e-4)  # (V,)
        step = error / (exponential * above - (w + 2) * error / (2 * above))  # (V,)
        w = np.where(w > -1 + 1e-4, w - step, w)  # (V,)
    return np.asarray(w)
