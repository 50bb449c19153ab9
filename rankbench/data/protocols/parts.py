"""What the protocols split, and what they make of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from rankbench.data.interactions import FalseNegatives, Interactions, Split


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

    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last time, Unix seconds; None where there are none."""
        return None if self.time is None else (int(self.time.min()), int(self.time.max()))

    def select(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Interactions:
        """Return the interactions of some of the rows, given as a mask or as numbers."""
        return Interactions.from_pairs(self.user[rows], self.item[rows], self.n_users, self.n_items)

    def of_items(self, items: NDArray[np.int64] | None) -> Interactions:
        """Return the interactions with some of the items (I,), ascending, numbered in their order; None: with all."""
        if items is None:
            return self.select(np.ones(len(self), np.bool_))
        kept = np.isin(self.item, items)  # (n,)
        number = np.searchsorted(items, self.item[kept])  # (m,)
        return Interactions.from_pairs(self.user[kept], number, self.n_users, len(items))


@dataclass(frozen=True, eq=False)
class Exposed:
    """What was shown to whom in the part of a data set that chance (or everything) decided, not a recommender.

    Args:
        user, item: (n,) int32, numbered as in the logged part.
        positive: (n,) bool, whether the user liked it.
        dropped: how many rows were left out, by reason.
    """

    user: NDArray[np.int32]
    item: NDArray[np.int32]
    positive: NDArray[np.bool_]
    dropped: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Parts:
    """The train, validation and test sets that a protocol makes.

    Args:
        train, valids, tests, fold_in, exposed, false_negatives: as in `Split`.
        parameters: what fixes the outcome: rates, seeds, generators.
        warnings: what the reader of a result should know.
        items: (I,) int64, which items of the pairs the parts are about, ascending; None: all of them.
    """

    train: Interactions
    valids: Mapping[str, Interactions]
    tests: Mapping[str, Interactions]
    parameters: Mapping[str, int | float | str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    fold_in: Interactions | None = None
    exposed: Interactions | None = None
    false_negatives: FalseNegatives | None = None
    items: NDArray[np.int64] | None = None

    def split(self, dataset: str, protocol: str) -> Split:
        """Return the split that the parts are."""
        return Split(
            dataset, protocol, self.train, self.valids, self.tests, self.fold_in, self.exposed, self.false_negatives
        )

    def item_ids(self, pairs: Pairs) -> tuple[str, ...]:
        """Return the ids of the items that the parts of some pairs are about, by number."""
        return pairs.items if self.items is None else tuple(pairs.items[i] for i in self.items.tolist())
