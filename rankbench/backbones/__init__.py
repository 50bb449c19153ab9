"""Backbones: what turns train interactions into scores. One file here is one backbone.

The score of a `Backbone` is the inner product of a user's and an item's vector; losses on cosines get normalised
vectors, in training and in evaluation alike. A `RowBackbone` has scores of another kind. One that is `LossFree` as well
is fitted to the train interactions at once: no loss, no training values, a line of its own in every leaderboard.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from rankbench.data.interactions import Interactions
from rankbench.params import Configurable, Value, param

__all__ = ["Backbone", "Batch", "LossFree", "RowBackbone", "initial", "param"]


@dataclass(frozen=True)
class Batch:
    """What a backbone may look at in a training step.

    Args:
        user: (B,) int64, the users of the batch.
        pos: (B,) int64, a positive of each: that of the example, or one drawn where the loss sees lists.
        key: of the step's random numbers, for `rankbench.randomness`; a function of seed, epoch and batch. With
            `key_on_device` it may be the key's bits as a tensor () int64, for `rankbench.sampling.hashing`.
    """

    user: Tensor
    pos: Tensor
    key: int


class Backbone(Configurable, nn.Module, ABC):
    """A recommender's representation: `forward()` returns the vectors of all users (U, d) and of all items (I, d).

    An id-based backbone has a free vector for each user and each item. It calls these parameters `user` (U, d) and
    `item` (I, d), so that other embedding tables can take their place (`--user-table`, `--item-table`, see
    `rankbench.tables.placing`).

    Class attributes:
        paper: the source.
        folds_in: whether users that `bind` did not see are scored, too, from their items (`Split.inputs`).
        trains_with_loss: whether a loss is needed; False for those that are `LossFree`.
        key_on_device: whether `Batch.key` may be a tensor, so that a GPU can capture a step that draws random numbers.
        recipe: the `TrainSpec` values that the backbone is trained with, whatever the loss's, unless others are asked
            for.
    """

    paper: ClassVar[str] = ""
    folds_in: ClassVar[bool] = False
    trains_with_loss: ClassVar[bool] = True
    key_on_device: ClassVar[bool] = False
    recipe: ClassVar[Mapping[str, Value]] = {}

    def __init__(self, **values: Value) -> None:
        nn.Module.__init__(self)
        Configurable.__init__(self, **values)

    def __getattr__(self, name: str) -> Any:
        """Return the vectors (n, d) of a table that has taken the place of `user` or `item`; else what a module has."""
        table = self._modules.get(f"{name}_table") if name in ("user", "item") else None
        return table() if table is not None else super().__getattr__(name)

    @abstractmethod
    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the parameters for the users and items of `train`, with `initial` values from the generator."""

    @abstractmethod
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Return the user vectors (U, d) and the item vectors (I, d)."""

    def step(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the vectors (U, d) and (I, d) that a training step sees, and the penalty () added to its mean loss.

        Those of `forward`, and no penalty, unless a backbone trains otherwise than it is evaluated: with noise or
        dropout, or with a term of its own on the users and positives of the batch. A step looks at the vectors of all
        items and of the users of the batch; those of other users may be 0, which spares graph backbones work. Called
        once a step.
        """
        return *self(), None


class RowBackbone(Backbone):
    """A recommender whose score is not an inner product: `forward(user, inputs)` scores all items for some users.

    It is trained by losses on sampled negatives and on lists; those that are defined on vectors are refused.

    Attributes:
        cosine: whether the loss expects cosines, scores between -1 and 1: the backbone gives such, by normalising what
            it takes inner products of. Set before `bind`.
    """

    cosine: bool = False

    @abstractmethod
    def forward(self, user: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores of all items (b, I) for some users.

        Evaluation calls it without gradients, and from several threads at once.

        Args:
            user: (b,) int64, users.
            inputs: what is known of every user: train while training, `Split.inputs` in evaluation. One that folds in
                scores a user from this alone.
        """

    def score(self, user: Tensor, item: Tensor, inputs: Interactions) -> Tensor:
        """Return the scores (B, M) of each user (B,) with its own items (B, M) int64: here, picked from whole rows."""
        rows: Tensor = self(user, inputs)  # (B, I)
        return rows.gather(1, item)  # (B, M)

    def step_scores(self, batch: Batch, item: Tensor | None, inputs: Interactions) -> tuple[Tensor, Tensor | None]:
        """Return the scores that a training step sees, and the penalty () added to its mean loss.

        Those of `score`, and no penalty, unless a backbone trains otherwise than it is evaluated. Called once a step.

        Args:
            batch: the batch.
            item: (B, M) int64, the items to score, the positive first; None for all of them.
            inputs: the train interactions.
        """
        rows = self(batch.user, inputs) if item is None else self.score(batch.user, item, inputs)  # (B, M)
        return rows, None


class LossFree(Backbone):
    """A recommender that is fitted without a loss; `forward` is that of a `Backbone` or of a `RowBackbone`.

    Class attributes:
        uses_seed: whether `fit` depends on the seed; if not, it runs once whatever the seeds.
    """

    trains_with_loss = False
    uses_seed: ClassVar[bool] = False

    @abstractmethod
    def fit(self, train: Interactions, seed: int) -> None:
        """Learn from `train`; `seed` is what to seed the backbone's own randomness with."""

    def fold_in(self, inputs: Interactions) -> None:
        """Learn of users that train lacks from their items; called after `fit` where there are such users.

        There is nothing to do for one that scores a user from `inputs` or takes no notice of who asks.
        """

    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Do nothing: `fit` makes whatever there is."""


def initial(rows: int, dim: int, init: str, generator: torch.Generator) -> nn.Parameter:
    """Return a table (rows, d) of initial embeddings: N(0, 1) for "normal", N(0, 2 / (rows + d)) for "xavier"."""
    scale = 1.0 if init == "normal" else (2 / (rows + dim)) ** 0.5
    return nn.Parameter(torch.randn(rows, dim, generator=generator) * scale)  # (rows, d)
