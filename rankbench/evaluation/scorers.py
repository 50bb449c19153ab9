"""What can rank: anything that names the K best items of some users.

`InnerProduct` is the fast path of backbones with vectors. `Rows` takes scores of any other kind, all items of a few
users at a time, so that memory is bounded whatever the catalogue. Lists follow one law: the higher float32 score first,
equal ones by item, or in the order that `ties` says, and no item whose score is NaN or -inf.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rankbench.backbones import Backbone, RowBackbone
from rankbench.data.interactions import Interactions, Split
from rankbench.evaluation import cuda
from rankbench.evaluation.cuda import Ranked
from rankbench.evaluation.exact import best_of_rows
from rankbench.evaluation.exposed import top_exposed
from rankbench.evaluation.ranking import top_items
from rankbench.evaluation.tie_order import TieOrder
from rankbench.parallel import over_blocks
from rankbench.scoring.unit import unit

CPU = torch.device("cpu")

_SCORES = 2**20
"""Scores in a block of rows: 4 MiB, and three times as much for what orders them, on each thread."""


class Scorer(Protocol):
    """A model as evaluation sees it."""

    def top_items(self, users: NDArray[np.int64], mask: Interactions, K: int) -> NDArray[np.int32]:
        """Return the K items of highest score that are not masked for each of `users`: (n, K), -1 for none."""

    def rank_there(self, users: NDArray[np.int64], mask: Interactions, K: int) -> Ranked | None:
        """Return the same lists on the model's device, to be measured there; None on the CPU."""

    def top_exposed(self, users: NDArray[np.int64], exposed: Interactions, K: int) -> NDArray[np.int32]:
        """Return the K items of highest score among those exposed to each of `users`: (n, K), -1 for none."""

    def penalised(self, penalty: Tensor) -> Scorer:
        """Return the model whose scores are less by the penalty (I,) float of each item."""


@dataclass(frozen=True, eq=False)
class InnerProduct:
    """Scores that are inner products.

    Args:
        user_vec: (U, d) float, user vectors.
        item_vec: (I, d) float, item vectors.
        ties: the order of items of equal scores, by id if there is none.
    """

    user_vec: Tensor
    item_vec: Tensor
    ties: TieOrder | None = None

    @classmethod
    def of(cls, score: str, user_vec: Tensor, item_vec: Tensor, ties: TieOrder | None = None) -> InnerProduct:
        """Return the scorer of a loss's score: of the normalised vectors for "cosine", of the vectors for "dot"."""
        return cls(unit(user_vec), unit(item_vec), ties) if score == "cosine" else cls(user_vec, item_vec, ties)

    def top_items(self, users: NDArray[np.int64], mask: Interactions, K: int) -> NDArray[np.int32]:
        """Return the best items that are not masked (n, K)."""
        if self.ties is None:
            return top_items(self.user_vec, self.item_vec, users, mask, K)
        return self.ties.restored(top_items(self.user_vec, self._ordered, users, self.ties.renamed(mask), K))

    def rank_there(self, users: NDArray[np.int64], mask: Interactions, K: int) -> Ranked | None:
        """Return the same lists on the vectors' device, None on the CPU."""
        if self.on_cpu:
            return None
        user_vec, ties = self.user_vec.detach().float(), self.ties  # (U, d)
        if ties is None:
            return cuda.rank(user_vec, self.item_vec.detach().float(), users, mask, K)
        return ties.restored_there(cuda.rank(user_vec, self._ordered.detach().float(), users, ties.renamed(mask), K))

    def top_exposed(self, users: NDArray[np.int64], exposed: Interactions, K: int) -> NDArray[np.int32]:
        """Return the best of the exposed items (n, K)."""
        if self.ties is None:
            return top_exposed(self.user_vec, self.item_vec, users, exposed, K)
        return self.ties.restored(top_exposed(self.user_vec, self._ordered, users, self.ties.renamed(exposed), K))

    def penalised(self, penalty: Tensor) -> InnerProduct:
        """Return the scorer with one dimension more, in which every user is 1 and an item its penalty's negative."""
        one, less = self.user_vec.new_ones(len(self.user_vec), 1), -penalty.to(self.item_vec)[:, None]  # (U, 1), (I, 1)
        return InnerProduct(torch.cat([self.user_vec, one], 1), torch.cat([self.item_vec, less], 1), self.ties)

    @property
    def on_cpu(self) -> bool:
        """Whether the vectors are in the memory of the CPU."""
        return self.user_vec.device.type == "cpu"

    @cached_property
    def _ordered(self) -> Tensor:
        """The item vectors (I, d) in the order of ties."""
        assert self.ties is not None
        return self.item_vec.index_select(0, torch.from_numpy(self.ties.order).to(self.item_vec.device))  # (I, d)


