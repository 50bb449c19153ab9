"""The baselines of a step: two ways to write the same training step in plain torch.

They get what costs them nothing: negatives drawn beforehand, already int64, and freed memory that is kept (see
`rankbench.memory`), which saves them the system's clearing of gigabytes a step.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn.functional import cosine_similarity, normalize

from rankbench.losses import Loss, Scores
from rankbench.spec import TrainSpec
from rankbench.speed.clock import Laps

Propagate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""From both embedding tables to user and item vectors."""


def unpropagated(user: Tensor, item: Tensor) -> tuple[Tensor, Tensor]:
    """Return the tables: those of matrix factorisation are the vectors."""
    return user, item


class TorchStep(ABC):
    """A training step in plain torch, with torch.optim.Adam as it is by default.

    Args:
        user: (U, d) float, initial user embeddings; copied.
        item: (I, d) float, initial item embeddings; copied.
        loss: the loss.
        spec: how to train.
        propagate: what the backbone does.
    """

    def __init__(
        self, user: Tensor, item: Tensor, loss: Loss, spec: TrainSpec, propagate: Propagate = unpropagated
    ) -> None:
        self.user = torch.nn.Parameter(user.detach().clone())  # (U, d)
        self.item = torch.nn.Parameter(item.detach().clone())  # (I, d)
        self.loss, self.propagate = loss, propagate
        parameters = [self.user, self.item, *loss.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=spec.lr, weight_decay=spec.weight_decay)

    def step(self, user: Tensor, pos: Tensor, neg: Tensor, laps: Laps) -> Tensor:
        """Take one step with users (B,), positives (B,) and negatives (B, N), all int64; return the mean loss ()."""
        laps.start()
        user_vec, item_vec = self.propagate(self.user, self.item)  # (U, d), (I, d)
        if self.loss.score == "cosine":
            user_vec, item_vec = normalize(user_vec, dim=1), normalize(item_vec, dim=1)  # (U, d), (I, d)
        laps.lap("vectors")
        pos_score, neg_score = self.scores(user_vec, item_vec, user, pos, neg)  # (B,), (B, N)
        laps.lap("score")
        scores = Scores(
            pos_score,
            neg_score,
            user,
            pos,
            neg,
            measure_similarity=lambda: self.similarity(item_vec, pos, neg),
            log_q=lambda item: torch.zeros(
                item.shape, device=item.device
            ),  # all items alike: a constant, which changes no gradient
        )
        value: Tensor = self.loss(scores).mean()  # ()
        laps.lap("loss")
        self.optimiser.zero_grad()
        torch.autograd.backward(value)
        laps.lap("backward")
        self.optimiser.step()
        laps.lap("optimiser")
        return value.detach()

    @abstractmethod
    def scores(
        self, user_vec: Tensor, item_vec: Tensor, user: Tensor, pos: Tensor, neg: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the scores of the positives (B,) and of the negatives (B, N)."""

    @abstractmethod
    def similarity(self, item_vec: Tensor, pos: Tensor, neg: Tensor) -> Tensor:
        """Return the cosines (B, N) of the vectors of positives and negatives, detached."""


class Published(TorchStep):
    """What published code does: gather all vectors, then torch's cosine similarity over the last axis."""

    def scores(
        self, user_vec: Tensor, item_vec: Tensor, user: Tensor, pos: Tensor, neg: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the scores (B,) and (B, N)."""
        query, target, others = user_vec[user], item_vec[pos], item_vec[neg]  # (B, d), (B, d), (B, N, d)
        if self.loss.score == "cosine":
            return cosine_similarity(query, target, dim=-1), cosine_similarity(query[:, None], others, dim=-1)
        return (query * target).sum(dim=-1), (query[:, None] * others).sum(dim=-1)  # (B,), (B, N)

    @torch.no_grad()
    def similarity(self, item_vec: Tensor, pos: Tensor, neg: Tensor) -> Tensor:
        """Return the cosines (B, N)."""
        return cosine_similarity(item_vec[pos][:, None], item_vec[neg], dim=-1)  # (B, N)


class Plain(TorchStep):
    """The best straightforward torch: vectors normalised once, gathered, and one batched product."""

    def scores(
        self, user_vec: Tensor, item_vec: Tensor, user: Tensor, pos: Tensor, neg: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the scores (B,) and (B, N)."""
        query = user_vec[user]  # (B, d)
        return (query * item_vec[pos]).sum(dim=-1), _batched(query, item_vec, neg)  # (B,), (B, N)

    @torch.no_grad()
    def similarity(self, item_vec: Tensor, pos: Tensor, neg: Tensor) -> Tensor:
        """Return the cosines (B, N)."""
        unit = item_vec if self.loss.score == "cosine" else normalize(item_vec, dim=1)  # (I, d)
        return _batched(unit[pos], unit, neg)  # (B, N)


def _batched(query: Tensor, item_vec: Tensor, item: Tensor) -> Tensor:
    return torch.bmm(item_vec[item], query[:, :, None])[:, :, 0]  # (B, N)
