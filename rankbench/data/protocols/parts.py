"""What the protocols split, and what they make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions


@dataclass(frozen=True, eq=False)
class Pairs:
    """The filtered pairs of a data set, ascending by (user, item), users and items numbered in the order of their ids.

    Args:
        user: (n,) int32.
        item: (n,) int32.
        users: (U,) the id of each user.
        items: (I,) the id of each item.
        time: (n,) int64, where the data set has times; a pair may then stand there once for each of its times.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    users: tuple[str, ...]
    items: tuple[str, ...]
    time: NDArray[np.int64] | None = None

    def __len__(self) -> int:
        return len(self.user)

    @property
    def n_users(self) -> int:
        """Number of users, U."""
        return len(self.users)

    @property
    def n_items(self) -> int:
        """Number of items, I."""
        return len(self.items)

    def select(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Interactions:
        """Return the interactions of some of the rows, given as a mask or as numbers."""
        return Interactions.from_pairs(self.user[rows], self.item[rows], self.n_users, self.n_items)


@dataclass(frozen=True, eq=False)
class Parts:
    """The train, validation and test sets that a protocol makes.

    Args:
        train, valids, tests: as in `Split`.
        parameters: what fixes the outcome: rates, seeds, generators.
        warnings: what the reader of a result should know.
    """

    train: Interactions
    valids: Mapping[str, Interactions]
    tests: Mapping[str, Interactions]
    parameters: Mapping[str, int | float | str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