@dataclass(frozen=True, eq=False)
class Rows:
    """Scores of any kind.

    Args:
        score: `score(users)` gives the scores (b, I) float of all items for the users (b,) int64. It is called without
            gradients, and by several threads at once.
        n_items: number of items, I.
        ties: the order of items of equal scores, by id if there is none.
        device: where the scores are.
    """

    score: Callable[[Tensor], Tensor]
    n_items: int
    ties: TieOrder | None = None
    device: torch.device = CPU

    def top_items(self, users: NDArray[np.int64], mask: Interactions, K: int) -> NDArray[np.int32]:
        """Return the best items that are not masked (n, K)."""
        return self._top(users, mask.relevant, K)

    def rank_there(self, users: NDArray[np.int64], mask: Interactions, K: int) -> Ranked | None:
        """Return the same lists on the scores' device, None on the CPU."""
        if self.on_cpu:
            return None
        ties = self.ties
        if ties is None:
            return cuda.rank_rows(self.score, self.device, users, mask, K)
        order = torch.from_numpy(ties.order).to(self.device)  # (I,)

        def ordered(user: Tensor) -> Tensor:
            return self.score(user).index_select(1, order)  # (b, I)

        return ties.restored_there(cuda.rank_rows(ordered, self.device, users, ties.renamed(mask), K))

    def top_exposed(self, users: NDArray[np.int64], exposed: Interactions, K: int) -> NDArray[np.int32]:
        """Return the best of the exposed items (n, K)."""
        return self._top(users, lambda rows: ~exposed.relevant(rows), K)

    def penalised(self, penalty: Tensor) -> Rows:
        """Return the scorer that takes the penalty from every row."""

        def score(user: Tensor) -> Tensor:
            rows = self.score(user)  # (b, I)
            return rows - penalty.to(rows)  # (b, I)

        return Rows(score, self.n_items, self.ties, self.device)

    @property
    def on_cpu(self) -> bool:
        """Whether the scores are in the memory of the CPU."""
        return self.device.type == "cpu"

    def _top(
        self, users: NDArray[np.int64], left_out: Callable[[NDArray[np.int64]], NDArray[np.bool_]], K: int
    ) -> NDArray[np.int32]:
        top = np.full((len(users), K), -1, np.int32)  # (n, K)

        def block(start: int, stop: int) -> None:
            rows = users[start:stop]  # (b,)
            with torch.no_grad():  # what a thread records is its own affair
                scores = self.score(torch.from_numpy(rows)).float().cpu().numpy()  # (b, I)
            ranked = np.where(left_out(rows), np.float32(-np.inf), scores)  # (b, I)
            if self.ties is None:
                top[start:stop] = best_of_rows(ranked, K)
            else:
                top[start:stop] = self.ties.restored(best_of_rows(ranked[:, self.ties.order], K))

        over_blocks(block, len(users), max(1, _SCORES // max(self.n_items, 1)))
        return top


def scorer_of(backbone: Backbone, split: Split, score: str = "dot", ties: TieOrder | None = None) -> Scorer:
    """Return the model of a backbone as it is now, trained by a loss whose score is "cosine" or "dot"."""
    if not isinstance(backbone, RowBackbone):
        user_vec, item_vec = backbone()  # (U, d), (I, d)
        return InnerProduct.of(score, user_vec, item_vec, ties)
    device = next((p.device for p in backbone.parameters()), CPU)
    return Rows(lambda user: backbone(user.to(device), split.inputs), split.n_items, ties, device)
