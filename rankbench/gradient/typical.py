"""Scores at rest: those of a model that has been trained, as normal quantiles, so that nothing in them is chance."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.losses import Epoch, Lists, Scores

POSITIVE, NEGATIVE, SPREAD = 0.3, -0.1, 0.17
"""Cosine of the middle positive, mean and standard deviation of those of the negatives; matrix factorisation with
softmax reaches .28 ± .17 and -.09 ± .17 on online-retail."""

OF_USERS, OF_ITEMS = 0.1, 0.14
"""Standard deviations of positives: of the users' means, and about their mean; together .17."""

LENGTHS = 5.0
"""Product of the lengths of user and item vector where scores are inner products: 4.7 with BPR on online-retail."""

USERS, POSITIVES = 33, 11
"""Users, and train items of each; both odd, so that the first example can have the median positive."""

LEAST_ITEMS = 1000
"""Items that are no positive of a user, at least."""


def quantiles(n: int) -> Tensor:
    """Return n quantiles (n,) float64 of the normal distribution, ascending, those in the middle of n equal parts."""
    out: Tensor = torch.special.ndtri((torch.arange(n, dtype=torch.float64) + 0.5) / n)  # (n,)
    return out


def middle_first(x: Tensor) -> Tensor:
    """Return an odd number of sorted values (n,) with the median in the first place and the others after it."""
    return x.roll(-(len(x) // 2))  # (n,)


@dataclass(frozen=True)
class Typical:
    """A model at rest, and the examples that a loss sees of it.

    Args:
        negatives: N of an example.
        score: what scores are, "cosine" or "dot".
    """

    negatives: int
    score: Literal["cosine", "dot"] = "cosine"

    @property
    def scale(self) -> float:
        """What cosines are multiplied by."""
        return LENGTHS if self.score == "dot" else 1.0

    @property
    def irrelevant(self) -> int:
        """Items that are no positive of a user."""
        return max(self.negatives, LEAST_ITEMS)

    @cached_property
    def train(self) -> Interactions:
        """The train set: `POSITIVES` items of each of `USERS` users."""
        n_items = self.irrelevant + POSITIVES
        user = np.repeat(np.arange(USERS), POSITIVES)  # (nnz,)
        return Interactions.from_pairs(user, np.arange(len(user)) % n_items, USERS, n_items)

    @cached_property
    def others(self) -> Tensor:
        """(U, I - P) int64, the items that are no positive of each user."""
        owned = torch.from_numpy(self.train.relevant(np.arange(USERS)))  # (U, I)
        return (~owned).nonzero()[:, 1].view(USERS, self.irrelevant)  # (U, I - P)

    @cached_property
    def table(self) -> Tensor:
        """(U, I) float64, the scores of all items; the first user's first train item has the median positive score."""
        generator = torch.Generator().manual_seed(0)
        positive = OF_USERS * middle_first(quantiles(USERS))[:, None] + OF_ITEMS * middle_first(quantiles(POSITIVES))
        order = torch.rand(self.others.shape, generator=generator).argsort(dim=1)  # (U, I - P)
        out = torch.empty(USERS, self.train.n_items, dtype=torch.float64)  # (U, I)
        out.scatter_(1, self.others, self.resting(self.irrelevant)[order])
        out.scatter_(1, self.own, (POSITIVE + positive) * self.scale)
        return out

    @cached_property
    def own(self) -> Tensor:
        """(U, P) int64, the train items of each user."""
        return torch.from_numpy(self.train.items.astype(np.int64)).view(USERS, POSITIVES)  # (U, P)

    @cached_property
    def similarity(self) -> Tensor:
        """(U, N) float64, the cosine of the positive's and each negative's vector."""
        order = torch.rand(self.negatives - 1, generator=torch.Generator().manual_seed(1)).argsort()  # (N - 1,)
        rest = quantiles(self.negatives - 1)[order]  # (N - 1,)
        return (SPREAD * torch.cat([rest.new_zeros(1), rest])).expand(USERS, -1)  # (U, N)

    def resting(self, n: int) -> Tensor:
        """Return the scores (n,) of n negatives at rest, ascending."""
        return (NEGATIVE + SPREAD * quantiles(n)).clamp(-1, 1) * self.scale  # (n,)

    def example(self, moving: float) -> Scores:
        """Return a batch whose first example's first negative has the score `moving`.

        The examples differ in their user and positive. Each has the same N - 1 negatives at rest after the first, which
        has the mean score in the other examples.
        """
        N = self.negatives
        neg = torch.cat([torch.tensor([NEGATIVE * self.scale]).double(), self.resting(N - 1)]).repeat(
            USERS, 1
        )  # (U, N)
        neg[0, 0] = moving
        pos = self.table.gather(1, self.own[:, :1])[:, 0]  # (U,)
        return self.scores(pos, neg, self.own[:, 0], self.others[:, :N])

    def lists(self, moving: float) -> Lists:
        """Return all scores of all users; the first user's first irrelevant item has the score `moving`."""
        score = self.table.clone()  # (U, I)
        first = torch.tensor([moving], dtype=torch.float64)  # (1,)
        score[0, self.others[0]] = torch.cat([first, self.resting(self.irrelevant - 1)])
        return self.all_scores(score)

    def drawn(self, generator: torch.Generator) -> Scores:
        """Return a batch of one example a user: a train item and N fresh negatives."""
        pos_item = self.own[torch.arange(USERS), torch.randint(POSITIVES, (USERS,), generator=generator)]  # (U,)
        neg_item = self.draw(torch.arange(USERS), generator)  # (U, N)
        pos, neg = self.table.gather(1, pos_item[:, None])[:, 0], self.table.gather(1, neg_item)  # (U,), (U, N)
        return self.scores(pos, neg, pos_item, neg_item)

    def draw(self, user: Tensor, generator: torch.Generator) -> Tensor:
        """Return N fresh negatives (b, N) int64 of each user (b,)."""
        place = torch.randint(self.irrelevant, (len(user), self.negatives), generator=generator)  # (b, N)
        return self.others[user].gather(1, place)  # (b, N)

    def epoch(self, number: int, generator: torch.Generator) -> Epoch:
        """Return what a loss may look at before an epoch."""
        return Epoch(
            number,
            self.train,
            draw=lambda user: self.draw(user, generator).int(),
            score=lambda user, item: self.table[user].gather(1, item.long()),
        )

    def scores(self, pos: Tensor, neg: Tensor, pos_item: Tensor, neg_item: Tensor) -> Scores:
        """Return a batch of one example a user with gradients.

        Draws are uniform. The similarity of negatives to the positive is spread as scores are, but has nothing to do
        with them; the first negative has the mean.
        """
        return Scores(
            pos.clone().requires_grad_(),
            neg.clone().requires_grad_(),
            torch.arange(USERS),
            pos_item,
            neg_item.int(),
            measure_similarity=self.similarity.clone,
            log_q=lambda item: torch.full(item.shape, -math.log(self.irrelevant), dtype=torch.float64),
        )

    def all_scores(self, score: Tensor) -> Lists:
        """Return lists of all users with gradients."""
        relevant = torch.from_numpy(self.train.relevant(np.arange(USERS)))  # (U, I)
        return Lists(score.clone().requires_grad_(), relevant, torch.arange(USERS))
