"""The weight of a negative as a function of its score."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.errors import UserError
from rankbench.gradient.pairs import MOST, Pairs
from rankbench.gradient.settle import has_state, settle
from rankbench.gradient.typical import LENGTHS, Typical
from rankbench.losses import ListLoss, Loss, VectorLoss
from rankbench.params import resolve
from rankbench.spec import TrainSpec

POINTS = 201
"""Scores at which the weight is taken; odd, so that 0 is one of them."""

SEEDS = 20
"""Seeds at most that a loss on vectors is bound with until it gives any negative a weight."""


@dataclass(frozen=True)
class Curve:
    r"""The weight of a negative at every score that it may have.

    Args:
        label: the loss as it is typed.
        score: what scores are, "cosine" or "dot".
        sees: what the loss sees, "negatives", "lists" or "vectors".
        negatives: N, the negatives of the example, that which moves included.
        settled: whether the loss has a state, which was trained on scores at rest.
        at: (G,) float64, scores of the negative, ascending.
        weight: (G,) float64, $\partial \ell / \partial s_j$ at these scores.
        share: (G,) float64, the weight over the sum of the absolute weights of all negatives; 0 where all are 0.
    """

    label: str
    score: Literal["cosine", "dot"]
    sees: Literal["negatives", "lists", "vectors"]
    negatives: int
    settled: bool
    at: NDArray[np.float64]
    weight: NDArray[np.float64]
    share: NDArray[np.float64]

    @cached_property
    def relative(self) -> NDArray[np.float64]:
        """(G,) float64, the weight over its largest absolute value."""
        largest = float(np.abs(self.weight).max())
        return self.weight / largest

    @property
    def cosine(self) -> NDArray[np.float64]:
        """(G,) float64, the scores as cosines: inner products over the product of the lengths."""
        return self.at / (LENGTHS if self.score == "dot" else 1)

    @property
    def multiple(self) -> NDArray[np.float64]:
        """(G,) float64, the share over that which each of N equals would have."""
        return self.share * self.negatives


def curve(loss: Loss, label: str, negatives: int | None = None) -> Curve:
    """Return the curve of a loss that is not yet bound.

    Args:
        loss: the loss.
        label: what to call it.
        negatives: N; left out, that with which the loss is trained. A loss on vectors has `MOST` at most, and one on
            lists, which sees all items, at least 1000.

    Raises:
        UserError: the loss has no weight of a negative, or one that is not finite, or refuses N negatives.
    """
    spec = resolve(TrainSpec, loss.recipe)
    if isinstance(loss, VectorLoss):
        found = of_vectors(loss, label, min(negatives or int(spec["batch_size"]) - 1, MOST))
    else:
        found = of_scores(loss, negatives or int(spec["negatives"]))
    at, weights, settled = found  # (G,), (G, N)
    if not np.isfinite(weights).all():
        raise UserError(f"The weight of a negative is not finite in {label}.", "Try other parameters.")
    if not weights[:, 0].any():
        raise UserError(f"{label} gives no negative a weight.", "There is nothing to draw.")
    total = np.abs(weights).sum(axis=1)  # (G,)
    share = np.divide(weights[:, 0], total, out=np.zeros_like(total), where=total > 0)  # (G,)
    sees: Literal["negatives", "lists", "vectors"] = (
        "vectors" if isinstance(loss, VectorLoss) else "lists" if isinstance(loss, ListLoss) else "negatives"
    )
    return Curve(label, loss.score, sees, weights.shape[1], settled, at, weights[:, 0], share)


Found = tuple[NDArray[np.float64], NDArray[np.float64], bool]
"""Scores (G,), weights (G, N) of all negatives, the moving one first, and whether a state was settled."""


def of_scores(loss: Loss, negatives: int) -> Found:
    """Return the weights of a loss on sampled negatives or on lists."""
    typical = Typical(negatives, loss.score)
    loss.bind(typical.train, 0)
    loss.eval()
    settled = has_state(loss)
    if settled:
        settle(loss, typical)
    at = grid(typical.scale)  # (G,)
    of = of_lists if isinstance(loss, ListLoss) else of_negatives
    return at, np.stack([of(loss, typical, moving).numpy() for moving in at.tolist()]), settled


def of_negatives(loss: Loss, typical: Typical, moving: float) -> Tensor:
    """Return the weights (N,) of the first example's negatives."""
    batch = typical.example(moving)
    return gradient(loss(batch)[0], batch.neg)[0]  # (N,)


def of_lists(loss: Loss, typical: Typical, moving: float) -> Tensor:
    """Return the weights (I - P,) of the first user's irrelevant items."""
    batch = typical.lists(moving)
    return gradient(loss(batch)[0], batch.score)[0, typical.others[0]]  # (I - P,)


def of_vectors(loss: VectorLoss, label: str, negatives: int) -> Found:
    """Return the weights of a loss on vectors.

    Its state, if it has one, is that at the start of training. A loss that draws something at random in each step is
    seen in one in which the example counts.
    """
    pairs = Pairs(negatives, loss.score)
    for seed in range(SEEDS):
        loss.bind(pairs.train, seed)
        loss.eval()
        if not pairs.is_of_scores(loss):
            raise UserError(
                f"{label} gives no negative a weight: it depends on how items lie to each other, not on their scores.",
                f"`rankbench show {label}` has its formula.",
            )
        if pairs.weights(loss, 0).any():
            break
    at = grid(pairs.length**2)  # (G,)
    return at, np.stack([pairs.weights(loss, moving).numpy() for moving in at.tolist()]), False


def grid(scale: float) -> NDArray[np.float64]:
    """Return the scores (G,) at which the weight is taken."""
    return np.linspace(-1, 1, POINTS) * scale  # (G,)


def gradient(value: Tensor, by: Tensor) -> Tensor:
    """Return the gradient of a loss () in the shape of what it is taken by; 0 where it does not depend on that."""
    if not value.requires_grad:
        return torch.zeros_like(by)
    (found,) = torch.autograd.grad(value, by, allow_unused=True, materialize_grads=True)
    return found
