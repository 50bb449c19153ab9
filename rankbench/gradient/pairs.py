"""The positive pairs that a loss on vectors sees, with one cosine that moves along the sphere."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from rankbench.data.interactions import Interactions
from rankbench.gradient.typical import LENGTHS, NEGATIVE, POSITIVE, SPREAD, quantiles
from rankbench.losses import VectorLoss, Vectors

MOST = 255
"""Negatives that an example has in its batch, at most: time grows with their square."""

SPARE = 64
"""Dimensions beyond the number of users, in which items can lie as no sum of user vectors does."""

_ROUNDING = 1e-6


@dataclass(frozen=True)
class Pairs:
    """A batch of N + 1 positive pairs, every item of which but its own is a negative of the first example.

    The first user's cosines are those at rest: the median positive's with its own item, normal quantiles with the
    others. Each item is the first user's vector in that proportion, and for the rest a direction of its own; the item
    that moves keeps its direction, so it runs along a great circle through the first user. All vectors are otherwise as
    good as orthogonal, and there are more dimensions than users.

    Args:
        negatives: N, at least 1.
        score: what scores are, "cosine" or "dot".
    """

    negatives: int
    score: Literal["cosine", "dot"] = "cosine"

    @cached_property
    def train(self) -> Interactions:
        """The train set: one item of each user."""
        each = np.arange(self.negatives + 1)  # (B,)
        return Interactions.from_pairs(each, each, len(each), len(each))

    @cached_property
    def length(self) -> float:
        """The length of all vectors."""
        return math.sqrt(LENGTHS) if self.score == "dot" else 1.0

    @cached_property
    def directions(self) -> Tensor:
        """(2B, d) float64 unit vectors, orthogonal to the first user's: one for each item, then one for each user."""
        B = self.negatives + 1
        generator = torch.Generator().manual_seed(0)
        out = torch.randn(2 * B, B + SPARE, generator=generator, dtype=torch.float64)  # (2B, d)
        out[:, 0] = 0
        return self.unit(out)  # (2B, d)

    @staticmethod
    def unit(x: Tensor) -> Tensor:
        """Return vectors (n, d) of length 1."""
        return x / x.square().sum(dim=1, keepdim=True).sqrt()  # (n, d)

    @cached_property
    def cosines(self) -> Tensor:
        """(B,) float64, those of the first user with all items at rest; the second item is the one that moves."""
        rest = (NEGATIVE + SPREAD * quantiles(self.negatives - 1)).clamp(-1, 1)  # (N - 1,)
        return torch.cat([torch.tensor([POSITIVE, NEGATIVE], dtype=torch.float64), rest])  # (B,)

    @cached_property
    def users(self) -> Tensor:
        """(B, d) float64: the first, and others that have the median positive's cosine with their own item."""
        B = self.negatives + 1
        items = self.items(self.cosines) / self.length  # (B, d)
        beside = self.directions[B:]  # (B, d)
        beside = self.unit(beside - (beside * items).sum(dim=1, keepdim=True) * items)  # (B, d)
        out = POSITIVE * items + math.sqrt(1 - POSITIVE**2) * beside  # (B, d)
        out[0] = 0
        out[0, 0] = 1
        return out * self.length  # (B, d)

    def items(self, cosines: Tensor) -> Tensor:
        """Return item vectors (B, d) that have given cosines (B,) with the first user."""
        out = (1 - cosines.square()).clamp_min(0).sqrt()[:, None] * self.directions[: len(cosines)]  # (B, d)
        out[:, 0] = cosines
        return out * self.length  # (B, d)

    def example(self, moving: float) -> Vectors:
        """Return the batch in which the first example's first negative has the score `moving`."""
        cosines = self.cosines.clone()  # (B,)
        cosines[1] = moving / self.length**2
        catalogue = self.items(cosines).requires_grad_()  # (I, d)
        each = torch.arange(len(cosines))  # (B,)
        return Vectors(self.users.clone().requires_grad_(), catalogue[each], catalogue, each, each)

    @cached_property
    def dual(self) -> Tensor:
        """(d, B) float64, whose products with a sum of user vectors are the coefficients of the sum."""
        out: Tensor = torch.linalg.pinv(self.users)  # (d, B)
        return out

    def weights(self, loss: VectorLoss, moving: float) -> Tensor:
        r"""Return the weights (N,) that the first example gives its negatives, the moving one first.

        A loss of scores alone has the gradient $\sum_a \frac{\partial \ell}{\partial s_{aj}} u_a$ with respect to the
        vector of item j; the coefficient of the first user is the weight.
        """
        return self.gradient(loss, moving) @ self.dual[:, 0]  # (N,)

    def is_of_scores(self, loss: VectorLoss) -> bool:
        """Return whether the gradients with respect to the negatives are sums of user vectors."""
        grad = self.gradient(loss, NEGATIVE * self.length**2)  # (N, d)
        beside = grad - grad @ self.dual @ self.users  # (N, d)
        return bool(beside.norm() <= _ROUNDING * grad.norm())

    def gradient(self, loss: VectorLoss, moving: float) -> Tensor:
        """Return the gradient (N, d) of the first example's loss with respect to the vectors of its negatives."""
        batch = self.example(moving)
        value = loss(batch)[0]  # ()
        if not value.requires_grad:
            return torch.zeros_like(batch.catalogue[1:])  # (N, d)
        (grad,) = torch.autograd.grad(value, batch.catalogue, allow_unused=True, materialize_grads=True)  # (I, d)
        return grad[1:]  # (N, d)
