"""Batches of the three kinds that losses see, with the gradients that they gather."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from rankbench.losses import Lists, Scores, Vectors

Rows = slice | Tensor
"""Which rows of a batch."""


def scores_of(
    pos: Tensor, neg: Tensor, user: Tensor, pos_item: Tensor, neg_item: Tensor, similarity: Tensor, n_items: int
) -> Scores:
    """Return a batch of given scores (B,) and (B, N), drawn by a sampler that favours items with high numbers."""
    total = n_items * (n_items + 1) / 2
    return Scores(
        pos=pos,
        neg=neg,
        user=user,
        pos_item=pos_item,
        neg_item=neg_item,
        measure_similarity=similarity.clone,
        log_q=lambda item: torch.log((1.0 + item) / total).to(pos),
    )


def leaf(x: Tensor) -> Tensor:
    """Return a copy that gathers gradients."""
    return x.detach().clone().requires_grad_()


class Batch(ABC):
    """A batch whose `leaves` gather gradients."""

    @property
    @abstractmethod
    def leaves(self) -> tuple[Tensor, ...]:
        """What carries gradients."""

    @abstractmethod
    def given(self, *leaves: Tensor) -> Any:
        """Return what a loss sees, made of these leaves instead of the batch's own."""

    @abstractmethod
    def cast(self, dtype: torch.dtype) -> Self:
        """Return the batch in another precision."""

    @abstractmethod
    def rows(self, which: Rows) -> Self:
        """Return some rows of the batch."""

    @abstractmethod
    def __len__(self) -> int: ...


@dataclass(frozen=True)
class Sampled(Batch):
    """Positives (B,) with negatives (B, N), as `Scores` has them."""

    pos: Tensor
    neg: Tensor
    user: Tensor
    pos_item: Tensor
    neg_item: Tensor
    similarity: Tensor
    n_items: int

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """The scores (B,) and (B, N)."""
        return self.pos, self.neg

    def given(self, *leaves: Tensor) -> Scores:
        """Return the `Scores`."""
        pos, neg = leaves  # (B,), (B, N)
        return scores_of(pos, neg, self.user, self.pos_item, self.neg_item, self.similarity, self.n_items)

    def cast(self, dtype: torch.dtype) -> Self:
        """Return the batch in another precision."""
        return self.with_scores(self.pos.to(dtype), self.neg.to(dtype))

    def with_scores(self, pos: Tensor, neg: Tensor) -> Self:
        """Return the batch with other scores (B,) and (B, N)."""
        return replace(self, pos=leaf(pos), neg=leaf(neg), similarity=self.similarity.to(pos))

    def at(self, pos: float, neg: float, keep: bool = False) -> Self:
        """Return the batch with two scores only, or, to `keep`, with a row and a column of others."""
        low, high = torch.full_like(self.pos, pos), torch.full_like(self.neg, neg)  # (B,), (B, N)
        if keep:
            low[0], high[:, 0] = self.pos[0].detach(), self.neg[:, 0].detach()
        return self.with_scores(low, high)

    def rows(self, which: Rows) -> Self:
        """Return some rows."""
        per_row = ("user", "pos_item", "neg_item", "similarity")
        changed = replace(self, **{name: getattr(self, name)[which] for name in per_row})
        return changed.with_scores(self.pos[which], self.neg[which])

    def columns(self, order: Tensor) -> Self:
        """Return the negatives in another order (N,)."""
        changed = replace(self, neg_item=self.neg_item[:, order], similarity=self.similarity[:, order])
        return changed.with_scores(self.pos, self.neg[:, order])

    def __len__(self) -> int:
        return len(self.pos)


@dataclass(frozen=True)
class Listed(Batch):
    """Scores (B, I) of all items for users (B,), as `Lists` has them."""

    score: Tensor
    relevant: Tensor
    user: Tensor

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """The scores (B, I)."""
        return (self.score,)

    def given(self, *leaves: Tensor) -> Lists:
        """Return the `Lists`."""
        return Lists(leaves[0], self.relevant, self.user)

    def cast(self, dtype: torch.dtype) -> Self:
        """Return the batch in another precision."""
        return replace(self, score=leaf(self.score.to(dtype)))

    def at(self, pos: float, neg: float, keep: bool = False) -> Self:
        """Return the batch with two scores only, or, to `keep`, with a row and a column of others."""
        score = torch.full_like(self.score, neg).masked_fill(self.relevant, pos)  # (B, I)
        if keep:
            score[0], score[:, 0] = self.score[0].detach(), self.score[:, 0].detach()
        return replace(self, score=leaf(score))

    def rows(self, which: Rows) -> Self:
        """Return some users."""
        return replace(self, score=leaf(self.score[which]), relevant=self.relevant[which], user=self.user[which])

    def __len__(self) -> int:
        return len(self.user)


@dataclass(frozen=True)
class Paired(Batch):
    """Tables of vectors (U, d) and (I, d), of which users (B,) and items (B,) are the pairs that `Vectors` has."""

    user_table: Tensor
    item_table: Tensor
    user: Tensor
    item: Tensor

    @property
    def leaves(self) -> tuple[Tensor, ...]:
        """The tables (U, d) and (I, d)."""
        return self.user_table, self.item_table

    def given(self, *leaves: Tensor) -> Vectors:
        """Return the `Vectors`."""
        users, items = leaves  # (U, d), (I, d)
        return Vectors(users[self.user], items[self.item], items, self.user, self.item)

    def cast(self, dtype: torch.dtype) -> Self:
        """Return the batch in another precision."""
        return self.with_tables(self.user_table.to(dtype), self.item_table.to(dtype))

    def with_tables(self, users: Tensor, items: Tensor) -> Self:
        """Return the batch with other vectors (U, d) and (I, d)."""
        return replace(self, user_table=leaf(users), item_table=leaf(items))

    def rows(self, which: Rows) -> Self:
        """Return some pairs."""
        return replace(self, user=self.user[which], item=self.item[which])

    def __len__(self) -> int:
        return len(self.user)
