"""SONG, a surrogate of NDCG whose ranks are averaged over steps, and SONG@K for NDCG@K."""

import math

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.errors import UserError
from rankbench.losses import Loss, Scores, param
from rankbench.params import Value

SHARPNESS = 2.0
"""How fast a positive counts for NDCG@K as it passes its user's threshold, a."""

SMOOTHING, SHRINKAGE = 0.01, 1e-4
"""Temperature of the count of items above a threshold, and its pull to 0: tau_1 and tau_2."""

FIRST_STEPS = 0.9
"""Weight of the newest step in the average of the curvature, gamma_1."""


class SONG(Loss):
    r"""SONG (stochastic NDCG): the gradient of a smooth NDCG whose ranks are running averages for each pair.

    With g the mean of $\max(m + s_x - s_i, 0)^2$ over the list of the positive itself and its N negatives, cosines as
    scores, M g is a smooth rank among M items. For each interaction an average of it is kept,
    $v \leftarrow (1 - \gamma_0) v + \gamma_0 g$, from 0 on and updated before it is used, and

    $\ell = c g / \mathrm{IDCG}_u$ with $c = M / [\log_2^2(1 + M v) (1 + M v) \ln 2]$,

    the derivative of $-1/\log_2(1 + M g)$ at g = v, without gradient: what counts is the gradient of $\ell$, not its
    value. With $\gamma_0 = 1$ it is the gradient of the smooth NDCG itself. $\mathrm{IDCG}_u$ is the best DCG of the
    user; the factor $|P_u|$ of the paper is that an epoch has $|P_u|$ rows of the user.

    `k` > 0 is SONG@K (K-SONG), for NDCG@K. A threshold for each user, $\lambda_u$, descends towards the K-th largest
    score, $\lambda_u \leftarrow \lambda_u - \eta (K/M + \tau_2 \lambda_u - \mathrm{mean}_x
    \sigma((s_x - \lambda_u)/\tau_1))$ with $\tau_1 = .01$, $\tau_2 = 10^{-4}$, one step a batch, and c is multiplied by
    $\psi = \sigma(2 (s_i - \lambda_u))$ with the threshold before its step, without gradient; the best DCG is that of K
    places. That is `version=practical`. `version=theoretical` adds the gradient of $\psi$, in which $\lambda_u$ moves
    with the scores: $\psi' f (s_i - \mathrm{mean}_x h_x s_x / H_u) / \mathrm{IDCG}_u$ with $f = -1/\log_2(1 + M v)$,
    $h_x$ the derivative of the sigmoid above and $H_u$ the running average, of weight .9, of its mean plus $\tau_2$;
    then the value depends on which rows share a batch. The released code leaves the factor 2 out of $\psi'$.

    Published: $\gamma_0$ of .1 to .9, mostly .1; $\eta$ of 1e-4 to 1e-1, best 1e-3; learning rate .1. It is weak in the
    tables of SL@K, whose released benchmark has no code for it: .0650 on Health with matrix factorisation, where this
    and a re-implementation by others have .115. The original has several positives of a user in a list, this has one.

    Paper: Qiu, Hu, Zhong, Zhang, Yang. Large-scale Stochastic Optimization of NDCG Surrogates for Deep Learning with
    Provable Convergence. ICML 2022, arXiv 2202.12183.

    Raises:
        UserError: `threshold_step` or `version` is given without `k`.
    """

    family = "listwise"
    paper = "Qiu et al., ICML 2022, arXiv 2202.12183"
    divisible = True

    k: int = param(0, "the K of NDCG@K; 0: all places", at_least=0)
    gamma0: float = param(
        0.1, "weight of the newest step in the average of a pair", above=0, at_most=1, grid=(0.1, 0.3, 0.5, 0.7, 0.9)
    )
    margin: float = param(1.0, "by how much a negative should be below the positive, m", above=0)
    threshold_step: float = param(0.001, "step of the thresholds, eta; read with k only", above=0)
    version: str = param("practical", "form of SONG@K; read with k only", choices=("practical", "theoretical"))

    def __init__(self, **values: Value) -> None:
        super().__init__(**values)
        for name in ("threshold_step", "version"):
            if not self.k and getattr(self, name) != self.params[name].default:
                raise UserError(f"song: {name} has no effect without k.", self.params["k"].describe())

    def bind(self, train: Interactions, seed: int) -> None:
        """Start all averages and thresholds at 0: `average` (nnz,), `threshold` (U,) and `curvature` (U,) are stored.

        A pair that is no interaction of the train set has no average to keep and starts from 0 each time.
        """
        self.n_items = train.n_items
        place = np.minimum(train.user_counts, self.k) if self.k else train.user_counts  # (U,)
        best = np.cumsum(1 / np.log2(2 + np.arange(max(place.max(initial=0), 1))))  # (P,)
        self.pair: Tensor
        self.best: Tensor
        self.average: Tensor
        self.threshold: Tensor
        self.curvature: Tensor
        pair = train.users.astype(np.int64) * train.n_items + train.items  # (nnz,) ascending
        self.register_buffer("pair", torch.from_numpy(pair), persistent=False)  # (nnz,)
        self.register_buffer("best", torch.from_numpy(best[np.maximum(place, 1) - 1]).float(), persistent=False)  # (U,)
        self.register_buffer("average", torch.zeros(len(train)))  # (nnz,)
        if self.k:
            self.register_buffer("threshold", torch.zeros(train.n_users))  # (U,)
            self.register_buffer("curvature", torch.zeros(train.n_users))  # (U,)

    def measure(self, s: Scores) -> Tensor:
        """Return of each example (B, 1 to 3) g and, for NDCG@K, means over its list that its user's state follows."""
        s.kept["rank"] = self.rank(s)  # (B,)
        found = [s.kept["rank"]]
        if self.k:
            pos, neg = self.above(s)  # (B,), (B, N)
            found.append(mean_of_list(pos, neg))
            if self.version == "theoretical":
                bends = s.kept["pos_bend"], s.kept["neg_bend"] = bend(pos), bend(neg)  # (B,), (B, N)
                found.append(SHRINKAGE + mean_of_list(*bends))
        return torch.stack(found, dim=1)  # (B, 1 to 3)

    def settle(self, user: Tensor, pos_item: Tensor, measured: Tensor) -> Tensor:
        """Return average, threshold before its step and curvature (B, 1 to 3); in training, keep what has moved."""
        keep = self.training and torch.is_grad_enabled()
        g, *of_list = measured.unbind(dim=1)  # (B,) each
        found = [self.averaged(user, pos_item, g, keep)]
        if self.k:
            found.append(self.threshold[user].to(g))
            if self.version == "theoretical":
                old, new = self.curvature.to(g)[user], self.mean_of_user(user, of_list[1])  # (B,), (B,)
                found.append((1 - FIRST_STEPS) * old + FIRST_STEPS * new)
            if keep:
                self.move(user, found, of_list[0])
        return torch.stack(found, dim=1)  # (B, 1 to 3)

    def forward(self, s: Scores) -> Tensor:
        """Return the loss (B,) of each example; in training, update averages and thresholds."""
        average, *of_user = self.settled(s).unbind(dim=1)  # (B,) each
        v, best = average * self.n_items, self.best[s.user].to(average)  # (B,), (B,)
        loss = self.n_items * math.log(2) / (v.log1p().square() * (1 + v)) * s.kept["rank"]  # (B,)
        if self.k:
            inside = torch.sigmoid(SHARPNESS * (s.pos.detach() - of_user[0]))  # (B,)
            loss = inside * loss  # (B,)
            if self.version == "theoretical":
                change = SHARPNESS * inside * (1 - inside) * (-math.log(2) / v.log1p())  # (B,)
                follow = mean_of_list(s.kept["pos_bend"] * s.pos, s.kept["neg_bend"] * s.neg) / of_user[1]  # (B,)
                loss = loss + change * (s.pos - follow)  # (B,)
        return loss / best  # (B,)

    def rank(self, s: Scores) -> Tensor:
        """Return g (B,), the smooth rank of each positive over the number of items."""
        hinge = (s.neg - (s.pos - self.margin)[:, None]).relu()  # (B, N)
        return (hinge.square().sum(dim=1) + self.margin**2) / (s.neg.shape[1] + 1)  # (B,)

    @torch.no_grad()
    def above(self, s: Scores) -> tuple[Tensor, Tensor]:
        """Return how far positives (B,) and negatives (B, N) count as above their thresholds, from 0 to 1."""
        threshold = self.threshold[s.user]  # (B,)
        pos = torch.sigmoid((s.pos - threshold) / SMOOTHING)  # (B,)
        return pos, torch.sigmoid((s.neg - threshold[:, None]).div_(SMOOTHING))  # (B,), (B, N)

    def averaged(self, user: Tensor, pos_item: Tensor, g: Tensor, keep: bool) -> Tensor:
        """Return the updated averages (B,) of the pairs and, if asked to, keep them."""
        pair = user * self.n_items + pos_item  # (B,)
        place = torch.searchsorted(self.pair, pair).clamp_max(len(self.pair) - 1)  # (B,)
        known = self.pair[place] == pair  # (B,)
        old = torch.where(known, self.average[place], 0).to(g)  # (B,)
        average = (1 - self.gamma0) * old + self.gamma0 * g  # (B,)
        if keep:
            self.average[place[known]] = average[known].to(self.average)
        return average

    def move(self, user: Tensor, found: list[Tensor], count: Tensor) -> None:
        """Keep the curvatures of the batch's users and take a step with their thresholds."""
        threshold = found[1]  # (B,)
        slope = self.k / self.n_items + SHRINKAGE * threshold - self.mean_of_user(user, count)  # (B,)
        self.threshold[user] = (threshold - self.threshold_step * slope).to(self.threshold)
        if self.version == "theoretical":
            self.curvature[user] = found[2].to(self.curvature)

    def mean_of_user(self, user: Tensor, x: Tensor) -> Tensor:
        """Return the mean (B,) of x (B,) over the rows of each row's user."""
        total = x.new_zeros(len(self.best)).index_add(0, user, x)  # (U,)
        rows = torch.bincount(user, minlength=len(self.best))  # (U,)
        return total[user] / rows[user]  # (B,)


def bend(count: Tensor) -> Tensor:
    """Return the derivative, by the score, of how far it counts as above, in its shape."""
    return count * (1 - count) / SMOOTHING


def mean_of_list(pos: Tensor, neg: Tensor) -> Tensor:
    """Return the mean (B,) over lists of one positive (B,) and its negatives (B, N)."""
    return (pos + neg.sum(dim=1)) / (neg.shape[1] + 1)  # (B,)
