"""Backbones: what turns train interactions into user and item vectors. One file here is one backbone.

A score is the inner product of a user's and an item's vector; losses on cosines get normalised vectors, in training and
in evaluation alike.
"""

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn

from rankbench.data.interactions import Interactions
from rankbench.params import Configurable, Value, param

__all__ = ["Backbone", "initial", "param"]


class Backbone(Configurable, nn.Module, ABC):
    """A recommender's representation: `forward` returns the vectors of all users and all items.

    Class attributes:
        paper: the source.
        folds_in: whether users that `bind` did not see get vectors, from their items (`Split.fold_in`).
    """

    paper: ClassVar[str] = ""
    folds_in: ClassVar[bool] = False

    def __init__(self, **values: Value) -> None:
        nn.Module.__init__(self)
        Configurable.__init__(self, **values)

    @abstractmethod
    def bind(self, train: Interactions, dim: int, init: str, generator: torch.Generator) -> None:
        """Create the parameters for the users and items of `train`, with `initial` values from the generator."""

    @abstractmethod
    def forward(self) -> tuple[Tensor, Tensor]:
        """Return the user vectors (U, d) and the item vectors (I, d)."""


def initial(rows: int, dim: int, init: str, generator: torch.Generator) -> nn.Parameter:
    """Return a table (rows, d) of initial embeddings: N(0, 1) for "normal", N(0, 2 / (rows + d)) for "xavier"."""
    scale = 1.0 if init == "normal" else (2 / (rows + dim)) ** 0.5
    return nn.Parameter(torch.randn(rows, dim, generator=generator) * scale)  # (rows, d)
