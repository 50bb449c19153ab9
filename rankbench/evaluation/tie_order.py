"""Equal scores in a seeded order of the items, instead of that of their ids.

Items that share their rows of an embedding table tie in every list. By id, the one with the lower id would always be
ranked first, and ids are seldom without meaning: often they follow popularity or time.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray

from rankbench.data.interactions import Interactions
from rankbench.evaluation.cuda import Ranked
from rankbench.randomness import key, permutation


@dataclass(frozen=True, eq=False)
class TieOrder:
    """The order of items of equal scores. Models rank the items as renamed by their place in it.

    Args:
        order: (I,) int64, the items, first one first.
    """

    order: NDArray[np.int64]

    @classmethod
    def seeded(cls, seed: int, n_items: int) -> TieOrder:
        """Return a uniformly random order, the same for all lists of a run."""
        return cls(permutation(key(seed, "ties"), n_items))

    @cached_property
    def place(self) -> NDArray[np.int64]:
        """(I,) int64, the place of each item in the order."""
        place = np.empty_like(self.order)  # (I,)
        place[self.order] = np.arange(len(self.order))
        return place

    def renamed(self, items: Interactions) -> Interactions:
        """Return interactions with their items renamed by place."""
        return Interactions.from_pairs(items.users, self.place[items.items], items.n_users, items.n_items)

    def restored(self, top: NDArray[np.int32]) -> NDArray[np.int32]:
        """Return lists (n, K) of places as lists of items; -1 stays."""
        return np.where(top < 0, -1, self.order[top]).astype(np.int32)  # (n, K)

    def restored_there(self, ranked: Ranked) -> Ranked:
        """Return lists on a device of places as lists of items; -1 stays."""
        order = torch.from_numpy(self.order).to(ranked.item.device)  # (I,)
        item = torch.where(ranked.item < 0, -1, order[ranked.item])  # (n, K)
        return Ranked(item, ranked.score)
