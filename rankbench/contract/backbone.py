"""The backbone that is checked: fresh instances of it, and what they return."""

from __future__ import annotations

from functools import cached_property
from typing import Literal, cast

import numpy as np
import torch
from torch import Tensor

from rankbench.backbones import Backbone, Batch, LossFree, RowBackbone
from rankbench.contract import cases
from rankbench.contract.source import Source
from rankbench.data.interactions import Interactions

DIM = 4
"""Dimensions of the vectors."""

TRAIN = Interactions(np.append(cases.TRAIN.indptr, len(cases.TRAIN)), cases.TRAIN.items, cases.TRAIN.n_items)
"""The train set of all checks but that of speed: 13 users, the last without items, and 50 items, some without users."""

USERS, ITEMS = TRAIN.n_users, TRAIN.n_items

BATCH = Batch(torch.tensor([1, 2, 2, 5, 7, 1, 11, 0]), torch.tensor([0, 3, 9, 1, 0, 4, 2, 0]), key=7)
"""Users and positives of a step, some more than once."""

Gives = Literal["vectors", "rows"]
"""What the forward of a backbone returns."""


class BackboneSubject(Source[Backbone]):
    """A backbone class with the values of its parameters."""

    @property
    def gives(self) -> Gives:
        """What its forward returns: vectors, or the scores of rows."""
        return "rows" if issubclass(self.owner, RowBackbone) else "vectors"

    @property
    def trained(self) -> bool:
        """Whether it is trained with a loss."""
        return not issubclass(self.owner, LossFree)

    @property
    def is_random(self) -> bool:
        """Whether it is fitted with random numbers."""
        return issubclass(self.owner, LossFree) and self.owner.uses_seed

    def made(self, train: Interactions = TRAIN, seed: int = 0, dtype: torch.dtype = torch.float64) -> Backbone:
        """Return a fresh backbone, bound or fitted; two with the same seed are alike, whatever they draw with."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.bound(train, seed, dtype)

    def bound(self, train: Interactions = TRAIN, seed: int = 0, dtype: torch.dtype = torch.float64) -> Backbone:
        """Return the same, but with torch's own random numbers where they are."""
        backbone = self.owner(**self.values)
        if isinstance(backbone, LossFree):
            backbone.fit(train, seed)
        else:
            backbone.bind(train, DIM, "normal", torch.Generator().manual_seed(seed))
        moved: Backbone = backbone.to(dtype)
        return moved

    def result(self, backbone: Backbone, train: Interactions = TRAIN) -> tuple[Tensor, ...]:
        """Return what forward gives: vectors (U, d) and (I, d), or the rows (U, I) of all users."""
        if isinstance(backbone, RowBackbone):
            return (backbone(torch.arange(USERS), train),)
        return cast(tuple[Tensor, ...], backbone())

    def step(self, backbone: Backbone, batch: Batch = BATCH) -> tuple[tuple[Tensor, ...], Tensor | None]:
        """Return what a training step sees: vectors (U, d) and (I, d), or rows (B, I); and the penalty ()."""
        if isinstance(backbone, RowBackbone):
            rows, penalty = backbone.step_scores(batch, None, TRAIN)  # (B, I), ()
            return (rows,), penalty
        user_vec, item_vec, penalty = backbone.step(batch)  # (U, d), (I, d), ()
        return (user_vec, item_vec), penalty

    def total(self, backbone: Backbone) -> Tensor:
        """Return a number () that depends on all that a step sees: a random sum of it, and the penalty."""
        seen, penalty = self.step(backbone)
        weights = torch.Generator().manual_seed(3)
        parts = [(torch.randn(x.shape, dtype=x.dtype, generator=weights) * x).sum() for x in seen]
        return torch.stack(parts).sum() + (0 if penalty is None else penalty)

    @cached_property
    def noun(self) -> str:
        """What forward returns, in words."""
        return "vectors" if self.gives == "vectors" else "scores"
