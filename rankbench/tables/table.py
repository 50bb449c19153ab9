"""What all embedding tables have in common: fewer rows than ids, and which rows an id has."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from rankbench.backbones import initial
from rankbench.randomness import bits, key
from rankbench.tables.form import Form

NONE = -1
"""Stands for no row, where an id has fewer rows than others."""


@dataclass(frozen=True, eq=False)
class Ids:
    """The users or the items that a table is made for.

    Args:
        counts: (n,) int64, train interactions of each id.
        seed: the seed of the run, of which the hash functions are functions.
        side: 0 for users, 1 for items, whose hash functions differ.
    """

    counts: NDArray[np.int64]
    seed: int
    side: int

    def __len__(self) -> int:
        return len(self.counts)

    def hashed(self, buckets: int, function: int = 0) -> NDArray[np.int64]:
        """Return the bucket (n,) of each id, 0..buckets-1, by one of several independent hash functions."""
        return (bits(key(self.seed, "tables", self.side, function), len(self)) % np.uint64(buckets)).astype(np.int64)


class Table(nn.Module, ABC):
    """The vectors (n, d) of all ids, each the sum of the rows that the id has; gradients are exact.

    The work of a step is one gather and one scatter for each row of an id. The rows are the only parameters. They start
    from what `init` says of a table of their number, divided by the square root of the number of rows of an id: the
    sum has the variance of a row then.

    Args:
        form: the table's kind and sizes.
        ids: what it is made for.
        dim: dimensions of a vector, d.
        init: initial values, "normal" or "xavier".
        generator: what they are drawn from.

    Raises:
        UserError: there is no such table with d dimensions.
    """

    paper: ClassVar[str] = ""

    def __init__(self, form: Form, ids: Ids, dim: int, init: str, generator: torch.Generator) -> None:
        super().__init__()
        self.form = form
        n_rows, self.used = self.rows_of(form, ids)  # (n, F)
        self.rows = self.initial_rows(n_rows, dim, init, generator)  # (R, d)
        for place, column in enumerate(self.used.T):
            owner = np.flatnonzero(column != NONE)  # (owners,)
            self.register_buffer(f"owner{place}", torch.from_numpy(owner), persistent=False)
            self.register_buffer(f"row{place}", torch.from_numpy(column[owner]), persistent=False)

    @abstractmethod
    def rows_of(self, form: Form, ids: Ids) -> tuple[int, NDArray[np.int64]]:
        """Return the number of rows, R, and which of them each id has: (n, F) int64, the first one always a row."""

    def initial_rows(self, n_rows: int, dim: int, init: str, generator: torch.Generator) -> nn.Parameter:
        """Return the rows (R, d) that training begins with."""
        rows = initial(n_rows, dim, init, generator)  # (R, d)
        return nn.Parameter(rows.detach() / self.used.shape[1] ** 0.5)  # (R, d)

    def forward(self) -> Tensor:
        """Return the vectors of all ids (n, d)."""
        vec = self.gathered(0)  # (n, d)
        for place in range(1, self.used.shape[1]):
            vec = vec.index_add(0, self.get_buffer(f"owner{place}"), self.gathered(place))  # (n, d)
        return vec

    def gathered(self, place: int) -> Tensor:
        """Return the row (owners, d) that each id has in a place, for the ids that have one there."""
        return self.rows.index_select(0, self.get_buffer(f"row{place}"))  # (owners, d)
